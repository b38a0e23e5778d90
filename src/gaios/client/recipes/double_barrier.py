"""A place that so many enter together and leave together, and can use again.

Rule 1. Who comes joins a group, as `in`. When so many are there, whoever sees it writes down a *round*: those of them who came first. It is
written only if each of them is there at that moment and still `in`: so nobody enters whose others have left.
Rule 2. Who is in the round enters. Who leaves says `left`, and waits until nobody of the round is there as `in`; who died has left.
Rule 3. Then the round is deleted by whoever sees it, and the next can begin.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

import msgspec

from gaios.api import Delete, Entry, Put, Test, prefix_end
from gaios.client.grant import check_wait
from gaios.client.held import OnJeopardy
from gaios.client.locking import Locking
from gaios.client.recipes.agreed import agree
from gaios.client.recipes.group import Group, Joining, Member, Membership, own_id
from gaios.client.recipes.said import Said
from gaios.client.recipes.waiting import change, directory, either, news, patiently
from gaios.errors import ConfigurationError, NotInTime, ProtocolError

PARTIES_MAX: Final = 60
"""A round is written under two tests for each."""
_IN: Final = b"in"
_LEFT: Final = b"left"
Round = list[tuple[str, int]]
"""Ids, and the revisions of their memberships."""


class DoubleBarrier(Joining):
    """To be crossed by `async with`; made by `Cell.double_barrier`."""

    def __init__(self, group: Group, locking: Locking, parties: int, *, wait: float | None, on_jeopardy: OnJeopardy) -> None:
        if not 1 <= parties <= PARTIES_MAX:
            raise ConfigurationError(reason=f"a double barrier has 1 to {PARTIES_MAX} parties, not {parties!r}")
        check_wait(wait)
        super().__init__(group, locking, _IN, own_id(), wait=0, on_jeopardy=on_jeopardy)
        self._parties, self._patience = parties, wait
        self._round = group.place.key + b"//round"

    async def _begin(self, held: Membership) -> None:
        await agree(self._group.keys, self._group.place, self._parties, "parties")
        await super()._begin(held)
        try:
            async with asyncio.timeout(self._patience):
                # In jeopardy nothing is told: a directory cannot even be opened.
                await either(self._enter(held), held.lost.wait())
        except TimeoutError:
            what = f"{self._parties} parties did not come to the {self._group.place.title}"
            raise NotInTime(what=what, waited_ms=int((self._patience or 0.0) * 1_000)) from None
        if held.why:
            raise held.error(held.why)

    async def _end(self, held: Membership, *, done: bool) -> None:
        if done:
            await held.say(_LEFT)
            async with contextlib.aclosing(self._looks()) as looks:
                async for entry, members in looks:
                    if entry is None or _mine(held) not in _round(entry):
                        break
                    await self._close(entry, members)
        await super()._end(held, done=done)

    async def _enter(self, held: Membership) -> None:
        async with contextlib.aclosing(self._looks()) as looks:
            async for entry, members in looks:
                if entry is None:
                    waiting = sorted((member for member in members if member.value == _IN), key=lambda member: member.sequencer.revision)
                    if len(waiting) >= self._parties:
                        await self._open(waiting[: self._parties])
                elif _mine(held) in _round(entry):
                    return
                else:
                    await self._close(entry, members)

    async def _open(self, first: list[Member]) -> None:
        group = self._group
        guard = [Test(self._round, "absent")]
        for member in first:
            said = Said(member.handle, member.sequencer, _IN).encode()
            guard += [member.guard(), Test(group.prefix + member.id.encode(), "value", "==", said)]
        listed: Round = [(member.id, member.sequencer.revision) for member in first]
        await group.keys.multiop(guard, [Put(self._round, msgspec.msgpack.encode(listed))])

    async def _close(self, entry: Entry, members: tuple[Member, ...]) -> None:
        """Delete a round of which nobody is in any more."""
        inside = {(member.id, member.sequencer.revision) for member in members if member.value == _IN}
        if not inside.intersection(_round(entry)):
            await self._group.keys.multiop([Test(self._round, "mod_revision", "==", entry.mod_revision)], [Delete(self._round)])

    async def _looks(self) -> AsyncGenerator[tuple[Entry | None, tuple[Member, ...]], None]:
        """The round, and who was there after that was read; again whenever something changes."""
        keys, place = self._group.keys, self._group.place
        prefix = place.key + b"//"
        async with directory(self._locking, place.below("members")) as node:
            while True:
                found = await patiently(keys, lambda: keys.range(self._round, self._round + b"\0"))
                view = await patiently(keys, self._group.members)
                yield found[0] if found else None, view.members
                await either(news(node), change(keys, prefix, prefix_end(prefix), found.revision))


def _mine(held: Membership) -> tuple[str, int]:
    return held.id, held.sequencer.revision


def _round(entry: Entry) -> Round:
    try:
        return msgspec.msgpack.decode(entry.value, type=Round)
    except msgspec.DecodeError:
        raise ProtocolError(reason=f"the key {entry.key!r} holds something that is no round") from None
