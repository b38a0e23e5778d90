"""Claims about when to try to become master.  [SAFETY 1, 9]"""

from gaios.log.election import Election
from gaios.log.options import MS, Options

OPTIONS = Options()


def test_no_poll_is_due_while_a_lease_is_granted() -> None:
    """Rule 2, seen from the poller."""
    election = Election(OPTIONS, 7, 0)
    granted_until = 500 * MS
    assert granted_until <= election.due_ns(granted_until) <= granted_until + OPTIONS.spread_ms * MS


def test_lots_differ_between_boots_and_repeat_for_one() -> None:
    """Two replicas rarely poll at once, and a run can be replayed."""
    lots = [Election(OPTIONS, nonce, 0).due_ns(0) for nonce in range(20)]
    assert len(set(lots)) > 15
    assert lots == [Election(OPTIONS, nonce, 0).due_ns(0) for nonce in range(20)]


def test_a_ballot_is_ones_own_and_above_all_that_were_seen() -> None:
    """[SAFETY 1] (round, member) as one number."""
    election = Election(OPTIONS, 7, 0)
    number = election.poll(0, 3)
    election.polled(2, number, yes=True, promised=9 << 16 | 2)
    ballot = election.campaign(0, 3, promised=4 << 16 | 1)
    assert ballot == 10 << 16 | 3
    assert election.campaign(0, 3, promised=ballot) == 11 << 16 | 3


def test_only_answers_to_the_present_poll_count() -> None:
    """A late yes to an earlier one says nothing about now."""
    election = Election(OPTIONS, 7, 0)
    old = election.poll(0, 1)
    new = election.poll(0, 1)
    election.polled(2, old, yes=True, promised=0)
    election.polled(3, new, yes=False, promised=0)
    assert election.yes == 1 << 1
    election.polled(2, new, yes=True, promised=0)
    assert election.yes == 1 << 1 | 1 << 2


def test_one_who_polls_in_vain_does_not_hold_up_the_others() -> None:
    """Giving way again and again would be a way to stop every election."""
    election = Election(OPTIONS, 7, 0)
    election.give_way(0, 2, 1)
    first = election.due_ns(0)
    assert first >= OPTIONS.yield_ms * MS
    election.give_way(first - 1, 2, 1)
    assert election.due_ns(0) == first


def test_of_two_that_poll_at_once_one_goes_on() -> None:
    """If both gave way, nobody would be elected; the higher number goes on."""
    low, high = Election(OPTIONS, 7, 0), Election(OPTIONS, 8, 0)
    low.poll(0, 1)
    high.poll(0, 2)
    low.give_way(0, 2, 1)
    high.give_way(0, 1, 2)
    assert (low.yes, high.yes) == (0, 1 << 2)


def test_failed_candidates_wait_longer_and_take_longer() -> None:
    """Disks may be slow: two that disturb each other must not do so for ever."""
    election = Election(OPTIONS, 7, 0)
    election.campaign(0, 1, 0)
    first = election.give_up_at
    election.failed(0)
    election.campaign(0, 1, 0)
    assert election.give_up_at > first
    election.ended()
    election.campaign(0, 1, 0)
    assert election.give_up_at == first


def test_an_abdicated_master_lets_the_others_go_first() -> None:
    """It could not work."""
    election = Election(OPTIONS, 7, 0)
    election.stand_back(0, 1_200)
    assert election.due_ns(0) >= 1_200 * MS
