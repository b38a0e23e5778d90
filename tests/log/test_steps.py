"""Claims about sorting the core's steps into Outputs.  [SAFETY 5]"""

from gaios.configuration import as_value, founders, newest
from gaios.log.damage import Rotten, recover_damaged
from gaios.log.options import FAR, MS, Options
from gaios.log.records import UNKNOWN, Copies, Place, RecordKind, Recovered, decode_state, encode, encode_copies, recover
from gaios.log.steps import Steps
from gaios.paxos import core
from gaios.storage.record import decode_places

BALLOT = 1 << 16 | 1
FOUNDERS = founders({1: 1, 2: 2, 3: 3})


def steps(me: int = 1) -> Steps:
    under_test = Steps(core.Participant(me, 0b1110), Options(), [(1, 9)])
    under_test.restore(Recovered(Copies()), FOUNDERS)
    under_test.hand_over(0)
    return under_test


def test_a_start_writes_its_boot_before_it_says_anything() -> None:
    """[SAFETY 3] In both copies."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(4, 9)])
    under_test.restore(Recovered(Copies(promised=7, boot=3), promised=8), FOUNDERS)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.copies is not None
    found = recover(output.copies, [])
    assert (found.copies.boot, found.copies.nonce, found.promised) == (4, 9, 8)


def test_a_start_writes_again_what_stands_above_its_mark() -> None:
    """It may stand in a state record alone, its own record torn off: a later look on the disk must not find an older value."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(4, 9)])
    held = {1: (BALLOT, b"chosen"), 3: (BALLOT, b"c"), 2: (BALLOT, b"b")}
    under_test.restore(Recovered(Copies(promised=BALLOT, boot=3), promised=BALLOT, chosen=1, accepted=held), FOUNDERS)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.records == [(RecordKind.ACCEPT, 2, BALLOT, b"b"), (RecordKind.ACCEPT, 3, BALLOT, b"c")]


def test_a_quarantine_stands_in_the_copies_and_in_a_record() -> None:
    """[SAFETY 25] The copies are written first; a start of a replica in quarantine writes the record again, for it may have rotted."""
    under_test = steps()
    for payload in (b"why", b""):
        under_test.judge(3, payload)
        output = under_test.hand_over(0)
        assert output is not None
        assert output.records == [(RecordKind.QUARANTINE, 3, 0, payload)]
        assert output.copies is not None
        assert recover(output.copies, []).copies.is_doubted is bool(payload)
    again = Steps(core.Participant(1, 0b1110), Options(), [(2, 9)])
    again.restore(Recovered(Copies(), quarantine=b"why"), FOUNDERS)
    output = again.hand_over(0)
    assert output is not None
    assert (RecordKind.QUARANTINE, 0, 0, b"why") in output.records


def test_a_silence_stands_in_the_copies_until_what_ended_it_is_durable() -> None:
    """They are written before the records of their batch: a torn one may lose what was learned, and must not lose the silence with it."""
    under_test = steps(2)
    under_test.silent_through = 1
    under_test.take((core.CHOSEN, 1, BALLOT, b"v"), 1, 0)
    assert not under_test.is_silent
    output = under_test.hand_over(0)
    assert output is not None
    assert output.copies is not None
    assert recover(output.copies, []).copies.silent_through == 1
    under_test.synced(output.number)
    under_test.take((core.PREPARE, BALLOT, 0), 1, 0)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.copies is not None
    assert recover(output.copies, []).copies.silent_through == 0


def test_a_promise_waits_for_its_copies_and_an_acceptance_for_its_record() -> None:
    """Persist, then say."""
    under_test = steps(2)
    under_test.take((core.PREPARE, BALLOT, 0), 1, 0)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.copies is not None
    assert [message[0] for _, message in output.after] == [core.PROMISE]
    under_test.take((core.ACCEPT, BALLOT, 0, 1, b"v"), 1, 0)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.records == [(RecordKind.ACCEPT, 1, BALLOT, b"v")]
    assert output.after == [(1, (core.ACCEPTED, BALLOT, 0, 1))]
    assert output.at_once == []


def test_what_is_chosen_is_written_with_the_next_record_or_after_a_while() -> None:
    """A mark alone is worth no sync."""
    under_test = steps(2)
    under_test.take((core.ACCEPT, BALLOT, 0, 1, b"v"), 1, 0)
    under_test.hand_over(0)
    under_test.take((core.LEARN, BALLOT, 0, 1), 1, 0)
    under_test.rest(0)
    assert under_test.hand_over(0) is None
    assert under_test.due_ns() == Options().mark_ms * MS
    under_test.tick(under_test.due_ns())
    output = under_test.hand_over(0)
    assert output is not None
    assert [record[:2] for record in output.records] == [(RecordKind.CHOSEN, 1)]
    assert under_test.due_ns() == FAR


