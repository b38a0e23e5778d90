"""What is held by `async with`: a lock, and what recipes make of locks.  [CHUBBY §2.4; SAFETY 22, 23]

Rule 1. `held.sequencer` is the proof of the grant. Only a receiver that checks it makes exclusion certain: the body of a lock may run on
after its lease, because it slept or because its event loop did. The cell itself is such a receiver: see `Held.guard`.
Rule 2. At jeopardy the body is cancelled, as by `asyncio.timeout`, and `LockLost` comes out of `async with`. With `on_jeopardy="wait"` that
happens only when the cell, or 45 s, have the last word.
Rule 3. `held.check()` asks nobody: it compares the clock that goes on while a process or its machine sleeps with the end of the lease.
Rule 4. Every call that the body makes of the cell does the same first: see holding.py.
Rule 5. Giving back never fails for the cell's sake: what cannot be released now is released later, or with the session.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from gaios.client import holding
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.locking import Locking
from gaios.errors import ConfigurationError

H = TypeVar("H", bound=Held)


class Grant(ABC, Generic[H]):
    """Something to be held by `async with`; it is acquired anew each time. What it is says `_take`."""

    def __init__(self, locking: Locking, *, on_jeopardy: OnJeopardy = "cancel") -> None:
        if on_jeopardy not in {"cancel", "wait"}:
            raise ConfigurationError(reason=f"on_jeopardy is 'cancel' or 'wait', not {on_jeopardy!r}")
        self._locking, self._session = locking, locking.session
        self._on_jeopardy = on_jeopardy
        self._is_taken = False
        self._handle: Handle | None = None
        self._held: H | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_cancelled = False

    async def __aenter__(self) -> H:
        """Acquire it."""
        held = await self.acquire(self._cancel_body)
        holding.begin(held)
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._has_cancelled = False
        if held.why:
            # Lost before the body began.
            self._task = None
            await self.release(done=False)
            raise held.error(held.why)
        return held

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release it. Raises `LockLost` if it was lost and the body was cancelled for it, or did not notice."""
        held, task, self._task = self._held, self._task, None
        is_ours = False
        if self._has_cancelled and task is not None:
            is_ours = task.uncancel() <= self._cancelling
            if is_ours and kind is not asyncio.CancelledError:
                # The body ended just before it was cancelled: it, and nothing after it.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
        await self.release(done=kind is None)
        if held is not None and held.why and (kind is None or (is_ours and kind is asyncio.CancelledError)):
            raise held.error(held.why) from error

    async def acquire(self, lost: Callable[[], None]) -> H:
        """Take it; `lost` is called once, by the client's loop, if it is lost while it is held.

        Raises:
            NotAcquired: it was not free in time.
            Error: see `Locking.acquire`.
        """
        if self._is_taken:
            raise ConfigurationError(reason="this object holds, or waits for, what it stands for already", hint="make another one")
        holding.check()
        self._is_taken = True
        try:
            held, handle = await self._take()
        except BaseException:
            self._is_taken = False
            raise
        self._held, self._handle = held, handle
        held.when_lost(lost)
        handle.lost = held.happened
        held.begins()
        self._session.watchdog.begin()
        try:
            await self._begin(held)
        except BaseException:
            self._forget(handle, held)
            self._session.put_away(handle)
            raise
        return held

    async def release(self, *, done: bool = True) -> None:
        """Give it back; `done`: what it was held for came to a good end."""
        handle, held = self._handle, self._held
        if handle is None or held is None:
            return
        self._forget(handle, held)
        try:
            await self._end(held, done=done and not held.why)
        except BaseException:
            self._session.put_away(handle)
            raise
        await self._give_back(handle)

    @abstractmethod
    async def _take(self) -> tuple[H, Handle]:
        """Get a grant."""

    async def _begin(self, held: H) -> None:
        """What is done before the body; if it fails, the grant is given back."""

    async def _end(self, held: H, *, done: bool) -> None:
        """What is done between the body and giving the grant back."""

    async def _give_back(self, handle: Handle) -> None:
        """Let it go; what cannot be done now is done later."""
        await self._session.close_handle(handle)

    def _forget(self, handle: Handle, held: H) -> None:
        """It is not held any more."""
        held.end()
        handle.lost = None
        self._handle, self._is_taken = None, False
        self._session.watchdog.end()

    def _cancel_body(self) -> None:
        if self._task is not None:
            self._has_cancelled = True
            self._task.cancel()


def check_wait(wait: float | None) -> None:
    """How long somebody wants to wait, in seconds; None: for ever. Raises `ConfigurationError`."""
    if wait is not None and not 0 <= wait <= 1e9:
        raise ConfigurationError(reason=f"wait is None or a number of seconds from 0 on, not {wait!r}")
