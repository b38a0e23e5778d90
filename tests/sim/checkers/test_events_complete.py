"""Histories known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios.lock_api import Notice
from gaios.sim.checkers.events_complete import TELL_NS, events_complete
from gaios.sim.locks.history import Hint, Life

NOTICES = [Notice(3, 1, "", revision) for revision in (10, 20, 20, 30, 40)]
NOTICES[2] = Notice(4, 2, "a", 20)
"""Two in one revision."""
FIRST_NS = {revision: revision * 10 for revision in (10, 20, 30, 40, 50)}
NEVER = 1 << 62


def life(*hints: tuple[int, Notice | None], heard_ns: int = 0) -> Life:
    told = [Hint(at_ns, order, notice) for order, (at_ns, notice) in enumerate(hints)]
    return Life(1, 2, 1_000, opened_ns=5, hints=told, heard_ns=heard_ns)


def judged(*hints: tuple[int, Notice | None], heard_ns: int = 0, settled_ns: int = NEVER) -> list[str]:
    found = events_complete([life(*hints, heard_ns=heard_ns)], {1: NOTICES}, FIRST_NS, settled_ns)
    return [violation.detail for violation in found]


def test_who_was_told_everything_since_it_had_to_ask_again_passes() -> None:
    ten, twenty, other, thirty, forty = NOTICES
    assert not judged((50, None), (150, ten), (250, other), (250, twenty), (350, thirty))
    assert not judged((50, None), (150, ten), (350, None), (450, forty))
    assert not judged((320, None), (450, forty))
    assert not judged((320, None))


def test_who_was_told_of_something_after_what_it_was_not_told_of_is_found() -> None:
    ten, twenty, _, thirty, _ = NOTICES
    (found,) = judged((50, None), (150, ten), (250, twenty), (350, thirty))
    assert "session 1 of client 2 was not told of event 2 of handle 4 (a) at revision 20, which happened at 200 ns" in found


def test_in_a_quiet_world_the_last_must_be_told_too() -> None:
    assert not judged((50, None), heard_ns=TELL_NS + 150, settled_ns=9)
    assert not judged((50, None), heard_ns=TELL_NS + 100, settled_ns=0)
    assert "event 1 of handle 3 at revision 10" in judged((50, None), heard_ns=TELL_NS + 101, settled_ns=0)[0]


@pytest.mark.parametrize(
    ("hints", "said"),
    [
        ([(150, NOTICES[0]), (150, NOTICES[0])], "told twice of event 1 of handle 3 at revision 10"),
        ([(450, NOTICES[3]), (450, NOTICES[0])], "out of order"),
        ([(99, NOTICES[0])], "told at 99 ns of event 1 of handle 3 at revision 10, before any replica had carried it out"),
        ([(150, Notice(3, 1, "", 11))], "before any replica had carried it out"),
        ([(550, Notice(3, 1, "", 50))], "which the log does not tell it"),
        ([(150, Notice(9, 1, "", 10))], "which the log does not tell it"),
    ],
)
def test_what_is_invented_repeated_or_told_too_early_is_found(hints: list[tuple[int, Notice | None]], said: str) -> None:
    assert said in judged((50, None), *hints)[0]
