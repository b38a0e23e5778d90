"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.boots_rise import boots_rise
from gaios.sim.history import Life


def test_growing_boots_pass() -> None:
    assert not boots_rise([Life(1, 1, 1), Life(2, 1, 1), Life(1, 3, 2), Life(1, 7, 9)])


def test_a_boot_number_used_twice_or_lowered_is_found() -> None:
    assert [str(violation) for violation in boots_rise([Life(1, 1, 4), Life(2, 1, 5), Life(1, 3, 4)])] == [
        "boots rise: replica 1: boot 4 at start 1, 4 at start 3",
    ]
    assert boots_rise([Life(1, 1, 4), Life(1, 3, 3)])
