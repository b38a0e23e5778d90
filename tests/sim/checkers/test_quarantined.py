"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.quarantined import may_have_misled, quarantined, tainted
from gaios.sim.history import REBUILT, Applied, Compared, Doubted, Flip, Lease, Violation

FLIP = Flip(10, 2, 1, b"k")
SUMMED = Flip(10, 2, 1, b"k", is_summed=True)


def compared(*at_ns: int, boot: int = 1) -> list[Compared]:
    return [Compared(at, 2, boot, at) for at in at_ns]


def applied(replica: int, slot: int, checksum: int) -> Applied:
    return Applied(slot, replica, 1, slot, b"v", b"c", checksum, 0, 0)


def judged(flips: list[Flip], checks: list[Compared], doubted: int = 1, states: int = 9) -> list[Violation]:
    """Of three replicas, the second came to `states` everywhere, the others to 7."""
    everywhere = [applied(replica, check.slot, states if replica == 2 else 7) for check in checks for replica in (1, 2, 3)]
    return quarantined(flips, checks, [Doubted(99, 2, 1)] * doubted, everywhere, 5)


def test_a_database_that_is_given_up_soon_passes() -> None:
    assert not judged([FLIP], compared(8, 11, 12, 17, 18))
    assert not judged([FLIP], compared(8, 11))
    assert not judged([], [], doubted=0)


def test_what_was_made_anew_is_another_database() -> None:
    assert not judged([FLIP], compared(11, 12) + compared(20, 30, 40, 50, 60, boot=1 + REBUILT))


def test_one_that_goes_on_is_found() -> None:
    (found,) = judged([FLIP], compared(11, 12, 17, 18, 19))
    assert "replica 2 (boot 1) went on with a wrong b'k' through the checks at slots [17, 18, 19]" in str(found)


def test_a_wrong_value_that_is_no_more_is_nobodys_fault() -> None:
    assert judged([SUMMED], compared(11, 17, 18, 19))
    assert not judged([SUMMED], compared(11, 17, 18, 19), states=7)


def test_a_check_at_the_slot_of_its_own_snapshot_says_nothing() -> None:
    """What that came to was summed up in an earlier life."""
    checks = compared(11, 17, 18, 19)
    others = [applied(replica, check.slot, 7) for check in checks for replica in (1, 3)]
    assert not quarantined([SUMMED], checks, [Doubted(99, 2, 1)], others, 5)


def test_who_doubts_itself_without_a_reason_is_found() -> None:
    assert "nothing is wrong" in str(judged([], [])[0])


def test_what_it_came_to_meanwhile_is_set_apart() -> None:
    assert tainted([FLIP, FLIP._replace(at_ns=30), FLIP._replace(boot=2)]) == {(2, 1): 10, (2, 2): 10}


def test_a_master_with_a_wrong_database_may_have_misled() -> None:
    given_up = [Doubted(20, 2, 1)]
    assert may_have_misled([FLIP], given_up, [Lease(2, 5, 12, 14)])
    assert may_have_misled([FLIP], given_up, [Lease(2, 5, 8, 11)])
    assert not may_have_misled([FLIP], given_up, [Lease(2, 5, 21, 30), Lease(1, 5, 12, 14), Lease(2, 5, 3, 9)])
    assert may_have_misled([FLIP], [], [Lease(2, 5, 21, 30)])
