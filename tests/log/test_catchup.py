"""Claims about learning what is missing.  [SAFETY 6]"""

from gaios.log.catchup import Catchup
from gaios.log.options import MS, Options


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


def test_a_silent_source_is_replaced() -> None:
    """Whoever does not answer in time is not asked again before the others were."""
    options = Options()
    catchup = Catchup(options, [2, 3, 4])
    catchup.heard(3, 10)
    late = options.retransmit_ms * MS
    assert catchup.wanted(0, 0)[0] == 3
    assert catchup.wanted(late, 0)[0] == 4
    assert catchup.wanted(2 * late, 0)[0] == 2


def test_a_peer_that_knows_less_does_not_become_the_source() -> None:
    """It could not supply everything."""
    catchup = Catchup(Options(), [2, 3])
    catchup.heard(2, 10)
    catchup.heard(3, 5)
    assert catchup.wanted(0, 0)[0] == 2