def test_a_vote_does_not_overtake_the_mark_without_which_it_would_not_be_reported() -> None:
    """A batch was torn between a vote's record and the mark behind it; the vote is asked for again, and needs no record of its own.

    Without a newer mark, a second crash would leave an acknowledged value that lies more than WINDOW above the mark, and that no
    promise reports: the next leader could choose another.  [SAFETY 5, 6]
    """
    far = core.WINDOW + 1
    accepted = dict.fromkeys(range(1, far + 1), (BALLOT, b"v"))
    under_test = Steps(core.Participant(2, 0b1110), Options(), [(1, 9)])
    under_test.restore(Recovered(Copies(promised=BALLOT), promised=BALLOT, accepted=accepted), FOUNDERS)
    under_test.hand_over(0)
    under_test.take((core.LEARN, BALLOT, 0, core.WINDOW), 1, 0)
    under_test.take((core.ACCEPT, BALLOT, 0, far, b"v"), 1, 0)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.after == [(1, (core.ACCEPTED, BALLOT, 0, far))]
    assert [record[:2] for record in output.records] == [(RecordKind.CHOSEN, core.WINDOW)]


def test_learn_waits_for_a_message_to_go_with() -> None:
    """Only the newest is sent."""
    under_test = steps(1)
    under_test.core.phase, under_test.core.bal, under_test.core.promised, under_test.core.next = core.LEADING, BALLOT, BALLOT, 1
    under_test.take((core.PROPOSE, b"v"), 1, 0)
    under_test.hand_over(0)
    for member in (1, 2):
        under_test.take((core.ACCEPTED, BALLOT, 0, 1), member, 0)
    assert under_test.hand_over(0) is None
    output = under_test.hand_over(under_test.due_ns())
    assert output is not None
    assert output.at_once == [(0, (core.LEARN, BALLOT, 0, 1))]


def test_a_state_record_holds_everything_durable() -> None:
    """[SAFETY 15] Folding it alone gives the same state."""
    under_test = steps(2)
    under_test.take((core.ACCEPT, BALLOT, 0, 1, b"v"), 1, 0)
    under_test.take((core.HEARTBEAT, BALLOT, 0, 5, 600), 1, 0)
    found = recover(encode(Copies()), [under_test.state_record([])])
    assert found.accepted == {1: (BALLOT, b"v")}
    assert (found.promised, found.longest_ns, found.chosen) == (BALLOT, 600, 0)


def test_a_state_record_claims_as_chosen_only_what_is_durably_marked() -> None:
    """Rule 4: a torn write may keep it and lose the records behind it, and an older value would be taken for the chosen one."""
    under_test = steps(2)
    under_test.take((core.ACCEPT, BALLOT, 0, 1, b"old"), 1, 0)
    under_test.hand_over(0)
    newer = 2 << 16 | 3
    under_test.take((core.ACCEPT, newer, 0, 1, b"chosen"), 3, 0)
    under_test.take((core.LEARN, newer, 0, 1), 3, 0)
    output = under_test.hand_over(0)
    assert output is not None
    found = recover(encode(Copies()), [(RecordKind.ACCEPT, 1, BALLOT, b"old"), under_test.state_record([])])
    assert (found.chosen, found.accepted) == (0, {1: (newer, b"chosen")})
    under_test.synced(output.number)
    found = recover(encode(Copies()), [(RecordKind.ACCEPT, 1, newer, b"chosen"), under_test.state_record([])])
    assert (found.chosen, found.accepted) == (1, {1: (newer, b"chosen")})


def test_a_state_record_tells_also_what_lies_beyond_the_window() -> None:
    """[SAFETY 7, 15] A torn batch left a value further above the mark than a vote may be. Asked again it is voted for, with no new record.

    Then all that was written of it before the state record rots: what that does not tell, no promise would.
    """
    far = core.WINDOW + 1
    accepted = dict.fromkeys(range(1, far + 1), (BALLOT, b"v"))
    copies = encode_copies(Copies(promised=BALLOT))
    under_test = Steps(core.Participant(2, 0b1110), Options(), [(1, 9)])
    under_test.restore(recover(copies, [(RecordKind.ACCEPT, slot, *held) for slot, held in accepted.items()]), FOUNDERS)
    under_test.hand_over(0)
    log = [under_test.state_record([])]
    under_test.take((core.LEARN, BALLOT, 0, core.WINDOW), 1, 0)
    under_test.take((core.ACCEPT, BALLOT, 0, far, b"v"), 1, 0)
    output = under_test.hand_over(0)
    assert output is not None
    assert output.after == [(1, (core.ACCEPTED, BALLOT, 0, far))]
    log += output.records
    found = recover_damaged(copies, log, [Rotten(0, (1, 80, 5_000), None, 2 * far)])
    assert found.chosen == core.WINDOW
    assert found.accepted[far] == (BALLOT, b"v")


