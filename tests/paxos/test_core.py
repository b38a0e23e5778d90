"""The generated core's contract with the log: what a step returns, in which order, and what it shares with nobody."""

from typing import Any

import pytest

from gaios import entry
from gaios.configuration import FORMAT, Configuration, Member
from gaios.paxos import core

ALL = 0b1110
"""Members 1, 2 and 3."""


def stepped(participant: core.Participant, *event: Any, src: int = 0, now: int = 0) -> core.Out:
    """What a step wants done; it must fire."""
    out = core.Out()
    assert participant.step(event, src or participant.me, now, out)
    return out


def leader() -> core.Participant:
    """Member 1, leading in ballot 1.1."""
    participant = core.Participant(1, ALL)
    ballot = core.ROUND + 1
    stepped(participant, core.CAMPAIGN, ballot)
    for member in (1, 2):
        stepped(participant, core.PROMISE, ballot, 1, 0, {}, {}, src=member)
    stepped(participant, core.RECOVER)
    assert participant.leads()
    return participant


def test_a_campaign_writes_its_claim_before_it_asks() -> None:
    """[SAFETY 1, 5]"""
    out = stepped(core.Participant(1, ALL), core.CAMPAIGN, core.ROUND + 1)
    ballot = core.ROUND + 1
    assert out.writes == [(core.F_PROMISED, ballot)]
    assert out.sends == [(core.OTHERS, (core.PREPARE, ballot, 0)), (1, (core.PROMISE, ballot, 0, 0, {}, {}))]
    assert {core.PREPARE, core.PROMISE} <= core.AFTER


def test_a_proposal_leaves_at_once_and_the_vote_waits() -> None:
    """The leader's own vote counts after its own sync, which overlaps the others'.  [SAFETY 5]"""
    participant = leader()
    out = stepped(participant, core.PROPOSE, b"x")
    assert out.writes == [(core.F_ACC, 1, participant.bal, b"x")]
    assert out.sends == [
        (core.OTHERS, (core.ACCEPT, participant.bal, 0, 1, b"x")),
        (1, (core.ACCEPTED, participant.bal, 0, 1)),
    ]
    assert core.ACCEPTED in core.AFTER
    assert not {core.ACCEPT, core.LEARN, core.HEARTBEAT} & core.AFTER


def test_a_scalar_that_does_not_change_is_not_written() -> None:
    """An accept in the promised ballot costs one record, not two."""
    follower = core.Participant(2, ALL)
    ballot = core.ROUND + 1
    first = stepped(follower, core.ACCEPT, ballot, 1, 1, b"x", src=1)
    again = stepped(follower, core.ACCEPT, ballot, 1, 2, b"y", src=1)
    assert first.writes == [(core.F_PROMISED, ballot), (core.F_ACC, 1, ballot, b"x")]
    assert again.writes == [(core.F_ACC, 2, ballot, b"y")]


def test_an_accept_that_is_repeated_is_voted_for_and_not_written_again() -> None:
    """Retransmission costs no sync."""
    follower = core.Participant(2, ALL)
    event = (core.ACCEPT, core.ROUND + 1, 1, 1, b"x")
    stepped(follower, *event, src=1)
    out = stepped(follower, *event, src=1)
    assert (out.writes, out.sends) == ([], [(1, (core.ACCEPTED, core.ROUND + 1, 1, 1))])


def test_votes_that_came_early_are_counted_when_the_gap_closes() -> None:
    """Slots are chosen in order, several at once; what was counted is forgotten."""
    participant = leader()
    for value in (b"x", b"y", b"z"):
        stepped(participant, core.PROPOSE, value)
    for slot in (3, 2):
        for member in (1, 2):
            stepped(participant, core.ACCEPTED, participant.bal, 1, slot, src=member)
    assert participant.chosen == 0
    stepped(participant, core.ACCEPTED, participant.bal, 1, 1, src=3)
    out = stepped(participant, core.ACCEPTED, participant.bal, 1, 1, src=1)
    assert out.writes == [(core.F_CHOSEN, 3)]
    assert out.sends == [(core.OTHERS, (core.LEARN, participant.bal, 0, 3))]
    assert participant.votes == {}


