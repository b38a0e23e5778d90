"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.raised_when_all_can import BEFORE_NS, raised_when_all_can
from gaios.sim.history import Raised, Ran

AT = 10 * BEFORE_NS
RAISED = [Raised(AT, 1, 2, (1, 2))]


def test_all_run_a_version_that_can() -> None:
    assert not raised_when_all_can(RAISED, [Ran(1, 2, 0), Ran(2, 3, 5)])


def test_one_that_ran_it_a_moment_ago_had_said_so() -> None:
    """It was stopped, or taken back, while its answer was on its way."""
    lives = [Ran(1, 2, 0), Ran(2, 2, 0, AT - BEFORE_NS), Ran(2, 1, AT - BEFORE_NS)]
    assert not raised_when_all_can(RAISED, lives)


def test_one_that_cannot_is_found() -> None:
    for lives in ([Ran(2, 1, 0)], [Ran(2, 2, 0, AT - BEFORE_NS - 1)], [Ran(2, 1, 0, AT), Ran(2, 2, AT + 1)]):
        (violation,) = raised_when_all_can(RAISED, [Ran(1, 2, 0), *lives])
        assert "members [2]" in violation.detail


def test_one_that_was_removed_does_not_count_and_one_that_never_ran_does() -> None:
    assert not raised_when_all_can(RAISED, [Ran(1, 2, 0), Ran(2, 2, 0), Ran(3, 1, 0)])
    assert raised_when_all_can([Raised(AT, 1, 2, (1, 2, 4))], [Ran(1, 2, 0), Ran(2, 2, 0)])
