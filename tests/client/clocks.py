"""A client's clock that goes slowly but for what a test adds: a slow machine costs no lease."""

import time

import pytest

from gaios.client import held, lock_session, lock_sessions, nodes, shell, watchdog

MODULES = (shell, held, lock_session, lock_sessions, nodes, watchdog)
SLOWER = 6


class Clock:
    """What `boottime_ns` gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._began_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._added_ns = 0
        for module in MODULES:
            monkeypatch.setattr(module, "boottime_ns", self.read)

    def read(self) -> int:
        return self._began_ns + (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._began_ns) // SLOWER + self._added_ns

    def sleep(self, seconds: float) -> None:
        """As if the process had been stopped for so long."""
        self._added_ns += int(seconds * 1e9)


def ring(cell: object) -> None:
    """What is due by its clock is done now, as when the loop's timer rings."""
    client: shell.Shell = cell._shell  # type: ignore[attr-defined]
    if client._timer is not None:
        client._timer.cancel()
    client._ring()
