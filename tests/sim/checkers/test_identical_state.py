"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.identical_state import identical_state
from gaios.sim.history import Applied, Final


def applied(replica: int, slot: int, *, boot: int = 1, chain: bytes = b"c", checksum: int = 7) -> Applied:
    return Applied(0, replica, boot, slot, b"v", chain, checksum, 0, 0)


def final(slot: int, snapshot: bytes) -> Final:
    return Final(1, slot, {}, snapshot)


def test_replicas_that_are_the_same_at_equal_slots_pass() -> None:
    seen = [applied(1, 1), applied(2, 1), applied(1, 2, checksum=8), applied(1, 1, boot=2), applied(2, 2, checksum=8)]
    assert not identical_state(seen, {1: final(2, b"a"), 2: final(2, b"a"), 3: final(1, b"b")})


def test_equal_values_with_different_histories_are_found() -> None:
    assert "chain" in identical_state([applied(1, 1), applied(2, 1, chain=b"d")], {})[0].detail


def test_equal_logs_with_different_states_are_found() -> None:
    assert "checksum" in identical_state([applied(1, 1), applied(2, 1, checksum=8)], {})[0].detail


def test_a_replica_that_differs_from_its_own_past_is_found() -> None:
    assert "1 (boot 1) and 1 (boot 2)" in identical_state([applied(1, 1), applied(1, 1, boot=2, checksum=8)], {})[0].detail


def test_snapshots_that_differ_at_one_slot_are_found() -> None:
    """A checksum may miss what the bytes show."""
    found = identical_state([], {1: final(2, b"a"), 2: final(2, b"b"), 3: final(3, b"c")})
    assert [str(violation) for violation in found] == [
        "identical state: replicas 1 and 2 end at slot 2 with snapshots that hash to 61 and 62",
    ]


def test_a_replica_that_ends_in_doubt_is_found() -> None:
    """Whatever it has: by then it must have been rebuilt."""
    found = identical_state([], {1: final(2, b"a"), 2: final(2, b"a")._replace(serves=False)})
    assert [str(violation) for violation in found] == ["identical state: replica 2 ends at slot 2, and doubts its database"]