def test_no_more_than_a_window_is_proposed_above_what_is_chosen() -> None:
    """A start reports a window, and no more: what lies above must not have been accepted."""
    participant = leader()
    for _ in range(core.WINDOW):
        stepped(participant, core.PROPOSE, b"x")
    assert not participant.step((core.PROPOSE, b"x"), 1, 0, core.Out())
    follower = core.Participant(2, ALL)
    assert not follower.step((core.ACCEPT, participant.bal, 1, core.WINDOW + 1, b"x"), 1, 0, core.Out())


def test_a_report_is_in_slot_order_and_belongs_to_its_message() -> None:
    """No dictionary order of arrival on the wire [SAFETY 27], and no map that two hold."""
    follower = core.Participant(2, ALL)
    for slot in (3, 1, 2):
        stepped(follower, core.ACCEPT, core.ROUND + 1, 1, slot, b"%d" % slot, src=1)
    ((_, promise),) = stepped(follower, core.PREPARE, 2 * core.ROUND + 3, 1, src=3).sends
    report = promise[4]
    assert list(report) == [1, 2, 3]
    stepped(follower, core.ACCEPT, 2 * core.ROUND + 3, 1, 1, b"other", src=3)
    assert report[1] == (core.ROUND + 1, b"1")


def test_reports_of_others_are_not_changed_by_merging_them() -> None:
    """A message is read-only: the sender may hold it for a retransmission."""
    participant = core.Participant(1, ALL)
    ballot = 5 * core.ROUND + 1
    stepped(participant, core.CAMPAIGN, ballot)
    mine, theirs = {1: (core.ROUND + 1, b"x")}, {1: (core.ROUND + 2, b"y"), 4: (core.ROUND + 2, b"z")}
    stepped(participant, core.PROMISE, ballot, 1, 0, mine, {}, src=1)
    stepped(participant, core.PROMISE, ballot, 1, 0, theirs, {}, src=2)
    assert participant.best == {1: (core.ROUND + 2, b"y"), 4: (core.ROUND + 2, b"z")}
    assert (mine, theirs) == ({1: (core.ROUND + 1, b"x")}, {1: (core.ROUND + 2, b"y"), 4: (core.ROUND + 2, b"z")})


def candidate(*reports: tuple[int, dict[int, Any], dict[int, int]], of: int = 5) -> core.Participant:
    """Member 1 of so many, campaigning in ballot 9.1, with reports of (member, accepted, damaged)."""
    participant = core.Participant(1, (1 << of + 1) - 2)
    stepped(participant, core.CAMPAIGN, 9 * core.ROUND + 1)
    for member, accepted, damaged in reports:
        participant.step((core.PROMISE, participant.bal, 0, 0, accepted, damaged), member, 0, core.Out())
    return participant


def recovers(participant: core.Participant) -> bool:
    """Whether it may lead now."""
    return participant.step((core.RECOVER,), 1, 0, core.Out())


def test_a_damaged_slot_waits_for_an_intact_majority() -> None:
    """Three say that they have nothing there: then nothing was chosen there, whatever rotted.  [SAFETY 6]"""
    participant = candidate((1, {}, {}), (2, {}, {1: 7}), (3, {}, {}))
    assert not recovers(participant)
    participant.step((core.PROMISE, participant.bal, 0, 0, {}, {}), 4, 0, core.Out())
    assert recovers(participant)
    assert participant.next == 1


def test_a_damaged_slot_is_settled_by_an_intact_value_as_new() -> None:
    """It is what rotted, or newer.  [SAFETY 6]"""
    for ballot, settled in ((6, {}), (7, {1: b"x"}), (8, {1: b"x"})):
        participant = candidate((1, {}, {}), (2, {}, {1: 7}), (3, {1: (ballot, b"x")}, {}))
        assert recovers(participant) == bool(settled)
        assert {slot: value for slot, (_, value) in participant.acc.items()} == settled


def test_damage_below_what_is_chosen_hinders_nobody() -> None:
    """That value is fetched; it is not proposed again."""
    participant = candidate((1, {}, {}), (2, {}, {1: 7}), (3, {}, {}))
    assert not recovers(participant)
    stepped(participant, core.CHOSEN, 1, 7, b"x", src=3)
    assert recovers(participant)


