"""A lock that is held, as its holder sees it.  [SAFETY 22, 23]"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal, Protocol

from gaios.api import Test
from gaios.client import fork
from gaios.client.handle import Handle
from gaios.client.lease import State
from gaios.client.outside import boottime_ns
from gaios.errors import LockLost, LostBeforeCall
from gaios.lock_api import Sequencer, holder_key

OnJeopardy = Literal["cancel", "wait"]
_JEOPARDY: Final = "its session is in jeopardy: the cell was not heard from for a lease, and may give the lock to somebody else"
_EXPIRED: Final = "its session is over"
_RELEASED: Final = "it was released"
_FORKED: Final = "this process was forked from the one that holds it"
_INVALID: Final = "the node was deleted, or the lock was taken away"


class Fence(Protocol):
    """What a write can be fenced by: a `Held`, or its twin without async."""

    sequencer: Sequencer

    def guard(self) -> Test:
        """A test that holds while the lock is held."""


def while_held(sequencer: Sequencer, handle: int) -> Test:
    """A test for a MultiOp's guard that holds while this handle has the grant."""
    return Test(holder_key(sequencer.path, handle), "create_revision", "==", sequencer.revision)


class Held:
    """A lock that is held. It is lost when `lost` is set, or `check` raises."""

    def __init__(self, path: str, sequencer: Sequencer, handle: Handle, *, on_jeopardy: OnJeopardy = "cancel") -> None:
        self.path = path
        self.sequencer = sequencer
        """Proof of the grant; `str()` of it is `GENERATION.REVISION`. Give it to whoever is to check it."""
        self.lost = asyncio.Event()
        """Set when the lock is lost, by the client's own loop."""
        self.why = ""
        """Why it is lost."""
        self._listener: Callable[[], object] | None = None
        self.is_over = False
        """It was released."""
        self._lease = handle.lease
        self._handle = handle.number
        self._waits = on_jeopardy == "wait"
        self._forks = fork.count

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certain to be held at this moment. Asks nobody; takes a microsecond; from any thread."""
        why = _RELEASED if self.is_over else self.why or self._why_now()
        if why:
            raise self.error(why)

    def guard(self) -> Test:
        """A test for a MultiOp's guard that holds while this grant does: so the cell's own keys are fenced by the lock.  [SAFETY 23]"""
        return while_held(self.sequencer, self._handle)

    def check_call(self) -> None:
        """Raise `LostBeforeCall` if its holder may call nobody: as `check`, but one that waits for the verdict may until that comes."""
        why = "" if self.is_over or self._forks != fork.count else self.why or ("" if self._waits else self._why_now())
        if why:
            raise LostBeforeCall(path=self.path, sequencer=str(self.sequencer), reason=why)

    def end(self) -> None:
        """It is released; a holder that slept until now is told first what became of it."""
        self.begins()
        self.is_over = True

    def error(self, why: str) -> LockLost:
        """What is raised."""
        return LockLost(path=self.path, sequencer=str(self.sequencer), reason=why)

    def happened(self, state: State | None) -> None:
        """What became of its session (None: of its handle)."""
        why = _reason(state, waits=self._waits)
        if not why or self.why:
            return
        self.why = why
        self.lost.set()
        if self._listener is not None:
            self._listener()

    def when_lost(self, listener: Callable[[], object]) -> None:
        """Call that once when it is lost; at once if it is."""
        self._listener = listener
        if self.lost.is_set():
            listener()

    def begins(self) -> None:
        """Take note of what became of its session by now, though nobody has told yet."""
        self.happened(self._lease.state if boottime_ns() < self._lease.end_ns else State.JEOPARDY)

    def _why_now(self) -> str:
        if self._forks != fork.count:
            return _FORKED
        return _JEOPARDY if boottime_ns() >= self._lease.end_ns else ""


def _reason(state: State | None, *, waits: bool) -> str:
    if state is None:
        return _INVALID
    if state == State.EXPIRED:
        return _EXPIRED
    return _JEOPARDY if state == State.JEOPARDY and not waits else ""
