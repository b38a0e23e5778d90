"""Histories known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios.sim.checkers.persist_then_say import Remembered, Said, persist_then_say

CHOSEN = {3: (6, b"v")}
"""Slot 3 was first known to be chosen in ballot 6."""


def start(said: Said, promised: int = 9, longest_ns: int = 5, accepted: dict[int, tuple[int, bytes | None]] | None = None) -> Remembered:
    return Remembered(1, 2, said, promised, longest_ns, accepted or {})


def test_a_start_that_remembers_all_and_more_passes() -> None:
    assert not persist_then_say([start(Said(9, 5, {3: 7}), 9, 5, {3: (7, b"v"), 4: (9, b"w")}), start(Said())], {})


def test_a_forgotten_promise_is_found() -> None:
    assert "remembers promise 8, and had said 9" in persist_then_say([start(Said(ballot=9), promised=8)], {})[0].detail


def test_a_forgotten_term_is_found() -> None:
    assert "longest term of 4 ns, and had granted 5" in persist_then_say([start(Said(term_ns=5), longest_ns=4)], {})[0].detail


@pytest.mark.parametrize(
    "found",
    [
        pytest.param((0, b""), id="absent"),
        pytest.param((6, b"other"), id="another value"),
        pytest.param((5, b"v"), id="the value, in a ballot in which nobody knew it to be chosen"),
        pytest.param((5, None), id="lost, of a ballot in which nobody knew it to be chosen"),
    ],
)
def test_a_forgotten_value_is_found(found: tuple[int, bytes | None]) -> None:
    """Behind ballot 5 somebody may have proposed another value: whoever reports no newer one lets it be chosen, too."""
    forgot = start(Said(accepted={3: 7}), accepted={3: found} if found[0] else {})
    (violation,) = persist_then_say([forgot], CHOSEN)
    assert f"slot 3 accepted in ballot {found[0]}, and had said 7" in violation.detail


@pytest.mark.parametrize("value", [b"v", None])
def test_what_nobody_knew_to_be_chosen_is_found_in_the_ballot_that_was_said(value: bytes | None) -> None:
    assert persist_then_say([start(Said(accepted={3: 7}), accepted={3: (6, value)})], {})


@pytest.mark.parametrize("value", [b"v", None])
def test_a_chosen_value_may_stand_in_an_older_ballot_and_be_lost_there(value: bytes | None) -> None:
    """Whoever knew that, in ballot 6, voted for it again in ballot 7, and wrote nothing; then the record may have rotted."""
    assert not persist_then_say([start(Said(accepted={3: 7}), accepted={3: (6, value)})], CHOSEN)


def test_what_was_lost_is_not_taken_for_a_chosen_value_of_no_bytes() -> None:
    """A gap that was filled is one: what was lost there in an older ballot may have been something else."""
    assert persist_then_say([start(Said(accepted={3: 7}), accepted={3: (5, None)})], {3: (6, b"")})


def test_what_was_lost_in_the_ballot_that_was_said_passes() -> None:
    assert not persist_then_say([start(Said(accepted={3: 7}), accepted={3: (7, None)})], {})
