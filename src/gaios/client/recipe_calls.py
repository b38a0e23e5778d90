"""The recipes of a `Cell`: what people make of its locks, files and keys.

What each promises stands in its own module of `recipes/`.
"""

from datetime import timedelta

from gaios.client.arguments import Key, span
from gaios.client.held import OnJeopardy
from gaios.client.keys import Keys
from gaios.client.lock_calls import LockCalls
from gaios.client.locks import Lock
from gaios.client.recipes.barrier import Barrier
from gaios.client.recipes.cache import LIMIT_BYTES, PrefixCache
from gaios.client.recipes.counter import Counter
from gaios.client.recipes.double_barrier import DoubleBarrier
from gaios.client.recipes.election import Election
from gaios.client.recipes.group import Group
from gaios.client.recipes.once import Mark, Once
from gaios.client.recipes.partitioner import Partitioner
from gaios.client.recipes.place import place
from gaios.client.recipes.queue import Queue
from gaios.client.recipes.rwlock import RWLock
from gaios.client.recipes.semaphore import Semaphore
from gaios.client.recipes.singleton import Singleton
from gaios.client.recipes.watcher import OnChange


class Recipes(Keys, LockCalls):
    """See the module."""

    # ------------------------------------------------------------------------------------------------------------ one at a time

    def rwlock(self, name: str) -> RWLock:
        """A lock for readers and writers: `async with cell.rwlock(name).read() as held`, or `.write()`.

        It is the lock `cell.lock(name)` in its two modes. Readers that came after a writer wait behind it: none starves.
        """
        return RWLock(self._own_session(), name)

    def singleton(self, name: str, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Singleton:
        """A decorator: the function runs in one place at a time, under the lock `name`, and gets `held` as its first argument.

        Args:
            name: of the lock; as `lock` has it.
            wait: as `lock` has it: a call that does not get it in time raises `NotAcquired`.
            lock_delay: as `lock` has it.
            on_jeopardy: as `lock` has it.
        """

        def lock() -> Lock:
            return self.lock(name, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy)

        lock()  # what makes no sense is refused here
        return Singleton(lock)

    def once(
        self,
        name: str,
        *,
        every: float | timedelta,
        mark: Mark = "end",
        wait: float | None = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Once:
        """A period's run, for whoever gets to it first: `async with cell.once(name, every=3600) as turn`.

        Args:
            name: of what is done.
            every: the period, seconds. Periods are numbered from 1970 on by the clock of this machine: `turn.period`.
            mark: when the period counts as done: at the "end" of a body that raises nothing, so that somebody repeats a run that failed; or
                at its "begin", so that nobody does.
            wait: seconds to wait for a run that is under way elsewhere, to see what becomes of it; 0: `NotAcquired` at once.
            on_jeopardy: as `lock` has it.

        Raises:
            NotDue: (when it is entered) it was done in this period.
            NotAcquired: (when it is entered) it is being done.
            StaleSequencer: (when it is left) the lock was lost before the period could be marked: it may be done once more.
        """
        return Once(self, self._own_locking(), place("once", name), every=every, mark=mark, wait=wait, on_jeopardy=on_jeopardy)

    def semaphore(self, name: str, permits: int) -> Semaphore:
        """So many permits, given in order of arrival: `async with cell.semaphore(name, 5).permit() as held`.

        Args:
            name: of the semaphore.
            permits: how many may be held at a time, 1 to 1,000; all who use it have to say the same.
        """
        return Semaphore(self, self._own_locking(), place("semaphore", name), permits)

    def election(self, name: str) -> Election:
        """One leader at a time: `async with election.lead(value) as held`, and everybody sees who, by `election.observe()`."""
        return Election(self, self._own_locking(), place("election", name))

    # ------------------------------------------------------------------------------------------------------------ together

    def queue(self, name: str) -> Queue:
        """A queue: `await queue.put(value)`, and `async with queue.get() as item`. An item is gone when it was acknowledged, not before."""
        return Queue(self, self._own_locking(), place("queue", name))

    def group(self, name: str) -> Group:
        """Who is there: `async with group.join(value) as held`, `await group.members()`; `group.watch()` tells whenever that changes."""
        return Group(self, self, self._own_locking(), place("group", name))

    def barrier(self, name: str) -> Barrier:
        """A barrier: `create`, `remove`, and `wait` until it is removed. It stands until then, whatever becomes of its creator."""
        return Barrier(self, place("barrier", name))

    def double_barrier(self, name: str, parties: int, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> DoubleBarrier:
        """A place that so many enter together and leave together: `async with cell.double_barrier(name, 3) as held`.

        Args:
            name: of the barrier.
            parties: how many, 1 to 60; all who use it have to say the same.
            wait: seconds to wait for the others to come; None: as long as it takes. To leave, one waits until all have left, or died.
            on_jeopardy: as `lock` has it.

        Raises:
            NotInTime: (when it is entered) not all came in time.
            Disagreement: (when it is entered) others say that they are another number.
        """
        group = Group(self, self, self._own_locking(), place("double-barrier", name))
        return DoubleBarrier(group, self._own_locking(), parties, wait=wait, on_jeopardy=on_jeopardy)

    def partitioner(self, name: str, partitions: int) -> Partitioner:
        """Partitions that the members of a group divide among themselves: `await cell.partitioner(name, 16).run(work)`.

        Args:
            name: of the partitioner.
            partitions: how many, 1 to 1,024; all who use it have to say the same.
        """
        return Partitioner(Group(self, self, self._own_locking(), place("partitioner", name)), self._own_locking(), partitions)

    def counter(self, key: Key) -> Counter:
        """The number at a key: `add` and `value`; `add(held=…)` only while a lock is held."""
        return Counter(self, key)

    # ------------------------------------------------------------------------------------------------------------ what changes

    def cached(self, prefix: Key, *, limit_bytes: int = LIMIT_BYTES) -> PrefixCache:
        """The keys of a prefix in memory, kept up to date: `async with cell.cached(prefix) as cache`, and `cache.get(key)`.

        Args:
            prefix: of which keys; empty: of all.
            limit_bytes: what it may take: keys, values, and 200 bytes for each.

        Raises:
            TooMuchWork: (when it is entered, or read) there is more than it may take.
        """
        return PrefixCache(self, prefix, limit_bytes)

    def on_change(self, key: Key, end: Key | None = None, *, prefix: bool = False) -> OnChange:
        """A decorator: the function is called with an `Event` for what stands, and then for each change, in order; gives a `Watcher`.

        Unlike `watch`, it outlives compactions: then it is told which keys are different. It ends with this client, or by `aclose`.

        Args:
            key: the key, or the first of a range, or a prefix.
            end: the first key that is left out.
            prefix: `key` is a prefix.
        """
        return OnChange(self, *span(key, end, prefix=prefix))
