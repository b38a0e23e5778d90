# Generated from the asyncio client by `python -m gaios.client.generate`. Do not edit.
"""The recipes without async: see the module of each beside this one."""

from gaios.client.bridge import Grant, Held, Lock, Part
from gaios.client.held import Fence, OnJeopardy
from gaios.client.recipes import barrier, counter, once, rwlock


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


class RWLock(Part):
    """Made by `Cell.rwlock`."""

    _inner: rwlock.RWLock

    def read(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held together with other readers; as `Cell.lock` with `shared`."""
        return Lock(self._twin, self._inner.read(wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))

    def write(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held alone; as `Cell.lock`."""
        return Lock(self._twin, self._inner.write(wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))
