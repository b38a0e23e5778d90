"""Between threads and the asyncio client: what the twin without async stands on.

Rule 1. One private event loop in one daemon thread serves all twins of a process. It starts with the first call, and does not keep a
process alive.
Rule 2. A caller's thread waits, on the loop nothing does. An interrupt (Ctrl-C) cancels what the caller waited for, nothing else.
Rule 3. A twin does not survive `fork`: its connections would be shared. Open one in each process.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from gaios.api import Event, Test
from gaios.client import aio, fork, grant, holding, watch
from gaios.client import held as held_module
from gaios.errors import ConfigurationError

T = TypeVar("T")
CHUNK: Final = 256
"""Entries or events that cross between threads at a time."""


class _Loop:
    """The process's private loop and its thread."""

    def __init__(self) -> None:
        self.loop = _new_loop()
        self.thread = threading.Thread(target=self._run, name="gaios-client", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 (it is there on most machines, and twice as fast)
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


_lock = threading.Lock()
_loops: dict[int, _Loop] = {}
"""By process: a forked child has its parent's entry, and no such thread."""


def _loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    with _lock:
        if pid not in _loops:
            _loops[pid] = _Loop()
        return _loops[pid].loop


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 (a lock that another thread of the parent held would never be free again)
    _lock = threading.Lock()
    _loops.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Twin:
    """An asyncio `Cell` driven from other threads. `sync.Cell` adds its methods. It may be shared by threads."""

    def __init__(self, endpoints: str | Iterable[str], *, timeout: float = 10.0) -> None:
        self._cell = aio.Cell(endpoints, timeout=timeout)
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        """Begin to look for the master."""
        self._run(self._cell.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End open calls with what is known of them, then every connection."""
        if os.getpid() == self._pid:
            self._run(self._cell.close())

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call on the private loop, and wait for it here."""
        if os.getpid() != self._pid:
            call.close()
            raise fork.error()
        loop = _loop()
        if threading.current_thread() is _loops[self._pid].thread:
            call.close()
            raise ConfigurationError(reason="the twin without async was called on its own event loop", hint="use gaios.connect there")
        future = asyncio.run_coroutine_threadsafe(call, loop)
        try:
            return future.result()
        except BaseException:
            # Interrupted while waiting (else it is done, and this does nothing).
            future.cancel()
            raise

    def _iterate(self, found: AsyncIterator[T]) -> Iterator[T]:
        """One after the other what an asynchronous iterator gives."""
        try:
            while chunk := self._run(_take(found, CHUNK)):
                yield from chunk
        finally:
            if hasattr(found, "aclose"):
                self._run(found.aclose())


class Watch:
    """A watch's events: `for event in watch`. End it with `close()`, from any thread, or with `with`."""

    def __init__(self, twin: Twin, watched: watch.Watch) -> None:
        self._twin = twin
        self._watch = watched
        self._taken: deque[Event] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Begin, and wait for the beginning."""
        self._twin._run(self._watch.__aenter__())  # noqa: SLF001 (two halves of one thing)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it."""
        self.close()

    def __iter__(self) -> Self:
        """Itself."""
        return self

    def __next__(self) -> Event:
        """The next event; waits for it."""
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; None when none came within `timeout` seconds, or after `close`."""
        with self._lock:
            if not self._taken:
                self._taken.extend(self._twin._run(take_for(self._watch.take(CHUNK), timeout)))  # noqa: SLF001 (as above)
            return self._taken.popleft() if self._taken else None

    def close(self) -> None:
        """End it: whoever waits gets no more."""
        self._twin._run(self._watch.aclose())  # noqa: SLF001 (as above)


class Part:
    """The twin of some part of the asyncio client: `_inner`, whose methods run on the private loop."""

    def __init__(self, twin: Twin, inner: Any) -> None:  # noqa: ANN401 (its class says of what)
        self._twin = twin
        self._inner = inner

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._twin._run(call)  # noqa: SLF001 (two halves of one thing)

    def _iterate(self, found: AsyncIterator[T]) -> Iterator[T]:
        """Each as soon as it is there: the next may be long in coming."""
        try:
            while one := self._run(_take(found, 1)):
                yield from one
        finally:
            if hasattr(found, "aclose"):
                self._run(found.aclose())


class Held(Part):
    """A lock that is held. It is lost when `lost` is set, or `check` raises."""

    def __init__(self, twin: Twin, held: held_module.Held, lost: threading.Event) -> None:
        super().__init__(twin, held)
        self.held = held
        """What it is the twin of; its event belongs to the client's own loop."""
        self.path = held.path
        self.sequencer = held.sequencer
        """Proof of the grant; `str()` of it is `GENERATION.REVISION`. Give it to whoever is to check it."""
        self.lost = lost
        """Set when the lock is lost."""

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certain to be held at this moment. Asks nobody; takes a microsecond.

        Call it before each step: without async nobody can cancel the body.
        """
        self.held.check()

    def guard(self) -> Test:
        """A test for a MultiOp's guard that holds while this grant does: so the cell's own keys are fenced by the lock.  [SAFETY 23]"""
        return self.held.guard()


H = TypeVar("H", bound=Held)


class Grant(Part, Generic[H]):
    """Something to be held by `with`."""

    held: type[H]
    """The twin of what is held."""

    def __init__(self, twin: Twin, inner: grant.Grant[Any]) -> None:
        super().__init__(twin, inner)
        self._held: held_module.Held | None = None

    def __enter__(self) -> H:
        """Acquire it."""
        lost = threading.Event()
        taken: list[held_module.Held] = []
        try:
            self._run(self._take(lost, taken))
        except BaseException:
            self._run(self._untake(taken))  # interrupted, it may have been acquired meanwhile
            raise
        (self._held,) = taken
        holding.begin(self._held)
        return self.held(self._twin, self._held, lost)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release it. Raises `LockLost` if it was lost and the body did not notice."""
        held = self._held
        assert held is not None
        try:
            self._run(self._inner.release(done=kind is None))
        except BaseException:
            self._run(self._inner.release(done=False))  # interrupted, that may not even have begun
            raise
        if kind is None and held.why:
            raise held.error(held.why)

    async def _take(self, lost: threading.Event, taken: list[held_module.Held]) -> None:
        taken.append(await self._inner.acquire(lost.set))

    async def _untake(self, taken: list[held_module.Held]) -> None:
        # What another thread has of it is that one's.
        if taken:
            await self._inner.release(done=False)


class Lock(Grant[Held]):
    """A lock of the cell, to be held by `with`; made by `Cell.lock`."""

    held = Held


async def _take(found: AsyncIterator[T], limit: int) -> list[T]:
    chunk: list[T] = []
    async for item in found:
        chunk.append(item)
        if len(chunk) >= limit:
            break
    return chunk


async def take_for(taking: Coroutine[Any, Any, list[T]], timeout: float | None) -> list[T]:  # noqa: ASYNC109 (None waits for ever)
    """What was taken within so many seconds; nothing if that took longer."""
    # The wait ends here, on the loop, where it cannot cross with an event on its way to the caller.
    try:
        return await asyncio.wait_for(taking, timeout)
    except TimeoutError:
        return []
