"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.persist_then_say import Remembered, Said, persist_then_say


def start(said: Said, promised: int = 9, longest_ns: int = 5, accepted: dict[int, tuple[int, bytes]] | None = None) -> Remembered:
    return Remembered(1, 2, said, promised, longest_ns, accepted or {})


def test_a_start_that_remembers_all_and_more_passes() -> None:
    assert not persist_then_say([start(Said(9, 5, {3: 7}), 9, 5, {3: (7, b"v"), 4: (9, b"w")}), start(Said())], {})


def test_a_forgotten_promise_is_found() -> None:
    assert "remembers promise 8, and had said 9" in persist_then_say([start(Said(ballot=9), promised=8)], {})[0].detail


def test_a_forgotten_term_is_found() -> None:
    assert "longest term of 4 ns, and had granted 5" in persist_then_say([start(Said(term_ns=5), longest_ns=4)], {})[0].detail


def test_a_forgotten_value_is_found() -> None:
    """Absent, or there in an older ballot with a value that nothing proves."""
    said = Said(accepted={3: 7})
    assert "slot 3 accepted in ballot 0, and had said 7" in persist_then_say([start(said)], {3: b"v"})[0].detail
    assert persist_then_say([start(said, accepted={3: (6, b"v")})], {})
    assert persist_then_say([start(said, accepted={3: (6, b"other")})], {3: b"v"})


def test_a_chosen_value_may_stand_in_an_older_ballot() -> None:
    assert not persist_then_say([start(Said(accepted={3: 7}), accepted={3: (6, b"v")})], {3: b"v"})
