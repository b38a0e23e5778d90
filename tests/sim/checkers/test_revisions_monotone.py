"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios import api
from gaios.sim.checkers.revisions_monotone import revisions_monotone
from gaios.sim.history import DONE, UNKNOWN, Applied, Call


def applied(slot: int, revision: int, boot: int = 1) -> Applied:
    return Applied(0, 1, boot, slot, b"", b"", 0, 0, revision)


def read(number: int, began: int, ended: int, revision: int, client: int = 1) -> Call:
    return Call(number, client, api.Range(b"k"), began, began, ended, ended, DONE, api.Page((), more=False, revision=revision))


def test_growing_revisions_pass() -> None:
    assert not revisions_monotone([applied(1, 1), applied(2, 1), applied(3, 2), applied(1, 1, boot=2)], [])


def test_a_revision_that_goes_back_along_the_log_is_found() -> None:
    assert "revision 2 at slot 1, 1 at slot 2" in revisions_monotone([applied(1, 2), applied(2, 1)], [])[0].detail


def test_concurrent_operations_may_be_answered_in_any_order() -> None:
    assert not revisions_monotone([], [read(1, 1, 4, 7), read(2, 2, 5, 6)])


def test_an_answer_older_than_one_that_came_before_the_call_is_found() -> None:
    """Whichever client got it: they may have talked."""
    found = revisions_monotone([], [read(1, 1, 2, 7, client=1), read(2, 3, 4, 6, client=2)])
    assert "call 2 of client 2 was answered revision 6, after call 1 of client 1 had been answered 7" in found[0].detail


def test_the_highest_answer_before_the_call_counts_not_the_last() -> None:
    assert len(revisions_monotone([], [read(1, 1, 2, 7), read(2, 1, 3, 6), read(3, 4, 5, 6)])) == 1


def test_an_unknown_outcome_says_nothing() -> None:
    lost = Call(2, 1, api.Range(b"k"), 3, 3, None, 0, UNKNOWN, None)
    assert not revisions_monotone([], [read(1, 1, 2, 7), lost])
