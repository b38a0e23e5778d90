"""Claims about when a batch goes."""

from gaios.log.options import Options
from gaios.log.rally import Rally


def crowded(count: int = 64) -> Rally:
    rally = Rally(Options(linger_us=500))
    rally.went(count, 0)
    return rally


def test_a_lone_client_never_waits() -> None:
    """It is its own crowd."""
    rally = Rally(Options())
    for now in range(1, 5):
        assert rally.is_time(now, 1, 0)
        rally.went(1, 0)


def test_nearly_a_crowd_goes_at_once_even_behind_a_slot() -> None:
    """Those who are late would be a batch of their own."""
    rally = crowded()
    assert not rally.is_time(1, 55, 1)
    assert rally.is_time(2, 56, 1)


def test_those_in_flight_are_part_of_the_crowd() -> None:
    """Two halves of one crowd that took turns would be twice the slots: the second half waits for the first to come back."""
    rally = crowded(32)
    rally.went(32, 32)
    assert not rally.is_time(1, 32, 32)
    assert not rally.is_time(2, 32, 0)
    assert rally.is_time(3, 56, 0)


def test_fewer_wait_as_long_as_more_keep_coming() -> None:
    """Nobody came for so long: that is all of them."""
    rally = crowded()
    assert not rally.is_time(1_000, 1, 0)
    assert rally.until_ns == 501_000
    assert not rally.is_time(500_999, 20, 0)
    assert rally.until_ns == 1_000_999
    assert rally.is_time(1_000_999, 20, 0)


def test_nobody_waits_for_ever_however_many_come() -> None:
    """Four times as long at most."""
    rally = crowded()
    assert not any(rally.is_time(1_000 + step * 400_000, 1 + step, 0) for step in range(5))
    assert rally.until_ns == 2_001_000
    assert rally.is_time(2_001_000, 7, 0)


def test_fewer_wait_for_the_slot_in_flight_and_then_for_its_clients() -> None:
    """They are answered at this moment, and come again."""
    rally = crowded()
    assert not rally.is_time(1_000, 1, 1)
    assert not rally.is_time(9_000_000, 2, 1)
    assert rally.until_ns == 0
    assert not rally.is_time(9_000_001, 2, 0)
    assert rally.is_time(9_500_001, 2, 0)


def test_a_crowd_that_left_is_forgotten() -> None:
    """After some batches of one, one goes at once again."""
    rally = crowded()
    for _ in range(60):
        rally.went(1, 0)
    assert rally.is_time(1, 1, 0)


def test_a_wait_that_was_broken_off_leaves_no_time_behind() -> None:
    """A reign ended: in the next one this time would lie in the past, and be due for ever."""
    rally = crowded()
    assert not rally.is_time(1_000, 2, 0)
    rally.disperse()
    assert rally.until_ns == 0
    assert not rally.is_time(9_000_000, 2, 0)
    assert rally.until_ns == 9_500_000
