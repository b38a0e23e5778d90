"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.agreement import agreement
from gaios.sim.history import Applied


def applied(replica: int, slot: int, value: bytes = b"v", *, boot: int = 1, chain: bytes = b"c", checksum: int = 7) -> Applied:
    return Applied(0, replica, boot, slot, value, chain, checksum, 0, 0)


def test_replicas_that_agree_pass() -> None:
    """Restarts replay from the first slot: that is another life, not a step back."""
    assert not agreement([applied(1, 1), applied(2, 1), applied(1, 2), applied(1, 1, boot=2), applied(1, 2, boot=2)])


def test_two_values_of_a_slot_are_found() -> None:
    found = agreement([applied(1, 1, b"x"), applied(2, 1, b"y")])
    assert [str(violation) for violation in found] == [
        "agreement: slot 1: replicas 1 (boot 1) and 2 (boot 1) chose b'x' and b'y'",
    ]


def test_a_replica_that_disagrees_with_its_own_past_is_found() -> None:
    assert len(agreement([applied(1, 1, b"x"), applied(1, 1, b"y", boot=2)])) == 1


def test_a_skipped_or_repeated_slot_is_found() -> None:
    assert "after slot 1" in agreement([applied(1, 1), applied(1, 3)])[0].detail
    assert "after slot 2" in agreement([applied(1, 1), applied(1, 2), applied(1, 2)])[0].detail
