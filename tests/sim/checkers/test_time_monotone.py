"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.time_monotone import time_monotone
from gaios.sim.history import Applied


def applied(replica: int, slot: int, time_ms: int, boot: int = 1) -> Applied:
    return Applied(0, replica, boot, slot, b"", b"", 0, 0, 0, time_ms)


def test_growing_times_pass() -> None:
    assert not time_monotone([applied(1, 1, 5), applied(1, 2, 5), applied(1, 3, 9), applied(2, 1, 5), applied(1, 1, 5, boot=2)])


def test_a_time_that_goes_back_is_found() -> None:
    assert "9 ms at slot 1, 5 ms at slot 2" in time_monotone([applied(1, 1, 9), applied(1, 2, 5)])[0].detail


def test_replicas_that_differ_at_a_slot_are_found() -> None:
    assert "replicas 1 and 2 have times 5 and 9 ms" in time_monotone([applied(1, 1, 5), applied(2, 1, 9)])[0].detail
