"""A lock that is held, as its holder sees it.  [SAFETY 22, 23]"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from gaios.client.lease import Lease, State
from gaios.client.shell import boottime_ns
from gaios.errors import LockLost
from gaios.lock_api import Sequencer

OnJeopardy = Literal["cancel", "wait"]
_JEOPARDY: Final = "its session is in jeopardy: the cell was not heard from for a lease, and may give the lock to somebody else"
_EXPIRED: Final = "its session is over"
_INVALID: Final = "the node was deleted, or the lock was taken away"


class Held:
    """A lock that is held. It is lost when `lost` is set, or `check` raises."""

    def __init__(self, path: str, sequencer: Sequencer, lease: Lease, *, on_jeopardy: OnJeopardy = "cancel") -> None:
        self.path = path
        self.sequencer = sequencer
        """Proof of the grant; `str()` of it is `GENERATION.REVISION`. Give it to whoever is to check it."""
        self.lost = asyncio.Event()
        """Set when the lock is lost, by the client's own loop."""
        self.why = ""
        """Why it is lost."""
        self._listener: Callable[[], object] | None = None
        self._lease = lease
        self._waits = on_jeopardy == "wait"

    def check(self) -> None:
        """Raise `LockLost` unless the lock is certain to be held at this moment. Asks nobody; takes a microsecond; from any thread."""
        if self.why:
            raise self.error(self.why)
        if boottime_ns() >= self._lease.end_ns:
            raise self.error(_JEOPARDY)

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
        """As `happened`, of what was told before anybody listened."""
        self.happened(self._lease.state if boottime_ns() < self._lease.end_ns else State.JEOPARDY)


def _reason(state: State | None, *, waits: bool) -> str:
    if state is None:
        return _INVALID
    if state == State.EXPIRED:
        return _EXPIRED
    return _JEOPARDY if state == State.JEOPARDY and not waits else ""
