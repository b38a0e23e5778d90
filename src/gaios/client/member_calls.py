"""Changing the members of a cell, one at a time.  [PML §5.4; SAFETY 18]

Rule 1. Each call reads who the members are, makes the configuration that follows, and asks the master for exactly that one. In doubt it
reads again: what was asked for is in force, or it is not, and then it is asked for again.
Rule 2. A change waits until the one before is settled.
"""
# ruff: noqa: ASYNC109 (a call's time-out bounds several attempts, each with one of its own)

import asyncio
import time
from collections.abc import Callable

from gaios.client.calling import Calling
from gaios.client.core import CHANGE
from gaios.client.members import Change, Members, invite, merge
from gaios.client.status import Told
from gaios.configuration import Configuration, Member
from gaios.errors import Error, InvalidCommand, NotMaster, Unavailable, Unknown

AGAIN_S = 0.1
ASK_S = 2.0
"""How long one attempt waits."""


class MemberCalls(Calling):
    """The part of a `Cell` that changes its members."""

    async def _tell(self) -> dict[str, Told | Error]:
        """What each replica says of itself."""
        raise NotImplementedError

    async def members(self) -> Members:
        """Who the members are, by the newest word of those replicas that answer within a second.

        Raises:
            Unavailable: none answered.
        """
        answers = list((await self._tell()).values())
        found = [answer for answer in answers if isinstance(answer, Told)]
        if not found:
            raise next(answer for answer in answers if isinstance(answer, Error))
        return merge(found)

    async def add_member(self, replica: int, *, client: str, peer: str, admin: str, timeout: float | None = None) -> Change:
        """Have a new member, a learner until it has caught up, in the free place of this replica id, at these addresses (`HOST:PORT`).

        Asked again, for a place where a learner waits at the same peer address, it gives that one's invitation anew.

        Raises:
            InvalidCommand: the place is taken, or there is no room.
            Unavailable: no master carried it out in time.
        """

        def make(known: Configuration) -> Configuration | None:
            there = known.at(replica)
            if there is not None and not there.votes and there.peer == peer:
                return None
            return known.added(replica, peer=peer, client=client, admin=admin)

        members, made = await self._change(make, timeout)
        return _changed(members, made, replica)

    async def replace_member(
        self, replica: int, *, client: str = "", peer: str = "", admin: str = "", timeout: float | None = None
    ) -> Change:
        """Have a new member in the place of one whose disk is lost, or that is to go: in one step, where the old one was unless told.

        The old one is counted no more from then on, the new one votes once it has caught up; any master goes on with that.
        Asked again while the new one is a learner, it gives that one's invitation anew.

        Raises:
            InvalidCommand: nobody is in that place, or no voter would be left.
            Unavailable: no master carried it out in time.
        """
        before = await self.members()
        where = before.at(replica)
        told = {"client": client or where.client or "", "peer": peer or where.peer or "", "admin": admin or where.admin or ""}

        def make(known: Configuration) -> Configuration | None:
            there = known.at(replica)
            if there is None:
                raise InvalidCommand(reason=f"no member of the cell is replica {replica}")
            return known.replaced(there.number, **told) if there.votes else None

        members, made = await self._change(make, timeout)
        return _changed(members, made, replica)

    async def remove_member(self, replica: int, *, timeout: float | None = None) -> Change:
        """Take the member in this place out of the cell. It stops by itself once the others have all that it has.

        Raises:
            InvalidCommand: nobody is in that place, or no voter would be left.
            Unavailable: no master carried it out in time.
        """
        before = await self.members()
        number = before.at(replica).member
        assert number is not None, "`at` found it"

        def make(known: Configuration) -> Configuration | None:
            return known.removed(number) if known.member(number) is not None else None

        _, made = await self._change(make, timeout)
        return Change(number=made.number, replica=replica, member=number)

    async def _change(self, make: Callable[[Configuration], Configuration | None], timeout: float | None) -> tuple[Members, Configuration]:
        """Carry a change out: what the members are then, and their configuration. `make` gives None where nothing is left to do."""
        limit, began = self._seconds(timeout), time.monotonic()
        why: Error | None = None
        new: Member | None = None
        while True:
            known = await self.members()
            now = known.configuration
            if new is not None and (there := now.member(new.number)) is not None and there.peer == new.peer:
                return known, now  # an attempt in doubt was carried out
            proposed = make(now)
            if proposed is None:
                return known, now
            if known.settled and known.master:
                new = proposed.member(now.next_member) or new
                try:
                    await self._shell.call(CHANGE, proposed.encode(), ASK_S, known.master)
                except (NotMaster, Unavailable, Unknown) as error:
                    why = error
                except InvalidCommand as error:
                    if (await self.members()).number == now.number:
                        raise
                    why = error
                else:
                    return known, proposed
            if time.monotonic() - began > limit:
                reason = str(why) if why is not None else "the change before is not settled yet, or there is no master"
                raise Unavailable(waited_ms=int(limit * 1_000), reason=reason)
            await asyncio.sleep(AGAIN_S)


def _changed(known: Members, made: Configuration, replica: int) -> Change:
    there = made.at(replica)
    assert there is not None, "a change lists whom it adds"
    return Change(number=made.number, replica=replica, member=there.number, invitation=invite(known, made, there.number))