def test_a_mark_names_slots_that_may_have_been_accepted_too() -> None:
    """[SAFETY 6, 15] What a later start makes of the place where they stood is bounded by it, should the records rot that tell more."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(4, 9)])
    found = Recovered(Copies(promised=BALLOT, boot=3), promised=BALLOT, chosen=1, accepted={2: (BALLOT, b"b")}, faulty={4: BALLOT}, top=2)
    under_test.restore(found, FOUNDERS)
    under_test.know_damage({}, found.faulty, 0)
    under_test.take((core.CHOSEN, 2, BALLOT, b"b"), 2, 0)
    under_test.mark()
    output = under_test.hand_over(0)
    assert output is not None
    assert output.records[-1][:3] == (RecordKind.CHOSEN, 2, 4)


NEWER = FOUNDERS.added(4, votes=True)
CHANGED = as_value(NEWER.encode())


def unsure(**found: object) -> Steps:
    """A start that knows slots 1 to 9 to be chosen and cannot read slot 5."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(1, 9)])
    held = {slot: (BALLOT, b"v") for slot in range(1, 10) if slot != 5}
    recovered = Recovered(Copies(), promised=BALLOT, chosen=9, accepted=held, faulty={5: BALLOT})
    for name, what in found.items():
        setattr(recovered, name, what)
    governs, members = newest(recovered.accepted, recovered.chosen) or (0, FOUNDERS)
    under_test.restore(recovered, members, governs)
    under_test.know_damage({}, recovered.faulty, 0)
    return under_test


def test_a_start_that_cannot_read_who_governs_is_silent_until_that_was_fetched() -> None:
    """[SAFETY 15, 18]"""
    under_test = unsure()
    before = (under_test.is_unsure, under_test.is_silent)
    assert under_test.take((core.CHOSEN, 5, BALLOT, CHANGED), 2, 0)
    assert [before, (under_test.is_unsure, under_test.is_silent)] == [(True, True), (False, False)]
    assert (under_test.core.config, under_test.core.voters) == (1, NEWER.voters)


def test_a_newer_configuration_than_any_that_is_lost_is_as_good() -> None:
    """Whoever knows that goes by no older one."""
    under_test = unsure()
    under_test.take((core.CHOSEN, 10, BALLOT, CHANGED), 2, 0)
    assert not under_test.is_silent
    assert under_test.core.faulty, "that is yet to be repaired"
    assert not unsure(accepted={7: (BALLOT, CHANGED)}).is_unsure, "nor is one in doubt that finds it"


def test_what_records_tell_of_who_governs_makes_what_is_lost_below_them_harmless() -> None:
    """A state record says who governs at its mark."""
    assert not unsure(surveyed=5).is_unsure
    assert unsure(surveyed=4).is_unsure


def test_who_is_unsure_writes_that_down() -> None:
    """A later start must not take the older configuration for the one that governs."""
    under_test = unsure()
    _, mark, _, payload = under_test.state_record([])
    assert decode_state(payload).governs == (0, UNKNOWN)
    assert recover(encode(Copies()), [(RecordKind.STATE, mark, BALLOT, payload)]).surveyed == 0
    lost = unsure(truncated=3, faulty={}, accepted=dict.fromkeys(range(4, 10), (BALLOT, b"v")))
    before = lost.is_silent  # what named the members at slot 3 is lost, too
    assert lost.take((core.INSTALL, 8, CHANGED, BALLOT), 1, 0)
    assert [before, lost.is_silent] == [True, False]
    assert lost.core.config == 1


AGAIN = as_value(NEWER.removed(3).encode())


def test_each_of_two_configurations_that_are_learned_at_once_is_named() -> None:
    """One frame may bring both, and nobody looks at the members before its end: between them the first governs, not the founders."""
    under_test = steps(2)
    for slot, value in enumerate((b"", CHANGED, b"v", AGAIN, b"v"), 1):
        under_test.take((core.CHOSEN, slot, BALLOT, value), 1, 0)
    assert (under_test.core.chosen, under_test.core.config) == (5, 2)
    for slot, governs in ((1, (0, b"")), (3, (2, CHANGED)), (5, (4, AGAIN))):
        under_test.take((core.TRUNCATE, slot), 2, 0)
        assert (RecordKind.TRUNCATE, slot, *governs) in under_test.output.records


