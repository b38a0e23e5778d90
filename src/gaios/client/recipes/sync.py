# Generated from the asyncio client by `python -m gaios.client.generate`. Do not edit.
"""The recipes without async: see the module of each beside this one."""

from collections.abc import Iterator

from gaios.client.arguments import Value
from gaios.client.bridge import Grant, Held, Lock, Part
from gaios.client.held import Fence, OnJeopardy
from gaios.client.recipes import barrier, counter, double_barrier, election, group, once, queue, rwlock, semaphore
from gaios.client.recipes.election import Leader
from gaios.client.recipes.group import View
from gaios.client.recipes.queue import PRIORITY


class Barrier(Part):
    """Made by `Cell.barrier`."""

    _inner: barrier.Barrier

    def create(self) -> bool:
        """Put it up; False: it stood already."""
        return self._run(self._inner.create())

    def remove(self) -> bool:
        """Take it away, and let everybody go on; False: it did not stand."""
        return self._run(self._inner.remove())

    def wait(self, wait: float | None = None) -> None:
        """Go on at once where it does not stand, else when it is removed.

        Args:
            wait: seconds, at most; None: as long as it takes.

        Raises:
            NotInTime: it stands still.
        """
        return self._run(self._inner.wait(wait))


class Counter(Part):
    """A signed 64-bit number, kept as decimal text at its key; 0 while there is none. Made by `Cell.counter`."""

    _inner: counter.Counter

    def value(self, *, timeout: float | None = None) -> int:
        """The number now.

        Raises:
            NotANumber: the key holds something else.
        """
        return self._run(self._inner.value(timeout=timeout))

    def add(self, by: int = 1, *, held: Fence | None = None, timeout: float | None = None) -> int:
        """Add to it; the number after that.

        Args:
            by: this much.
            held: only while this lock is held.
            timeout: seconds.

        Raises:
            NotANumber: the key holds something else, or it would leave the signed 64-bit range.
            StaleSequencer: the lock is not held any more; nothing was added.
        """
        return self._run(self._inner.add(by, held=held, timeout=timeout))


class Term(Held):
    """The leadership, held."""

    _inner: election.Term

    def publish(self, value: Value) -> None:
        """Say something else of oneself.

        Raises:
            StaleSequencer: this leader is over; nothing was changed.
        """
        return self._run(self._inner.publish(value))


class Leading(Grant[Term]):
    """The leadership, to be held by `with`; made by `Election.lead`."""

    _inner: election.Leading
    held = Term


