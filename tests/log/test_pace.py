"""When a slow disk is a reason to let another reign."""

from gaios.log.options import MS
from gaios.log.pace import AGAIN_MS, FACTOR, FLOOR_MS, FRESH_NS, SAMPLES_MIN, Pace
from gaios.log.roster import Roster


def cell(members: int) -> Roster:
    """Members 1, 2, …, of which this is 1."""
    return Roster(1, {member: member for member in range(1, members + 1)})


def reign(own_ms: int, *others_ms: int, slots: int = 20, members: int = 5, pace: Pace | None = None, at: int = 1) -> tuple[Pace, int]:
    """So many slots, each as long on this disk, and on those of members 2, 3, …; the pace and the time behind them."""
    pace = pace or Pace(cell(members), 0)
    pace.begin(at)
    for slot in range(slots):
        began = at
        pace.proposed(began, slot)
        for member, took_ms in sorted(enumerate(others_ms, 2), key=lambda pair: pair[1]):
            pace.accepted(began + took_ms * MS, slot, member)
        at = began + own_ms * MS
        pace.synced(at, began)
    return pace, at


def test_a_slow_disk_among_quick_ones_gives_way() -> None:
    pace, now = reign(100, 2, 2, 2, 2)
    assert pace.is_slow(now)


def test_two_slow_ones_do_not_excuse_each_other() -> None:
    """Three of four others are quick: they are a majority without this disk."""
    pace, now = reign(100, 100, 2, 2, 2)
    assert pace.is_slow(now)


def test_where_all_or_a_majority_are_slow_nobody_gives_way() -> None:
    assert not (made := reign(100, 100, 100, 100, 100))[0].is_slow(made[1])
    assert not (made := reign(100, 2, 2, 100, 100))[0].is_slow(made[1])
    assert not (made := reign(100, 2, members=3))[0].is_slow(made[1]), "one of two others answers: this disk is needed"
    assert not (made := reign(100, members=1))[0].is_slow(made[1])


def test_a_difference_that_nobody_notices_is_none() -> None:
    assert not (made := reign(FLOOR_MS, 1, 1, 1, 1))[0].is_slow(made[1])
    assert not (made := reign(40 * FACTOR, 40, 40, 40, 40))[0].is_slow(made[1])
    assert (made := reign(40 * FACTOR + 1, 40, 40, 40, 40))[0].is_slow(made[1])


def test_a_few_long_syncs_prove_nothing() -> None:
    pace, now = reign(1, 1, 1, 1, 1)
    for _ in range(SAMPLES_MIN - 1):
        pace.synced(now + 500 * MS, now)
    assert not pace.is_slow(now + 500 * MS)
    assert not (made := reign(100, 1, 1, 1, 1, slots=SAMPLES_MIN - 1))[0].is_slow(made[1])


def test_what_is_long_past_proves_nothing() -> None:
    pace, now = reign(100, 1, 1, 1, 1)
    assert not pace.is_slow(now + FRESH_NS + 1)


def test_syncs_that_do_not_return_count() -> None:
    """A disk that hangs is noticed before anything returns."""
    pace, now = reign(1, 1, 1, 1, 1)
    assert not pace.is_slow(now + 50 * MS, [now] * 5)
    assert pace.is_slow(now + 50 * MS, [now] * 20)


def test_a_yes_is_given_once_and_then_ever_more_rarely() -> None:
    """Two slow disks of five must not hand the cell to and fro."""
    pace, now = reign(100, 2, 2, 2, 2)
    assert pace.is_slow(now)
    assert pace.stands_back(now)
    first = now
    pace, now = reign(100, 2, 2, 2, 2, pace=pace, at=now)
    assert not pace.is_slow(now)
    pace, now = reign(100, 2, 2, 2, 2, pace=pace, at=first + AGAIN_MS * MS)
    assert not pace.stands_back(now)
    assert pace.is_slow(now)
    pace, later = reign(100, 2, 2, 2, 2, pace=pace, at=now + AGAIN_MS * MS)
    assert not pace.is_slow(later)
    pace, later = reign(100, 2, 2, 2, 2, pace=pace, at=now + 2 * AGAIN_MS * MS)
    assert pace.is_slow(later)


def test_proposals_that_nobody_accepts_do_not_gather() -> None:
    pace = Pace(cell(5), 0)
    for slot in range(10_000):
        pace.proposed(slot, slot)
    assert len(pace._open) < 100
