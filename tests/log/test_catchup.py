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


def test_a_source_that_supplies_a_part_is_asked_again() -> None:
    """It is bounded in what it sends in one go."""
    catchup = Catchup(Options(), [2, 3, 4])
    catchup.heard(3, 10)
    assert catchup.wanted(0, 0) == (3, range(1, 11))
    assert catchup.wanted(LATE, 4) == (3, range(5, 11))


def test_a_peer_that_knows_less_does_not_become_the_source() -> None:
    """It could not supply everything."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    catchup.heard(3, 5)
    assert catchup.wanted(0, 0)[0] == 2