class Election(Part):
    """Made by `Cell.election`."""

    _inner: election.Election

    def lead(self, value: Value = b"", *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Leading:
        """Campaign, and lead until the end of `with election.lead("10.0.0.7:80") as held`; leaving it resigns.

        Args:
            value: what to say of oneself to who observes; `held.publish(…)` says something else.
            wait: seconds to campaign; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) somebody else led all the time.
            LockLost: (when it is left, or by `held.check()`) somebody else may lead.
        """
        return Leading(self._twin, self._inner.lead(value, wait=wait, on_jeopardy=on_jeopardy))

    def is_leader(self) -> bool:
        """Whether this object's `lead` certainly leads at this moment; asks nobody, as `held.check()`."""
        return self._inner.is_leader()

    def leader(self) -> Leader | None:
        """Who leads now; None: nobody, or it has not said so yet."""
        return self._run(self._inner.leader())

    def observe(self) -> Iterator[Leader | None]:
        """Who leads now, and whenever that changes: another leader, another value, or nobody (None)."""
        return self._iterate(self._inner.observe())


class Membership(Held):
    """One's own membership, held."""

    _inner: group.Membership

    @property
    def id(self) -> str:
        """One's own."""
        return self._inner.id

    def say(self, value: Value) -> None:
        """Say something else of oneself.

        Raises:
            StaleSequencer: it is no member any more; nothing was changed.
        """
        return self._run(self._inner.say(value))


class Joining(Grant[Membership]):
    """A membership to be held by `with`; made by `Group.join`."""

    _inner: group.Joining
    held = Membership


class Group(Part):
    """Made by `Cell.group`."""

    _inner: group.Group

    def join(self, value: Value = b"", *, member: str = "", wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Joining:
        """Be a member until the end of `with group.join("10.0.0.7:80") as held`.

        Args:
            value: what to say of oneself; `held.say(…)` says something else.
            member: one's id, no more than 100 bytes without `/`; empty: this process's name, and a random number.
            wait: seconds to wait for another member of that id to leave; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) there is a member of that id.
            LimitReached: (when it is entered) there are 500 members.
            LockLost: (when it is left, or by `held.check()`) others may not see it as a member any more.
        """
        return Joining(self._twin, self._inner.join(value, member=member, wait=wait, on_jeopardy=on_jeopardy))

    def members(self) -> View:
        """Who is there now."""
        return self._run(self._inner.members())

    def watch(self) -> Iterator[View]:
        """Who is there now, and whenever that, or what one says of itself, changes."""
        return self._iterate(self._inner.watch())

    def living(self) -> dict[str, int]:
        """The revision of the grant by which each member's file is held."""
        return self._run(self._inner.living())

    def sweep(self) -> None:
        """Delete what members that died said of themselves."""
        return self._run(self._inner.sweep())


class DoubleBarrier(Joining):
    """To be crossed by `with`; made by `Cell.double_barrier`."""

    _inner: double_barrier.DoubleBarrier


class Turn(Held):
    """A period's run is this one's."""

    _inner: once.Turn

    @property
    def period(self) -> int:
        """Its number."""
        return self._inner.period


class Once(Grant[Turn]):
    """A period's run, to be done by `with`; made by `Cell.once`."""

    _inner: once.Once
    held = Turn


class Item(Held):
    """An item, held."""

    _inner: queue.Item

    @property
    def id(self) -> str:
        """Its priority and number; the same each time that somebody gets it."""
        return self._inner.id

    @property
    def value(self) -> bytes:
        """What was put."""
        return self._inner.value

    def acknowledge(self) -> None:
        """It is done with: it leaves the queue. The end of a body that raises nothing does this too.

        Raises:
            StaleSequencer: the claim was lost, and the item is in the queue again, or somebody else's.
        """
        return self._run(self._inner.acknowledge())


class Getting(Grant[Item]):
    """An item to be held by `with`; made by `Queue.get`."""

    _inner: queue.Getting
    held = Item


class Queue(Part):
    """Made by `Cell.queue`."""

    _inner: queue.Queue

    def put(self, value: Value, *, priority: int = PRIORITY) -> str:
        """Put an item into it; its id.

        Args:
            value: the item.
            priority: 0 to 999; whoever gets one gets the lowest, and among equals the first.
        """
        return self._run(self._inner.put(value, priority=priority))

    def get(self, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Getting:
        """The first item that nobody holds, to be held by `with queue.get() as item`: `item.value`.

        At the end of a body that raises nothing it is acknowledged; else, and when this client's session is over, it is in the queue again.

        Args:
            wait: seconds to wait for one; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) there was none in time.
            StaleSequencer: (when it is left) it could not be acknowledged, because the claim was lost: somebody else gets it too.
        """
        return Getting(self._twin, self._inner.get(wait=wait, on_jeopardy=on_jeopardy))

    def size(self) -> int:
        """How many items are in it, held or not."""
        return self._run(self._inner.size())


class RWLock(Part):
    """Made by `Cell.rwlock`."""

    _inner: rwlock.RWLock

    def read(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held together with other readers; as `Cell.lock` with `shared`."""
        return Lock(self._twin, self._inner.read(wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))

    def write(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held alone; as `Cell.lock`."""
        return Lock(self._twin, self._inner.write(wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))


class Permit(Held):
    """One of the permits, held."""

    _inner: semaphore.Permit

    @property
    def number(self) -> int:
        """Which one, from 0 on. Of those who hold it one after the other, the later has the greater sequencer."""
        return self._inner.number


class Permits(Grant[Permit]):
    """A permit, to be held by `with`; made by `Semaphore.permit`."""

    _inner: semaphore.Permits
    held = Permit


class Semaphore(Part):
    """Made by `Cell.semaphore`."""

    _inner: semaphore.Semaphore

    def permit(self, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Permits:
        """A permit, to be held by `with semaphore.permit() as held`: `held.number` says which.

        Args:
            wait: seconds within which it is to be acquired; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) none was free in time.
            Disagreement: (when it is entered) others say that there is another number of permits.
        """
        return Permits(self._twin, self._inner.permit(wait=wait, on_jeopardy=on_jeopardy))
