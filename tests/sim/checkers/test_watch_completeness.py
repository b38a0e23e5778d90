"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios import api
from gaios.sim.checkers.watch_completeness import watch_completeness
from gaios.sim.history import Watch


def put(key: bytes, revision: int) -> api.Event:
    return api.Event(key, b"v%d" % revision, 1, revision, revision)


MADE = [put(b"a", 1), put(b"b", 2), put(b"a", 3), put(b"c", 3), put(b"a", 5)]


def watch(*events: api.Event, key: bytes = b"a", end: bytes | None = b"", start: int = 1, until: int = 6) -> Watch:
    return Watch(1, key, end, start, events, until)


def test_a_watch_that_was_told_everything_passes() -> None:
    assert not watch_completeness([watch(*MADE), watch(MADE[0], MADE[2], MADE[4], end=None), watch(MADE[4], start=4)], MADE)


def test_what_lies_past_the_progress_is_not_due_yet() -> None:
    assert not watch_completeness([watch(*MADE[:4], until=4)], MADE)


def test_a_gap_is_found() -> None:
    assert (
        "event 1 is put of b'a' at revision 3, and should be put of b'b' at revision 2"
        in watch_completeness([watch(MADE[0], *MADE[2:])], MADE)[0].detail
    )
    assert "but not of put of b'a' at revision 5" in watch_completeness([watch(*MADE[:4])], MADE)[0].detail


def test_half_a_revision_is_found() -> None:
    assert watch_completeness([watch(*MADE[:3], until=4)], MADE)


def test_a_repeated_and_an_invented_event_are_found() -> None:
    assert watch_completeness([watch(MADE[0], MADE[0], *MADE[1:])], MADE)
    assert "not due" in watch_completeness([watch(*MADE, put(b"a", 9))], MADE)[0].detail


def test_events_out_of_order_are_found() -> None:
    assert watch_completeness([watch(MADE[1], MADE[0], *MADE[2:])], MADE)


def test_an_event_outside_the_range_is_found() -> None:
    assert watch_completeness([watch(*MADE[:4], MADE[4], end=b"c")], MADE)
