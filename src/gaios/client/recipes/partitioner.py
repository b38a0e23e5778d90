"""Partitions that the members of a group divide among themselves.

Rule 1. Who works on a partition holds its lock: two never do, whatever they believe of the group. Its sequencer is for whoever is to check.
Rule 2. Each member computes from the group's view which are its own, all in the same way: nobody has more than its share, rounded up, and
who joins or leaves moves few of the others'.
Rule 3. What is another's by the newest view is given up first, when the work on it has come to its end; the other waits at its lock.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gaios.client.arguments import Value
from gaios.client.grant import Grant
from gaios.client.handle import Handle
from gaios.client.held import Held
from gaios.client.locking import Locking
from gaios.client.recipes.agreed import agree
from gaios.client.recipes.group import Group
from gaios.errors import ConfigurationError

PARTITIONS_MAX: Final = 1_024
"""A member that is alone holds so many locks, in one session."""
Work = Callable[["Partition"], Awaitable[None]]


class Partition(Held):
    """A partition, held."""

    number: int = 0
    """Which one, from 0 on."""

    _is_anothers = False

    def hand_over(self) -> None:
        """It is another member's: from here on `check` raises, and `lost` is set; but it is held, and its holder may end what it does."""
        self._is_anothers = True
        self.lost.set()

    def check(self) -> None:
        """As every lock's; it also raises when the partition is for another member to work on."""
        super().check()
        if self._is_anothers:
            raise self.error("it is for another member of the group to work on")


class _Owning(Grant[Partition]):
    def __init__(self, locking: Locking, path: str, number: int) -> None:
        super().__init__(locking)
        self._path, self._number = path, number

    async def _take(self) -> tuple[Partition, Handle]:
        handle, sequencer = await self._locking.acquire(self._path, shared=False, wait_s=None, lock_delay_ms=0)
        held = Partition(self._path, sequencer, handle)
        held.number = self._number
        return held, handle


class Partitioner:
    """Made by `Cell.partitioner`."""

    def __init__(self, group: Group, locking: Locking, partitions: int) -> None:
        if not 1 <= partitions <= PARTITIONS_MAX:
            raise ConfigurationError(reason=f"a partitioner has 1 to {PARTITIONS_MAX} partitions, not {partitions!r}")
        self._group, self._locking, self._partitions = group, locking, partitions

    async def run(self, work: Work, *, value: Value = b"", member: str = "") -> None:
        """Be a member, and work on one's own partitions until this is cancelled: `work(held)` in a task for each, `held.number` says which.

        When a partition is to be another's, its task is cancelled, and given up when that has ended. One whose work has returned stays
        one's own. An error of the work ends it all, and comes out of this.

        Args:
            work: what to do with a partition.
            value: as `Group.join` has it.
            member: as `Group.join` has it.

        Raises:
            LockLost: this member, or a partition of its, may be taken for dead by others: all work was cancelled.
            Disagreement: others say that there is another number of partitions.
        """
        await agree(self._group.keys, self._group.place, self._partitions, "partitions")
        async with self._group.join(value, member=member) as held:
            working = _Working(self._locking, self._group.place.below("partitions"), work)
            following = asyncio.ensure_future(self._follow(held.id, working))
            try:
                await asyncio.wait([following, working.failed], return_when=asyncio.FIRST_COMPLETED)
            finally:
                following.cancel()
                await working.stop()
                await asyncio.wait([following])
            for ended in (working.failed, following):
                if ended.done() and not ended.cancelled():
                    ended.result()

    async def _follow(self, own: str, working: "_Working") -> None:
        async for view in self._group.watch():
            owners = share([each.id for each in view.members], self._partitions)
            working.assign({number for number, owner in enumerate(owners) if owner == own})


class _Working:
    """The tasks of one member."""

    def __init__(self, locking: Locking, directory: str, work: Work) -> None:
        self._locking, self._directory, self._work = locking, directory, work
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def assign(self, numbers: set[int]) -> None:
        """These are its own."""
        for number in [number for number in self._tasks if number not in numbers]:
            task = self._tasks.pop(number)
            if not task.done():
                task.cancel()
                self._ending.add(task)
        for number in sorted(numbers - self._tasks.keys()):
            task = self._tasks[number] = asyncio.ensure_future(self._own(number, set(self._ending)))
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """None are."""
        self.assign(set())
        while self._ending:
            await asyncio.wait(self._ending)

    async def _own(self, number: int, before: set[asyncio.Task[None]]) -> None:
        if before:
            # One of them may be work on this one that has not ended yet.
            await asyncio.wait(before)
        async with _Owning(self._locking, f"{self._directory}/{number}", number) as held:
            await self._work(held)
            await asyncio.Event().wait()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._ending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)


def share(members: Sequence[str], partitions: int) -> list[str]:
    """Whose each partition is; the same for everybody, whatever the order of members. Nobody's where there are none.

    Each goes to the member whose hash with it is the greatest, of those who have not their share yet.
    """
    names = sorted(set(members))
    most = -(-partitions // len(names)) if names else 0
    left = dict.fromkeys(names, most)
    found: list[str] = []
    for number in range(partitions):
        best = max((name for name in names if left[name]), key=lambda name: _weight(number, name), default="")
        if best:
            left[best] -= 1
        found.append(best)
    return found


def _weight(number: int, name: str) -> bytes:
    return hashlib.blake2b(f"{number}/{name}".encode(), digest_size=8).digest()
