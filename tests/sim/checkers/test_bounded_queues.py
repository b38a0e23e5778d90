"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.bounded_queues import bounded_queues
from gaios.sim.history import Level


def test_a_full_queue_passes() -> None:
    assert not bounded_queues([Level(1, "waiting entries", 8, 8)])


def test_an_overfull_queue_is_found() -> None:
    assert "waiting entries reached 9; its limit is 8" in bounded_queues([Level(1, "waiting entries", 9, 8)])[0].detail