def test_each_of_two_configurations_that_a_start_finds_is_named() -> None:
    """The same, of a start."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(1, 9)])
    held = dict.fromkeys((1, 3, 5), (BALLOT, b"v")) | {2: (BALLOT, CHANGED), 4: (BALLOT, AGAIN), 6: (BALLOT, CHANGED)}
    under_test.restore(Recovered(Copies(), promised=BALLOT, chosen=5, accepted=held), NEWER.removed(3), 4)
    for slot, governs in ((1, (0, b"")), (3, (2, CHANGED)), (5, (4, AGAIN))):
        under_test.take((core.TRUNCATE, slot), 1, 0)
        assert (RecordKind.TRUNCATE, slot, *governs) in under_test.output.records


def test_an_older_configuration_that_was_lost_is_named_once_it_is_known_again() -> None:
    """A newer one is known; between the two the older governs, not the founders."""
    under_test = unsure(accepted={slot: (BALLOT, AGAIN if slot == 8 else b"v") for slot in range(1, 10) if slot != 5})
    assert under_test.core.config == 2
    assert under_test.take((core.CHOSEN, 5, BALLOT, CHANGED), 2, 0)
    assert under_test.core.config == 2
    for slot, governs in ((4, (0, b"")), (6, (5, CHANGED)), (9, (8, AGAIN))):
        under_test.take((core.TRUNCATE, slot), 1, 0)
        assert (RecordKind.TRUNCATE, slot, *governs) in under_test.output.records


def test_a_configuration_that_a_start_finds_is_named_when_it_is_dropped() -> None:
    """It governs behind there, and its own record is gone then."""
    under_test = Steps(core.Participant(1, 0b1110), Options(), [(1, 9)])
    held = {5: (BALLOT, CHANGED)} | dict.fromkeys((1, 2, 3, 4, 6), (BALLOT, b"v"))
    under_test.restore(Recovered(Copies(), promised=BALLOT, chosen=6, accepted=held), NEWER, 5)
    under_test.take((core.TRUNCATE, 6), 1, 0)
    assert (RecordKind.TRUNCATE, 6, 5, CHANGED) in under_test.output.records


def test_what_was_lost_is_held_again_when_its_record_is_durable() -> None:
    """[SAFETY 5, 15] And what is found lost while running is not held from then on, whatever is on its way to the disk."""
    under_test = unsure()
    assert (under_test.durable_mark, under_test.readable, under_test.held) == (9, 4, 0), "read, and not known to be durable"
    output = under_test.hand_over(0)
    assert output is not None
    under_test.synced(output.number)
    assert under_test.held == 4
    under_test.take((core.CHOSEN, 5, BALLOT, b"v"), 2, 0)
    assert (under_test.readable, under_test.held) == (9, 4)
    output = under_test.hand_over(0)
    assert output is not None
    under_test.synced(output.number)
    assert under_test.held == 9
    under_test.mark()
    under_test.take((core.CHOSEN, 10, BALLOT, b"v"), 2, 0)
    output = under_test.hand_over(0)
    assert output is not None
    under_test.know_damage({}, {7: BALLOT}, 0)
    under_test.take((core.CHOSEN, 7, BALLOT, b"v"), 2, 0)
    under_test.synced(output.number)
    assert (under_test.readable, under_test.held, under_test.durable_mark) == (10, 6, 10)


def test_a_place_that_is_found_around_one_that_waits_waits_for_the_same() -> None:
    """[SAFETY 6, 15] Else its repair would pass for the other's, and the next start take an older vote for what was chosen."""
    for found_place in ((1, 80, 300), (1, 80, 200), (1, 150, 180)):
        under_test, place, elsewhere = steps(), (1, 80, 200), (2, 80, 300)
        under_test.restore(Recovered(Copies(), chosen=9, faulty={5: BALLOT}, surveyed=9), FOUNDERS)
        under_test.know_damage({place: {5}}, {5: BALLOT}, 0)
        under_test.know_damage({found_place: set(), elsewhere: set()}, {}, 0)
        assert repaired(under_test) == [elsewhere]
        under_test.take((core.CHOSEN, 5, BALLOT, b"v"), 2, 0)
        assert {place, found_place} == set(repaired(under_test))


def repaired(under_test: Steps) -> list[Place]:
    """What the next Output names as repaired."""
    output = under_test.hand_over(0)
    payloads = [payload for kind, _, _, payload in (output.records if output is not None else []) if kind == RecordKind.REPAIR]
    return [tuple(place) for payload in payloads for place in decode_places(payload)]  # type: ignore[misc]
