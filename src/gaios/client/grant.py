"""What is held by `async with`: a lock, and what recipes make of locks.  [CHUBBY §2.4; SAFETY 22, 23]

Rule 1. `held.sequencer` is the proof of the grant. Only a receiver that checks it makes exclusion certain: the body of a lock may run on
after its lease, because it slept or because its event loop did. The cell itself is such a receiver: see `Held.guard`.
Rule 2. At jeopardy the body is cancelled, as by `asyncio.timeout`, and `LockLost` comes out of `async with`. With `on_jeopardy="wait"` that
happens only when the cell, or 45 s, have the last word.
Rule 3. `held.check()` asks nobody: it compares the clock that goes on while a process or its machine sleeps with the end of the lease.
Rule 4. Giving back never fails for the cell's sake: what cannot be released now is released later, or with the session.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Final, Generic, Literal, Protocol, TypeVar

from gaios.api import Test
from gaios.client.lease import State
from gaios.client.lock_session import Handle, LockSession
from gaios.client.shell import boottime_ns
from gaios.errors import ConfigurationError, LockLost
from gaios.lock_api import Sequencer, holder_key

OnJeopardy = Literal["cancel", "wait"]
_JEOPARDY: Final = "its session is in jeopardy: the cell was not heard from for a lease, and may give the lock to somebody else"
_EXPIRED: Final = "its session is over"
_INVALID: Final = "the node was deleted, or the lock was taken away"


class Fence(Protocol):
    """What a write can be fenced by: a `Held`, or its twin without async."""

    sequencer: Sequencer

    def guard(self) -> Test:
        """A test that holds while the lock is held."""


class Held:
    """A lock that is held. It is lost when `lost` is set, or `check` raises."""

    def __init__(self, path: str, sequencer: Sequencer, handle: Handle) -> None:
        self.path = path
        self.sequencer = sequencer
        """Proof of the grant; `str()` of it is `GENERATION.REVISION`. Give it to whoever is to check it."""
        self.lost = asyncio.Event()
        """Set when the lock is lost, by the client's own loop."""
        self.why = ""
        """Why it is lost."""
        self._lease = handle.lease
        self._handle = handle.number

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certain to be held at this moment. Asks nobody; takes a microsecond; from any thread."""
        if self.why:
            raise self.error(self.why)
        if boottime_ns() >= self._lease.end_ns:
            raise self.error(_JEOPARDY)

    def guard(self) -> Test:
        """A test for a MultiOp's guard that holds while this grant does: so the cell's own keys are fenced by the lock.  [SAFETY 23]"""
        return Test(holder_key(self.path, self._handle), "create_revision", "==", self.sequencer.revision)

    def error(self, why: str) -> LockLost:
        """What is raised."""
        return LockLost(path=self.path, sequencer=str(self.sequencer), reason=why)


H = TypeVar("H", bound=Held)


class Grant(Generic[H]):
    """Something to be held by `async with`; it is acquired anew each time. What it is says `_take`."""

    def __init__(self, session: LockSession, *, on_jeopardy: OnJeopardy = "cancel") -> None:
        if on_jeopardy not in {"cancel", "wait"}:
            raise ConfigurationError(reason=f"on_jeopardy is 'cancel' or 'wait', not {on_jeopardy!r}")
        self._session = session
        self._on_jeopardy = on_jeopardy
        self._is_taken = False
        self._handle: Handle | None = None
        self._held: H | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_cancelled = False

    async def __aenter__(self) -> H:
        """Acquire it."""
        self._task = None
        held = await self.acquire(self._cancel_body)
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._has_cancelled = False
        if held.why:
            # Lost before the body began.
            await self.release(done=False)
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
        await self.release(done=kind is None and held is not None and not held.why)
        if held is not None and held.why and (kind is None or (is_ours and kind is asyncio.CancelledError)):
            raise held.error(held.why) from error

    async def acquire(self, lost: Callable[[], None]) -> H:
        """Take it; `lost` is called once, by the client's loop, if it is lost while it is held.

        Raises:
            NotAcquired: it was not free in time.
            Error: see `LockSession.acquire`.
        """
        if self._is_taken:
            raise ConfigurationError(reason="this object holds, or waits for, what it stands for already", hint="make another one")
        self._is_taken = True
        try:
            held, handle = await self._take()
        except BaseException:
            self._is_taken = False
            raise
        self._held, self._handle = held, handle

        def changed(state: State | None) -> None:
            why = _reason(state, wait=self._on_jeopardy == "wait")
            if why and not held.why:
                held.why = why
                held.lost.set()
                lost()

        handle.lost = changed
        # What was told before anybody listened.
        changed(handle.lease.state if boottime_ns() < handle.lease.end_ns else State.JEOPARDY)
        self._session.watchdog.begin()
        try:
            await self._begin(held)
        except BaseException:
            self._session.drop(self._forget(handle))
            raise
        return held

    async def release(self, *, done: bool = True) -> None:
        """Give it back; `done`: what it was held for came to a good end."""
        handle, held = self._handle, self._held
        if handle is None or held is None:
            return
        self._forget(handle)
        try:
            await self._end(held, done=done)
        except BaseException:
            self._session.drop(handle)
            raise
        await self._session.release(handle)

    async def _take(self) -> tuple[H, Handle]:
        """Get a grant."""
        raise NotImplementedError

    async def _begin(self, held: H) -> None:
        """What is done before the body; if it fails, the grant is given back."""

    async def _end(self, held: H, *, done: bool) -> None:
        """What is done between the body and giving the grant back."""

    def _forget(self, handle: Handle) -> Handle:
        """It is not held any more."""
        handle.lost = None
        self._handle, self._is_taken = None, False
        self._session.watchdog.end()
        return handle

    def _cancel_body(self) -> None:
        if self._task is not None:
            self._has_cancelled = True
            self._task.cancel()


def _reason(state: State | None, *, wait: bool) -> str:
    if state is None:
        return _INVALID
    if state == State.EXPIRED:
        return _EXPIRED
    return _JEOPARDY if state == State.JEOPARDY and not wait else ""
