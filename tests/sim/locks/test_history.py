"""Records begin empty, and a quiet world has not begun."""

from gaios.sim.locks.history import Life, Records


def test_records_of_a_run_that_has_not_begun() -> None:
    records = Records()
    assert not records.asked
    assert records.settled_ns > 10**18, "no session lived in a quiet world yet"
    assert records.bound_ns == 0


def test_each_life_has_its_own_hints() -> None:
    first, second = Life(1, 1, 1_000, 0), Life(2, 1, 1_000, 0)
    assert first.hints is not second.hints
