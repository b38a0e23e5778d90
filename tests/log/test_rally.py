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


def test_half_a_crowd_goes_at_once_even_behind_a_slot() -> None:
    """Two halves in turn keep the disks busy."""
    rally = crowded()
    assert not rally.is_time(1, 31, 1)
    assert rally.is_time(2, 32, 1)


def test_fewer_wait_while_more_come() -> None:
    """Each later look that finds more is worth another; the first that does not is the last."""
    rally = crowded()
    assert not rally.is_time(1, 1, 0)
    assert not rally.is_time(2, 5, 0)
    assert rally.is_time(3, 5, 0)


def test_looks_at_one_instant_are_one_look() -> None:
    """A turn of the loop may ask more than once; nothing can have come in between."""
    rally = crowded()
    assert not rally.is_time(1, 1, 0)
    assert not rally.is_time(1, 1, 0)


def test_nobody_waits_longer_than_the_bound() -> None:
    """Also when one more comes at every look."""
    rally = crowded()
    assert not rally.is_time(1_000, 1, 0)
    assert not rally.is_time(400_000, 2, 0)
    assert rally.is_time(502_000, 3, 0)


def test_a_crowd_that_left_is_forgotten() -> None:
    """After some batches of one, one goes at once again."""
    rally = crowded()
    for _ in range(60):
        rally.went(1)
    assert rally.is_time(1, 1, 0)