def test_what_rotted_is_reported_until_a_newer_vote() -> None:
    """Never as absent; and one that voted again needs no repair.  [SAFETY 6]"""
    follower = core.Participant(2, ALL)
    stepped(follower, core.ACCEPT, core.ROUND + 1, 1, 1, b"x", src=1)
    out = stepped(follower, core.ROT, 1, core.ROUND + 1)
    assert out.writes == [(core.F_FAULTY, 1, core.ROUND + 1)]
    ((_, promise),) = stepped(follower, core.PREPARE, 2 * core.ROUND + 3, 1, src=3).sends
    assert promise[4:] == ({}, {1: core.ROUND + 1})
    stepped(follower, core.ACCEPT, 2 * core.ROUND + 3, 1, 1, b"y", src=3)
    assert follower.faulty == {}


def test_a_damaged_chosen_value_is_neither_supplied_nor_taken_from_a_proposal() -> None:
    """A stale proposal may be of a value that was not chosen.  [SAFETY 6]"""
    follower = core.Participant(2, ALL)
    stepped(follower, core.CHOSEN, 1, 5 * core.ROUND + 1, b"chosen", src=1)
    stepped(follower, core.ROT, 1, 5 * core.ROUND + 1)
    assert not follower.step((core.FETCH, 1), 3, 0, core.Out())
    stepped(follower, core.ACCEPT, core.ROUND + 3, 1, 1, b"stale", src=3)
    assert follower.faulty
    stepped(follower, core.SEEK, 1, 3)
    stepped(follower, core.CHOSEN, 1, 5 * core.ROUND + 1, b"chosen", src=3)
    assert (follower.acc, follower.faulty) == ({1: (5 * core.ROUND + 1, b"chosen")}, {})


def test_members_outside_the_configuration_do_not_count() -> None:
    """A learner counts in no quorum, and does not campaign; what it says of itself binds it all the same.  [SAFETY 18]"""
    outsider = core.Participant(9, ALL)
    assert not outsider.step((core.CAMPAIGN, core.ROUND + 9), 9, 0, core.Out())
    stepped(outsider, core.ACCEPT, core.ROUND + 2, 0, 1, b"x")
    assert not outsider.step((core.PREPARE, core.ROUND + 1, 0), 1, 0, core.Out())
    participant = leader()
    stepped(participant, core.PROPOSE, b"x")
    for member in (1, 9, 8):
        stepped(participant, core.ACCEPTED, participant.bal, 1, 1, src=member)
    assert participant.chosen == 0


def configured(number: int, *voters: int) -> bytes:
    """A slot's value: a configuration."""
    listed = tuple(Member(voter, voter) for voter in voters)
    return entry.batch([entry.configuration(core.ROUND + 1, Configuration(FORMAT, number, 10, listed).encode())], 0)


def test_a_configuration_governs_the_slots_behind_its_own() -> None:
    """It is proposed behind everything, nothing is proposed behind it before it is chosen, and then others are counted.  [SAFETY 18]"""
    participant = leader()
    value = configured(1, 8, 9)
    stepped(participant, core.PROPOSE, b"x")
    assert not participant.step((core.CHANGE, value), 1, 0, core.Out()), "slot 1 is open"
    for member in (1, 2):
        stepped(participant, core.ACCEPTED, participant.bal, 0, 1, src=member)
    assert not participant.step((core.CHANGE, configured(2, 8, 9)), 1, 0, core.Out()), "number 1 comes first"
    stepped(participant, core.CHANGE, value)
    assert not participant.step((core.PROPOSE, b"y"), 1, 0, core.Out()), "the configuration is open"
    for member in (1, 2):
        stepped(participant, core.ACCEPTED, participant.bal, 0, 2, src=member)
    assert (participant.chosen, participant.config, participant.electors()) == (2, 1, 0b11 << 8)
    stepped(participant, core.PROPOSE, b"y")
    for member in (1, 2, 3):
        stepped(participant, core.ACCEPTED, participant.bal, 1, 3, src=member)
    assert participant.chosen == 2, "those were of the old configuration"
    for member in (8, 9):
        stepped(participant, core.ACCEPTED, participant.bal, 1, 3, src=member)
    assert participant.chosen == 3


