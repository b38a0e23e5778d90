"""Claims about when a batch goes."""

from gaios.log.options import Options
from gaios.log.rally import Rally


def crowded(count: int = 64) -> Rally:
    rally = Rally(Options(linger_us=500))
    rally.went(count)
    return rally


def test_a_lone_client_never_waits() -> None:
    """It is its own crowd."""
    rally = Rally(Options())
    for now in range(1, 5):
        assert rally.is_time(now, 1, 0)
        rally.went(1)


def test_nearly_a_crowd_goes_at_once_even_behind_a_slot() -> None:
    """Those who are late would be a batch of their own."""
    rally = crowded()
    assert not rally.is_time(1, 55, 1)
    assert rally.is_time(2, 56, 1)


def test_fewer_wait_for_the_rest_but_not_for_long() -> None:
    """The first of them counts: more that come do not prolong it."""
    rally = crowded()
    assert not rally.is_time(1_000, 1, 0)
    assert rally.until_ns == 501_000
    assert not rally.is_time(500_999, 20, 0)
    assert rally.is_time(501_000, 20, 0)


def test_fewer_wait_for_the_slot_in_flight() -> None:
    """It ends soon, and then they go if they have waited long enough."""
    rally = crowded()
    assert not rally.is_time(1_000, 1, 1)
    assert not rally.is_time(900_000, 2, 1)
    assert rally.is_time(900_001, 2, 0)


def test_a_crowd_that_left_is_forgotten() -> None:
    """After some batches of one, one goes at once again."""
    rally = crowded()
    for _ in range(60):
        rally.went(1)
    assert rally.is_time(1, 1, 0)
