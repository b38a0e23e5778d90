"""Locks as their users see them: `async with cell.lock(name) as held`.  [CHUBBY §2.4; SAFETY 22, 23]

Rule 1. `held.sequencer` is the proof of the grant. Only a receiver that checks it makes exclusion certain: the body of a lock may run on
after its lease, because it slept or because its event loop did.
Rule 2. At jeopardy the body is cancelled, as by `asyncio.timeout`, and `LockLost` comes out of `async with`. With `on_jeopardy="wait"` that
happens only when the cell, or 45 s, have the last word.
Rule 3. `held.check()` asks nobody: it compares the clock that goes on while a process or its machine sleeps with the end of the lease.
Rule 4. Every call that the body makes of the cell does the same first: see holding.py.
Rule 5. Leaving never fails for the cell's sake: what cannot be released now is released later, or with the session.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Final

from gaios import lock_api
from gaios.client import holding
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.lock_session import LOCKS
from gaios.client.locking import Locking
from gaios.errors import ConfigurationError, InvalidCommand
from gaios.lock_api import LOCK_DELAY_MS_MAX, CheckSequencer, Sequencer

ROOT: Final = "/ls/local"

__all__ = ["Held", "Lock", "OnJeopardy", "check_of", "delay_ms", "inside", "path_of"]


class Lock:
    """A lock of the cell, to be held by `async with`; made by `Cell.lock`. It is acquired anew each time."""

    def __init__(
        self, locking: Locking, path: str, *, shared: bool, wait: float | None, lock_delay: float, on_jeopardy: OnJeopardy
    ) -> None:
        if on_jeopardy not in {"cancel", "wait"}:
            raise ConfigurationError(reason=f"on_jeopardy is 'cancel' or 'wait', not {on_jeopardy!r}")
        if wait is not None and not 0 <= wait <= 1e9:
            raise ConfigurationError(reason=f"wait is None or a number of seconds from 0 on, not {wait!r}")
        self._locking = locking
        self.path = path
        self._shared, self._wait, self._lock_delay_ms, self._on_jeopardy = shared, wait, delay_ms(lock_delay), on_jeopardy
        self._handle: Handle | None = None
        self._held: Held | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_cancelled = False

    async def __aenter__(self) -> Held:
        """Acquire it."""
        held = await self.acquire(self._cancel_body)
        holding.begin(held)
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._has_cancelled = False
        if held.why:
            # Lost before the body began.
            await self.release()
            raise held.error(held.why)
        return held

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release it. Raises `LockLost` if it was lost and the body was cancelled for it, or did not notice."""
        held, task, self._task = self._held, self._task, None
        is_ours = False
        if self._has_cancelled and task is not None:
            is_ours = task.uncancel() <= self._cancelling
            if is_ours and kind is None:
                # The body ended just before it was cancelled.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
        await self.release()
        if held is not None and held.why and (kind is None or (is_ours and kind is asyncio.CancelledError)):
            raise held.error(held.why) from error

    async def acquire(self, lost: Callable[[], None]) -> Held:
        """Take the lock; `lost` is called once, by the client's loop, if it is lost while it is held.

        Raises:
            NotAcquired: it was not free in time.
            Error: see `Locking.acquire`.
        """
        if self._handle is not None:
            raise ConfigurationError(reason=f"this lock object holds {self.path} already", hint="make another one: cell.lock(name)")
        holding.check()
        handle, sequencer = await self._locking.acquire(
            self.path, shared=self._shared, wait_s=self._wait, lock_delay_ms=self._lock_delay_ms
        )
        held = self._held = Held(self.path, sequencer, handle.lease, on_jeopardy=self._on_jeopardy)
        self._handle = handle
        held.when_lost(lost)
        handle.lost = held.happened
        held.begins()
        self._locking.watchdog.begin()
        return held

    async def release(self) -> None:
        """Give it back."""
        handle, self._handle = self._handle, None
        if handle is not None:
            if self._held is not None:
                self._held.end()
            self._locking.watchdog.end()
            await self._locking.give_back(handle, self._lock_delay_ms)

    def _cancel_body(self) -> None:
        if self._task is not None:
            self._has_cancelled = True
            self._task.cancel()


def delay_ms(lock_delay: float) -> int:
    """A lock-delay of so many seconds. Raises `ConfigurationError`: it makes no sense."""
    if not 0 <= lock_delay * 1_000 <= LOCK_DELAY_MS_MAX:
        raise ConfigurationError(reason=f"a lock-delay has 0 to {LOCK_DELAY_MS_MAX // 1_000} seconds, not {lock_delay!r}")
    return int(lock_delay * 1_000)


def check_of(sequencer: Sequencer | str, name: str | None, *, shared: bool) -> CheckSequencer:
    """The question whether a grant is held.

    Raises:
        InvalidCommand: the text is no `GENERATION.REVISION`, or it is not said of which lock.
    """
    if isinstance(sequencer, Sequencer):
        return CheckSequencer(sequencer)
    generation, dot, revision = sequencer.partition(".")
    if name is None or not (dot and _is_number(generation) and _is_number(revision)):
        raise InvalidCommand(reason=f"a sequencer is GENERATION.REVISION of the lock that `name` says, not {sequencer!r} of {name!r}")
    return CheckSequencer(Sequencer(path_of(name), shared, int(generation), int(revision)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def path_of(name: str) -> str:
    """Where a lock of this name stands: `/locks/NAME`, or as a whole path of `/ls/local/…` says.

    Raises:
        InvalidCommand: it is no name.
    """
    if not isinstance(name, str):
        raise InvalidCommand(reason=f"the name of a lock is text, not {type(name).__name__}")
    if name.startswith("/ls/"):
        path = inside(name)
    elif name.startswith("/"):
        raise InvalidCommand(reason=f"{name!r} is no lock's name: write a name, as in jobs/nightly, or a path that begins with /ls/local/")
    else:
        path = f"{LOCKS}/{name}"
    if len(path.encode(errors="surrogatepass")) > lock_api.PATH_BYTES_MAX:
        raise InvalidCommand(reason=f"{name[:40]!r}… is longer than a path may be")
    return path


def inside(path: str) -> str:
    """A path as commands have it: without `/ls/local`.

    Raises:
        InvalidCommand: it does not begin with that.
    """
    if path != ROOT and not path.startswith(ROOT + "/"):
        raise InvalidCommand(reason=f"{path!r} is no path of this cell: they begin with {ROOT}/")
    return path.removeprefix(ROOT) or "/"