def test_a_candidate_that_finds_a_configuration_asks_its_members_before_it_goes_on() -> None:
    """Whoever led before may have gone on under it.  [SAFETY 18]"""
    one = core.Participant(1, ALL)
    ballot = 3 * core.ROUND + 1
    value = configured(1, 1, 8, 9)
    stepped(one, core.CAMPAIGN, ballot)
    stepped(one, core.PROMISE, ballot, 0, 0, {}, {}, src=1)
    stepped(one, core.PROMISE, ballot, 0, 0, {1: (core.ROUND + 2, value), 2: (core.ROUND + 2, b"x")}, {}, src=2)
    out = stepped(one, core.RECOVER)
    assert [message[3] for _, message in out.sends] == [1, 1], "through the configuration, and no further"
    assert not one.leads()
    for member in (1, 2):
        stepped(one, core.ACCEPTED, ballot, 0, 1, src=member)
    assert (one.chosen, one.config) == (1, 1)
    assert not one.step((core.RECOVER,), 1, 0, core.Out()), "of its members only one has promised"
    stepped(one, core.PROMISE, ballot, 1, 0, {2: (2 * core.ROUND + 8, b"y")}, {}, src=8)
    out = stepped(one, core.RECOVER)
    assert one.leads()
    assert out.sends[0] == (core.OTHERS, (core.ACCEPT, ballot, 1, 2, b"y"))


@pytest.mark.parametrize("number", [0, 7])
def test_acceptors_do_not_ask_for_the_configuration(number: int) -> None:
    """They answer whoever has the newer ballot; only a proposer decides whom it counts.  [SAFETY 4, 18]"""
    follower = core.Participant(2, ALL)
    ballot = core.ROUND + 9
    assert stepped(follower, core.PREPARE, ballot, number).sends
    assert stepped(follower, core.ACCEPT, ballot, number, 1, b"x").sends == [(9, (core.ACCEPTED, ballot, number, 1))]
    assert stepped(follower, core.HEARTBEAT, ballot, number, 0, 7).sends == [(9, (core.GRANT, ballot, number, 0, 7))]


def test_truncation_drops_values_and_writes_one_mark() -> None:
    """Forgetting needs no record a value.  [SAFETY 26]"""
    participant = leader()
    for slot in range(1, 4):
        stepped(participant, core.PROPOSE, b"x")
        for member in (1, 2):
            stepped(participant, core.ACCEPTED, participant.bal, 1, slot, src=member)
    out = stepped(participant, core.TRUNCATE, 2)
    assert out.writes == [(core.F_TRUNCATED, 2)]
    assert sorted(participant.acc) == [3]


def test_a_start_takes_up_what_was_durable_and_nothing_else() -> None:
    """Leading, votes and grants end with a life."""
    before = leader()
    stepped(before, core.PROPOSE, b"x")
    after = core.Participant(1, ALL)
    after.restore(
        promised=before.promised, acc=dict(before.acc), chosen=0, truncated=0, config=0, voters=0, longest=before.longest, faulty={}
    )
    assert not after.leads()
    assert (after.promised, after.acc, after.phase, after.bal, after.votes) == (before.promised, before.acc, core.IDLE, 0, {})


def test_a_tag_that_is_no_event_does_nothing() -> None:
    """The codec lets none through; the core does not fall over one all the same."""
    assert not core.Participant(1, ALL).step((0,), 1, 0, core.Out())


def test_tags_and_names_agree() -> None:
    """Logs and metrics name events by their tag."""
    assert core.EVENT_NAMES[core.ACCEPT] == "Accept"
    assert core.FIELD_NAMES[core.F_PROMISED] == "promised"
    assert core.PHASE_NAMES[core.LEADING] == "LEADING"
    assert {core.ACCEPT, core.PROMISE, core.GRANT} <= core.MESSAGES
    assert not {core.CAMPAIGN, core.PROPOSE, core.BOOT, core.BEAT} & core.MESSAGES


def test_a_lease_needs_a_majority_of_grants_of_voters() -> None:
    """[PML §5.2; SAFETY 10]"""
    participant = leader()
    term = 700_000_000
    stepped(participant, core.BEAT, term)
    stepped(participant, core.GRANT, participant.bal, 1, 0, term, src=1)
    stepped(participant, core.GRANT, participant.bal, 1, 0, term, src=9)
    assert not participant.holds_lease(0)
    stepped(participant, core.GRANT, participant.bal, 1, 0, term, src=2)
    last = term - term * core.DRIFT_PPM // 1_000_000 - 1
    assert participant.holds_lease(last - 1)
    assert not participant.holds_lease(last)


def test_a_late_grant_does_not_shorten_a_lease() -> None:
    """Grants may overtake each other."""
    participant = leader()
    for stamp in (500, 100):
        stepped(participant, core.GRANT, participant.bal, 1, stamp, 10_000, src=2, now=600)
    assert participant.grants[2] == 500 + core.shortened(10_000)
