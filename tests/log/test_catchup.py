"""Claims about learning what is missing.  [SAFETY 6]"""

from gaios.log.catchup import Catchup
from gaios.log.options import MS, Options

LATE = Options().retransmit_ms * MS


def test_nothing_is_asked_when_nothing_is_missing() -> None:
    """A peer that knows no more is not bothered."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 5)
    assert not catchup.lags(5)
    assert catchup.wanted(0, 5) == (0, range(0))


def test_a_bounded_number_is_asked_for_at_a_time() -> None:
    """The next ones when these came."""
    catchup = Catchup(Options(seek_slots=4), [2, 3])
    catchup.heard(2, 10)
    assert catchup.wanted(0, 0) == (2, range(1, 5))
    assert catchup.wanted(1, 2) == (0, range(0))
    assert catchup.wanted(2, 4) == (2, range(5, 9))


def test_every_peer_is_asked_in_turn_when_nothing_comes() -> None:
    """Also when the master says again and again what it knows: two that lagged once asked only each other, for ever."""
    catchup = Catchup(Options(), [1, 2, 4, 5])
    asked = []
    for count in range(6):
        catchup.heard(1, 10)
        asked.append(catchup.wanted(count * LATE, 0)[0])
    assert asked == [1, 1, 2, 4, 5, 1]


def test_what_nobody_has_is_forgotten() -> None:
    """A claim that nobody can make good does not keep a replica asking for ever."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 1 << 40)
    for count in range(10):
        catchup.wanted(count * LATE, 0)
    assert not catchup.lags(0)


def test_what_nobody_supplied_is_remembered_until_it_comes() -> None:
    """Whoever can get it elsewhere does; how far peers claimed to be is not forgotten with it."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    for count in range(10):
        assert catchup.forsaken == -1 or count > 4
        catchup.wanted(count * LATE, 4)
    assert (catchup.forsaken, catchup.known, catchup.claimed) == (4, 4, 10)


def test_a_peer_that_knows_less_does_not_become_the_source() -> None:
    """It could not supply everything."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    catchup.heard(3, 5)
    assert catchup.wanted(0, 0)[0] == 2


def test_the_rest_of_a_short_answer_is_asked_for_when_nothing_more_comes() -> None:
    """Whoever supplies one value at a time must not cost a retransmission time a value: a replica that lags would never catch up."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    assert catchup.wanted(0, 0) == (2, range(1, 11))
    assert catchup.wanted(3 * MS, 1) == (0, range(0)), "more may be under way"
    assert catchup.retry_at == 9 * MS, "twice what the answer took"
    assert catchup.wanted(9 * MS - 1, 1) == (0, range(0))
    assert catchup.wanted(9 * MS, 1) == (2, range(2, 11))


def test_nothing_is_asked_twice_while_values_keep_coming() -> None:
    """A long answer on a slow link outlasts the retransmission time: asking again would bring all of it once more."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 64)
    asked = [catchup.wanted(slot * LATE // 4, slot) for slot in range(64)]
    assert [slots for _, slots in asked if slots] == [range(1, 65)]


def test_an_answer_that_never_begins_is_late_as_ever() -> None:
    """Only what came tells how long answers take."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    catchup.wanted(0, 0)
    catchup.wanted(MS, 1)
    assert catchup.wanted(3 * MS, 1) == (2, range(2, 11))
    assert catchup.wanted(3 * MS + LATE - 1, 1) == (0, range(0))
    assert catchup.wanted(3 * MS + LATE, 1) == (2, range(2, 11))


def test_an_answer_that_once_took_longer_is_given_its_time() -> None:
    """A value that was still under way must not make the next answers look quick, or all would be asked for again and again."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 64)
    catchup.wanted(0, 0)
    catchup.wanted(20 * MS, 1)
    catchup.wanted(60 * MS, 1)
    catchup.wanted(60 * MS + 1, 2)
    assert catchup.wanted(80 * MS, 2) == (0, range(0))
    assert catchup.wanted(100 * MS, 2) == (2, range(3, 65))


def test_who_has_nothing_wants_a_snapshot_and_no_values_while_it_comes() -> None:
    """Values below it would come for nothing. When nobody sends it any more they are asked for."""
    catchup = Catchup(Options(seek_slots=4), [2, 3])
    catchup.heard(2, 100)
    assert catchup.wants_base(0, 0)
    assert not catchup.wants_base(1, 0), "once"
    assert catchup.wanted(1, 0) == (0, range(0))
    assert catchup.due_ns(0) == LATE
    catchup.coming = 90
    assert catchup.wanted(LATE, 0) == (0, range(0))
    assert catchup.due_ns(0) > 1_000 * LATE
    catchup.coming = 0
    assert catchup.due_ns(0) <= LATE
    assert catchup.wanted(LATE, 0) == (2, range(1, 5))


def test_when_nobody_offers_a_snapshot_values_are_asked_for() -> None:
    """One question's time later."""
    catchup = Catchup(Options(seek_slots=4), [2, 3])
    catchup.heard(2, 100)
    assert catchup.wants_base(0, 0)
    assert catchup.wanted(LATE - 1, 0) == (0, range(0))
    assert catchup.wanted(LATE, 0) == (2, range(1, 5))
    assert not catchup.wants_base(LATE, 0)


def test_who_lacks_little_or_has_something_wants_no_snapshot() -> None:
    """One question brings all of it; and who only lags is sooner level through the log."""
    catchup = Catchup(Options(seek_slots=4), [2, 3])
    catchup.heard(2, 4)
    assert not catchup.wants_base(0, 0)
    assert catchup.wanted(0, 0) == (2, range(1, 5))
    catchup = Catchup(Options(seek_slots=4), [2, 3])
    catchup.heard(2, 100)
    catchup.coming = 90
    assert not catchup.wants_base(0, 1)
    assert catchup.wanted(0, 1) == (2, range(2, 6))
