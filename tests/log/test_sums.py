"""Sums are compared at one slot, and only a majority of all members is believed.  [SAFETY 25]"""

from gaios.configuration import founders
from gaios.log.roster import Roster
from gaios.log.sums import KEPT, Finding, Sum, Sums


def a_sum(slot: int, checksum: int = 7, *, chain: int = 1, trail: int = 3) -> Sum:
    return Sum(slot, bytes([chain]) * 16, checksum, trail)


def told(slot: int, *checksums: int, members: int = 5) -> Sums[Sum]:
    """What members 1, 2, … came to; this replica is 1."""
    sums = Sums[Sum](1, Roster(1, {member: member for member in range(1, members + 1)}))
    for member, checksum in enumerate(checksums, 1):
        if member == 1:
            sums.note(a_sum(slot, checksum))
        else:
            sums.hear(member, a_sum(slot, checksum))
    return sums


def test_a_majority_of_all_members_agrees() -> None:
    assert told(4, 7, 7).judge(4).finding is Finding.OPEN
    judgement = told(4, 7, 7, 7).judge(4)
    assert judgement == (Finding.AGREED, a_sum(4), ())


def test_the_minority_is_wrong_and_known_by_name() -> None:
    assert told(4, 7, 7, 8, 7).judge(4) == (Finding.AGREED, a_sum(4), (3,))
    assert told(4, 8, 7, 7, 7).judge(4) == (Finding.ODD, a_sum(4), (1,))


def test_two_that_agree_among_five_prove_nothing() -> None:
    assert told(4, 7, 8, 8).judge(4).finding is Finding.DISPUTED
    assert told(4, 7, 8, 8).judge(4).right is None


def test_without_a_possible_majority_it_is_split() -> None:
    assert told(4, 7, 7, 8, 8, 9).judge(4).finding is Finding.SPLIT
    assert told(4, 7, 8, members=2).judge(4).finding is Finding.SPLIT
    assert told(4, 7, 8, members=3).judge(4).finding is Finding.DISPUTED


def test_sums_of_different_slots_are_never_compared() -> None:
    sums = told(4, 7, 7)
    for member in (3, 4, 5):
        sums.hear(member, a_sum(5, 8))
    assert sums.judge(4).finding is Finding.OPEN
    assert sums.judge(5).finding is Finding.OPEN  # this replica has not come there


def test_chain_and_trail_count_as_the_checksum_does() -> None:
    sums = told(4, 7)
    for member in (2, 3, 4):
        sums.hear(member, a_sum(4, trail=4))
    assert sums.judge(4).finding is Finding.ODD
    sums = told(4, 7)
    for member in (2, 3, 4):
        sums.hear(member, a_sum(4, chain=2))
    assert sums.judge(4).finding is Finding.ODD


def test_a_members_newest_word_counts() -> None:
    sums = told(4, 7, 8, 8, 8)
    assert sums.judge(4).finding is Finding.ODD
    sums.hear(2, a_sum(4))
    sums.hear(3, a_sum(4))
    assert sums.judge(4) == (Finding.AGREED, a_sum(4), (4,))


def test_who_governed_a_slot_judges_it_whoever_governs_now() -> None:
    """One that is left of two does not make right what the other never said.  [SAFETY 18]"""
    roster = Roster(1, {1: 1, 7: 7})
    sums = Sums[Sum](1, roster)
    for slot in (4, 5, 7):
        sums.note(a_sum(slot))
    sums.hear(7, a_sum(5))
    roster.adopt(founders({1: 1, 7: 7}).removed(7), 6, stands=True)
    assert [sums.judge(slot).finding for slot in (4, 5, 7)] == [Finding.OPEN, Finding.AGREED, Finding.AGREED]


def test_where_it_is_not_known_who_governed_nothing_is_judged() -> None:
    roster = Roster(1, {1: 1, 2: 2})
    sums = Sums[Sum](1, roster)
    roster.adopt(founders({1: 1, 2: 2}).removed(2).added(3), 6)
    for slot in (5, 7):
        sums.note(a_sum(slot))
    assert [sums.judge(slot).finding for slot in (5, 7)] == [Finding.OPEN, Finding.AGREED]
    sums.hear(3, a_sum(5, 8))
    assert sums.judge(5).finding is Finding.OPEN


def test_strangers_have_no_say() -> None:
    sums = told(4, 7, 7)
    sums.hear(6, a_sum(4))
    assert sums.judge(4).finding is Finding.OPEN


def test_only_the_newest_slots_are_kept() -> None:
    sums = Sums[Sum](1, Roster(1, {1: 1, 2: 2, 3: 3}))
    for slot in range(1, KEPT + 3):
        sums.note(a_sum(slot))
    assert [own.slot for own in sums.ring()] == list(range(3, KEPT + 3))
    sums.hear(2, a_sum(1))
    assert not sums.said(1)
    newest = sums.newest()
    assert newest is not None
    assert newest.slot == KEPT + 2


def test_one_slot_is_taken_back() -> None:
    """What this replica said of it, and no more."""
    sums = told(7, 1, 1, 1)
    sums.note(a_sum(8))
    sums.forget(7)
    assert (sums.own(7), sums.own(8)) == (None, a_sum(8))
    assert set(sums.said(7)) == {2, 3}


def test_what_is_forgotten_is_this_replicas_own_alone() -> None:
    sums = told(4, 7, 7)
    sums.forget_own()
    assert sums.own(4) is None
    assert sums.newest() is None
    assert dict(sums.said(4)) == {2: a_sum(4)}
    assert "0000000000000007" in str(a_sum(4))
