"""Changing the members of a cell, one at a time.  [PML §5.4; SAFETY 18]

Rule 1. Each call reads who the members are, makes the configuration that follows, and asks the master for exactly that one. In doubt it
reads again: what was asked for is in force, or it is not, and then it is asked for again. A call that ends before that was read is Unknown.
Rule 2. A change waits until the one before is settled, and enough voters are there. What no master will ever take is told at once.
"""
# ruff: noqa: ASYNC109 (a call's time-out bounds several attempts, each with one of its own)

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gaios.client.calling import Calling
from gaios.client.core import CHANGE
from gaios.client.members import Change, Members, invite, merge
from gaios.client.status import Told
from gaios.configuration import Configuration, Member
from gaios.errors import Error, InvalidCommand, NotMaster, Overloaded, Unavailable, Unknown

AGAIN_S: Final = 0.1
"""Between two attempts."""
ASK_S: Final = 2.0
"""How long one attempt waits."""


class MemberCalls(Calling):
    """The part of a `Cell` that changes its members."""

    async def members(self) -> Members:
        """Who the members are, by the newest word of those replicas that answer within a second.

        Raises:
            Unavailable: none answered.
        """
        return merge([answer for answer in (await self._tell()).values() if isinstance(answer, Told)])

    async def add_member(self, replica: int, *, client: str, peer: str, admin: str, timeout: float | None = None) -> Change:
        """Have a new member, a learner until it has caught up, in the free place of this replica id, at these addresses (`HOST:PORT`).

        Asked again, for a place where a learner waits at the same peer address, it gives that one's invitation anew.

        Raises:
            InvalidCommand: the place or an address is taken, or there is no room.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """

        def make(known: Members) -> Configuration | None:
            now = known.configuration
            there = now.at(replica)
            if there is not None and not there.votes and there.peer == peer:
                return None
            made = now.added(replica, peer=peer, client=client, admin=admin)
            known.check_free(replica, {"client": client, "peer": peer, "admin": admin})
            return made

        members, made = await self._change(make, timeout)
        return _changed(members, made, replica)

    async def replace_member(
        self, replica: int, *, member: int | None = None, client: str = "", peer: str = "", admin: str = "", timeout: float | None = None
    ) -> Change:
        """Have a new member in the place of one whose disk is lost, or that is to go: in one step, where the old one was unless told.

        The old one is counted no more from then on, the new one votes once it has caught up; any master goes on with that.
        Asked again while the new one is a learner, it gives that one's invitation anew; at other addresses than the learner's, it replaces
        the learner. With `member` it replaces that one alone: asked again, whoever is in its place by then is told.

        Raises:
            InvalidCommand: nobody is in that place, an address is taken, or no voter would be left.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """
        before = await self.members()
        where = before.at(replica)
        told = {"client": client or where.client or "", "peer": peer or where.peer or "", "admin": admin or where.admin or ""}
        asked = {role: address for role, address in (("client", client), ("peer", peer), ("admin", admin)) if address}

        def make(known: Members) -> Configuration | None:
            now = known.configuration
            there = now.at(replica)
            if there is None:
                raise InvalidCommand(reason=f"no member of the cell is replica {replica}")
            elsewhere = any(getattr(there, role) != address for role, address in asked.items())
            if there.number != member if member is not None else not there.votes and not elsewhere:
                return None
            made = now.replaced(there.number, **told)
            known.check_free(replica, told)
            return made

        members, made = await self._change(make, timeout)
        return _changed(members, made, replica)

    async def remove_member(self, replica: int, *, timeout: float | None = None) -> Change:
        """Take the member in this place out of the cell. It stops by itself once the others have all that it has.

        Raises:
            InvalidCommand: nobody is in that place, or no voter would be left.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """
        before = await self.members()
        number = before.at(replica).member
        assert number is not None, "`at` found it"

        def make(known: Members) -> Configuration | None:
            now = known.configuration
            return now.removed(number) if now.member(number) is not None else None

        _, made = await self._change(make, timeout)
        return Change(number=made.number, replica=replica, member=number)

    async def _change(self, make: Callable[[Members], Configuration | None], timeout: float | None) -> tuple[Members, Configuration]:
        """Carry a change out: what the members are then, and their configuration. `make` gives None where nothing is left to do."""
        doubt = Doubt()
        try:
            return await self._carry_out(make, self._seconds(timeout), doubt)
        except Unknown:
            raise
        except Error as error:
            if doubt.number:
                unknown = Unknown(reason=f"configuration {doubt.number} was asked for ({doubt.why}), and then: {error}")
                unknown.hint = "look who the members are: gaios member ls"
                raise unknown from error
            raise

    async def _carry_out(
        self, make: Callable[[Members], Configuration | None], limit: float, doubt: "Doubt"
    ) -> tuple[Members, Configuration]:
        began = time.monotonic()
        why: Error | None = None
        new: Member | None = None
        while True:
            known: Members | None = None
            try:
                known = await self.members()
            except Error as error:
                if not doubt.number:
                    raise
                why = error
            if known is not None:
                now = known.configuration
                doubt.look(now)
                if new is not None and (there := now.member(new.number)) is not None and there.peer == new.peer:
                    return known, now  # an attempt in doubt was carried out
                proposed = make(known)
                if proposed is None:
                    return known, now
                if known.settled and known.master:
                    new = proposed.member(now.next_member) or new
                    try:
                        await self._shell.call(CHANGE, proposed.encode(), ASK_S, known.master)
                    except Unknown as error:
                        doubt.begin(proposed, error)
                    except InvalidCommand as error:
                        if not doubt.number:
                            raise  # no master will ever take it
                        why = error
                    except (NotMaster, Overloaded, Unavailable) as error:
                        why = error  # the master may know of a change that is not told yet: it is asked again
                    else:
                        return known, proposed
            if time.monotonic() - began > limit:
                reason = str(why) if why is not None else "the change before is not settled yet, or there is no master"
                raise Unavailable(waited_ms=int(limit * 1_000), reason=reason)
            await asyncio.sleep(AGAIN_S)


class Doubt:
    """Of an attempt whose outcome is not known: it may yet take effect, until a configuration of its number is known.  [SAFETY 20]"""

    def __init__(self) -> None:
        self.number = 0
        """Of the configuration that was asked for; 0: there is no doubt."""
        self.why = ""

    def begin(self, proposed: Configuration, error: Unknown) -> None:
        """An attempt to have this one ended so."""
        self.number, self.why = proposed.number, error.reason

    def look(self, known: Configuration) -> None:
        """This one is chosen: a number is given once, so an attempt at it, or at one before, was carried out or never will be."""
        if known.number >= self.number:
            self.number = 0


def _changed(known: Members, made: Configuration, replica: int) -> Change:
    there = made.at(replica)
    assert there is not None, "a change lists whom it adds"
    invitation = "" if there.votes else invite(known, made, there.number)
    return Change(number=made.number, replica=replica, member=there.number, invitation=invitation)
