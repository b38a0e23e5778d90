"""Does the event loop run often enough for leases?  [SAFETY 22]"""

import asyncio
import warnings

from gaios.client.outside import boottime_ns


class Watchdog:
    """Warns, once, of an event loop that stands still for so long that leases are in danger while locks are held."""

    def __init__(self, lease_ms: int) -> None:
        self._stall_s = lease_ms / 3_000
        self._users = 0
        self._timer: asyncio.TimerHandle | None = None
        self._has_warned = False

    def begin(self) -> None:
        """A lock is held."""
        self._users += 1
        if self._timer is None and not self._has_warned:
            self._look_later()

    def end(self) -> None:
        """One less."""
        self._users -= 1
        if not self._users and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._stall_s / 2, self._look, boottime_ns() + int(self._stall_s / 2 * 1e9))

    def _look(self, due_ns: int) -> None:
        self._timer = None
        late_s = (boottime_ns() - due_ns) / 1e9
        if late_s >= self._stall_s:
            self._has_warned = True
            message = (
                f"the event loop stood still for {late_s:.1f} s while a lock was held: KeepAlives leave from it, and its lease lasts "
                f"{self._stall_s * 3:g} s; run what blocks in a thread (asyncio.to_thread)"
            )
            warnings.warn(message, RuntimeWarning, stacklevel=1)
        elif self._users:
            self._look_later()
