"""What a start makes of records that it cannot read: every slot that may have been there, and no other.  [SAFETY 6, 7]"""

from random import Random

import pytest

from gaios import entry
from gaios.errors import ProtocolError, StateDamaged
from gaios.log import Copies, RecordKind, Recovered, Rotten, encode, recover, recover_damaged
from gaios.log.quarantine import Quarantine, read
from gaios.log.records import Record, State, encode_copies
from gaios.paxos import core
from gaios.paxos.core import WINDOW
from tests.log.cell import Cell
from tests.log.rotting import Life

BALLOT = 3 << 16 | 1
COPIES = encode(Copies(BALLOT, 0, 1, 1))
PLACE = (1, 100, 200)


def accept(slot: int, value: bytes = b"v", ballot: int = BALLOT) -> Record:
    return (RecordKind.ACCEPT, slot, ballot, value)


def mark(slot: int, top: int = 0) -> Record:
    return (RecordKind.CHOSEN, slot, top, b"")


def state(chosen: int, accepted: list[tuple[int, int, bytes]], faulty: list[tuple[int, int]] | None = None) -> Record:
    return (RecordKind.STATE, chosen, BALLOT, encode(State(BALLOT, 0, chosen, 0, accepted, faulty=faulty or [])))


LOG = [record for slot in range(1, 9) for record in (accept(slot), mark(slot - 1, slot))]


def without(index: int, *, known: bool, log: list[Record] | None = None, repaired: bool = False) -> Recovered:
    """A log without one of its records."""
    records = list(log or LOG)
    kind, slot, ballot, _ = records.pop(index)
    return recover_damaged(COPIES, records, [Rotten(index, PLACE, (kind, slot, ballot) if known else None, 1, repaired)])


def test_a_log_without_damage_is_the_same_either_way() -> None:
    assert recover_damaged(COPIES, LOG, []).accepted == recover(COPIES, LOG).accepted


@pytest.mark.parametrize("slot", range(1, 9))
def test_a_known_vote_is_faulty_in_its_ballot(slot: int) -> None:
    """And no other slot is; its place waits for it."""
    found = without(2 * slot - 2, known=True)
    assert found.faulty == {slot: BALLOT}
    assert found.waiting == {PLACE: {slot}}
    assert sorted(found.accepted) == [other for other in range(1, 9) if other != slot]


@pytest.mark.parametrize("slot", range(1, 9))
def test_an_unknown_vote_leaves_open_what_the_next_mark_does(slot: int) -> None:
    """The mark behind it names the highest slot that was ever accepted: nothing above can have stood there."""
    found = without(2 * slot - 2, known=False)
    assert found.faulty[slot] == BALLOT
    assert max(found.faulty) == slot
    assert found.chosen == 7


def test_what_was_voted_for_below_a_snapshot_that_was_taken_over_is_not_taken_for_chosen() -> None:
    """A peer's snapshot says what is chosen without saying in which ballot. That it was taken over stood in the record that is lost."""
    handle = (RecordKind.SNAPSHOT, 3, 1, b"handle")
    before, behind = [state(0, []), accept(1), accept(2), accept(3), accept(5)], [mark(3, 5), accept(6)]
    for records, covered in (([*before, *behind], 3), ([*before, handle, *behind], 0), ([*before, accept(3 + WINDOW)], 3)):
        at = records.index(mark(3, 5)) if mark(3, 5) in records else len(before)
        found = recover_damaged(COPIES, records, [Rotten(at, PLACE, None, 1)], covered=covered)
        assert found.chosen == 3
        assert set(found.faulty) >= {1, 2, 3}
        assert found.waiting[PLACE] >= {1, 2, 3}
        assert 5 in found.accepted  # a vote, which is all that it ever was


def test_what_stands_behind_a_lost_record_or_above_every_snapshot_is_what_was_chosen() -> None:
    """Nothing more is in doubt than a snapshot covers that may have been taken over there."""
    log = [state(0, []), accept(1), mark(1, 2), accept(2), accept(3), accept(2), mark(3, 3)]
    for at, covered, faulty in ((3, 1, set()), (3, 2, set()), (5, 2, {2}), (5, 1, set()), (2, 2, {1})):
        records = [*log[:at], *log[at + 1 :]]
        assert set(recover_damaged(COPIES, records, [Rotten(at, PLACE, None, 1)], covered=covered).faulty) == faulty


def test_without_a_mark_behind_it_all_of_the_window_is_in_doubt() -> None:
    """Whatever was voted for there was at most so far above the last mark that is known."""
    found = without(len(LOG) - 2, known=False, log=LOG[:-1])
    assert sorted(found.faulty) == [slot for slot in range(7, 6 + WINDOW + 1) if slot not in found.accepted]
    assert not found.silent_through


def test_a_mark_and_votes_above_it_may_both_be_lost() -> None:
    """Then the replica says nothing until it has learned what it can have voted for."""
    found = recover_damaged(COPIES, LOG[:-3], [Rotten(len(LOG) - 3, PLACE, None, 3)])
    assert found.silent_through == 7 + 3 + WINDOW
    assert not recover_damaged(COPIES, LOG[:-3], [Rotten(len(LOG) - 3, PLACE, None, 1)]).silent_through


def test_a_mark_and_a_vote_may_be_lost_in_two_places() -> None:
    """One record each: neither place alone hides both. Whatever was voted for stood a window above the mark at the most."""
    records = [*LOG[:-3], (RecordKind.BOOT, 2, 0, encode((1, 1)))]
    for holes in (1, 2):
        places = [Rotten(len(records) - 1 + index, (1, 100 * index, 100 * index + 80), None, 1) for index in range(holes)]
        found = recover_damaged(COPIES, records, places)
        assert found.silent_through == (7 + 2 + WINDOW if holes == 2 else 0)


def test_what_was_lost_may_have_gone_on_behind_a_snapshot() -> None:
    """A mark goes on by many slots where a peer's snapshot was taken over; its file tells."""
    found = recover_damaged(COPIES, LOG[:-3], [Rotten(len(LOG) - 3, PLACE, None, 3)], covered=500)
    assert found.silent_through == 500 + 3 + WINDOW


def test_without_the_record_that_a_log_begins_with_nobody_can_tell_what_was_voted_for() -> None:
    """[SAFETY 7, 8] Unless something behind it does; and the one that a creation wrote holds no votes."""
    boot: Record = (RecordKind.BOOT, 2, 0, encode((1, 1)))

    def lost(behind: list[Record], count: int, *, later: bool, known: bool = False) -> Recovered:
        identity = (RecordKind.STATE, 5, BALLOT) if known else None
        return recover_damaged(COPIES, behind, [Rotten(0, PLACE, identity, count)], begins_later=later)

    for behind, count, later in (([boot], 1, True), ([accept(40)], 1, True), ([boot], 2, False)):
        with pytest.raises(StateDamaged, match="state is lost") as caught:
            lost(behind, count, later=later)
        assert caught.value.offset == PLACE[1]
    assert set(lost([accept(40), mark(38, 42)], 1, later=True).faulty) >= {39, 41, 42}
    assert set(lost([boot], 1, later=True, known=True).faulty) == set(range(6, 6 + WINDOW))
    assert not lost([accept(1)], 1, later=False).silent_through


def test_a_silence_whose_record_rotted_is_not_over() -> None:
    """[SAFETY 6, 15] The promise copies say so, too."""
    copies = encode_copies(Copies(BALLOT, 0, 1, 1, silent_through=30))
    assert recover_damaged(copies, LOG, []).silent_through == 30
    assert recover_damaged(copies, LOG[2:], [Rotten(0, PLACE, (RecordKind.STATE, 0, BALLOT), 1)]).silent_through == 30


def test_a_vote_behind_it_is_newer() -> None:
    """It was written anew: what rotted is not needed any more."""
    log = [*LOG, accept(5, b"again"), mark(8, 8)]
    records = [record for index, record in enumerate(log) if index != 8]
    for known in ((RecordKind.ACCEPT, 5, BALLOT), None):
        found = recover_damaged(COPIES, records, [Rotten(8, PLACE, known, 1)])
        assert 5 not in found.faulty
        assert found.accepted[5] == (BALLOT, b"again")


def test_an_older_value_does_not_stand_for_a_newer_one_that_rotted() -> None:
    """[SAFETY 6]"""
    log = [accept(1, b"old", BALLOT - (1 << 16)), accept(1, b"new"), mark(0, 1)]
    for known in (True, False):
        found = without(1, known=known, log=log)
        assert found.faulty[1] == BALLOT
        assert 1 not in found.accepted
    assert without(0, known=True, log=log).accepted == {1: (BALLOT, b"new")}


def test_a_state_record_tells_all_above_its_mark() -> None:
    """What rotted before it matters below that mark only; what was lost already it says too."""
    log = [*LOG, state(7, [(8, BALLOT, b"v")])]
    found = without(14, known=False, log=log)
    assert found.accepted[8] == (BALLOT, b"v")
    assert 8 not in found.faulty
    log = [*LOG[:-2], state(6, [(7, BALLOT, b"v")], [(8, 5)])]
    assert recover_damaged(COPIES, log, [Rotten(0, (1, 0, 80), None, 0)]).faulty == {8: 5}


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize("older", [True, False])
def test_a_value_that_stands_in_a_state_record_alone_is_written_again(*, behind: bool, older: bool) -> None:
    """[SAFETY 15] Whoever drops it from memory has to find it on the disk; an older value of that slot is another one."""
    before = [accept(2, b"old", BALLOT - (1 << 16))] if older else []
    opens = state(1, [(2, BALLOT, b"v")])
    records = [accept(1), mark(1, 2), *before, *([] if behind else [opens]), *([opens] if behind else []), mark(2, 2), accept(3)]
    at = 2 + len(before) + (0 if behind else 1)
    for known in ((RecordKind.ACCEPT, 2, BALLOT), None):
        for repaired in (False, True):
            found = recover_damaged(COPIES, records, [Rotten(at, PLACE, known, 1, repaired)])
            assert (found.alone, found.faulty) == ({2}, {})
            assert found.accepted[2] == (BALLOT, b"v")
    assert recover_damaged(COPIES, [*records, accept(2, b"v"), mark(3, 3)], [Rotten(at, PLACE, None, 1)]).alone == set()


def test_a_lost_mark_is_told_by_the_votes_that_needed_it() -> None:
    """[SAFETY 6]: a start reports a window above what it knows; a vote further up must not go unreported."""
    log = [*(accept(slot) for slot in range(1, WINDOW + 3)), mark(0)]
    found = recover_damaged(COPIES, log, [Rotten(WINDOW, PLACE, None, 1)])
    assert found.chosen == 2


def test_what_stands_behind_the_state_record_of_its_own_batch_is_older() -> None:
    """[SAFETY 6, 7] The batch that began a segment was torn: its state record is there, and of what it was made from only a stale vote.

    By the state record a slot far above was accepted, so more was chosen than the mark says: not what that vote was for.
    """
    far, older = WINDOW + 6, 2 << 16 | 1
    above = [(slot, BALLOT, b"chosen") for slot in range(1, 7)]
    log = [state(0, []), state(0, [*above, (far, BALLOT, b"v")]), accept(4, b"stale", older)]
    found = recover_damaged(COPIES, log, [Rotten(1, PLACE, None, 1, is_repaired=True)])
    assert found.chosen == 6
    assert found.accepted[4] == (BALLOT, b"chosen")
    assert 4 in found.alone


def test_a_bound_that_an_earlier_start_wrote_down_counts() -> None:
    """Else each election between two starts would make the damage seem newer, and nothing intact would be as new any more."""
    log = [*LOG[:-2], (RecordKind.FAULT, 8, 5, b"")]
    found = recover_damaged(encode(Copies(9 << 16, 0, 2, 1)), log, [Rotten(len(LOG) - 2, PLACE, None, 1)])
    assert found.faulty[8] == 5


def test_what_was_repaired_is_not_repaired_again() -> None:
    """The value stands behind it."""
    log = [*LOG, accept(3, b"fetched"), mark(8, 8)]
    found = without(4, known=True, log=log, repaired=True)
    assert found.faulty == {}
    assert found.waiting == {}


def test_where_a_repair_may_have_been_lost_it_is_in_doubt_again() -> None:
    """The record that replaced it may have stood there, and an older value of that slot must not pass for it."""
    log = [accept(1, b"old", 5), accept(1, b"rotten"), *LOG[2:], accept(1, b"fetched"), mark(8, 8)]
    records = [record for index, record in enumerate(log) if index not in (1, len(log) - 2)]
    found = recover_damaged(
        COPIES,
        records,
        [Rotten(1, PLACE, (RecordKind.ACCEPT, 1, BALLOT), 1, is_repaired=True), Rotten(len(records) - 1, (1, 900, 990), None, 1)],
    )
    assert 1 in found.faulty
    assert 1 not in found.accepted


@pytest.mark.parametrize("first", [2, 4])
@pytest.mark.parametrize("known", [True, False])
def test_what_was_repaired_before_puts_nothing_else_in_doubt(*, first: int, known: bool) -> None:
    """A newer ballot was promised since, so no value is as new as any could be: only what may have stood in a place counts."""
    log = [*LOG, accept(first // 2 + 1, b"fetched"), mark(8, 8)]
    identity = log[first][:3] if known else None
    records = [record for index, record in enumerate(log) if index not in (first, 12)]
    rotten = [Rotten(first, PLACE, identity, 1, is_repaired=True), Rotten(11, (1, 700, 800), None, 1)]
    found = recover_damaged(encode(Copies(BALLOT + (1 << 16), 0, 2, 1)), records, rotten)
    neighbour = set() if known else {first // 2}  # nothing tells that this was not written anew there
    assert set(found.faulty) == {6, 7} | neighbour
    assert found.accepted[first // 2 + 1] == (BALLOT, b"fetched")


def test_whatever_rots_again_and_again_no_start_takes_a_value_for_another() -> None:
    """[SAFETY 6, 7, 15] Logs whose repairs rot in their turn, beside the truth: what was chosen, and what was voted for."""
    faulty = 0
    for seed in range(400):
        random = Random(seed)
        life = Life(random, random.choice([12, 25]))
        for _ in range(random.randrange(2, 7)):
            life.work(random.randrange(5, 80))
            life.spoil(random.randrange(6))
            if random.random() < 0.3:
                life.scrub()
                life.work(20)
            faulty += len(life.start().faulty)
    assert faulty > 1_000


def test_a_record_that_cannot_be_read_is_refused() -> None:
    """As without damage."""
    with pytest.raises(ProtocolError):
        recover_damaged(COPIES, [*LOG, (RecordKind.STATE, 1, 1, b"rubbish")], [Rotten(0, PLACE, None, 1)])


def test_a_stale_vote_is_in_doubt_where_a_newer_ballot_was_learned_of() -> None:
    """The records of what was learned rotted, and an older vote of one of those slots did not: promise copies still know that ballot."""
    cell = Cell(3)
    master = cell.elect()
    cell.submit(master, entry.register())
    cell.run(50)
    replica = next(node for node in cell.nodes.values() if node is not master).replica
    newer = replica.core.promised + (1 << 16)
    replica._steps.take((core.CHOSEN, replica.chosen + 1, newer, entry.batch([], 1)), master.me, cell.now)
    output = replica.output(cell.now)
    assert output is not None
    assert output.copies is not None
    assert replica.core.promised < newer
    stale = 1 << 16 | 1
    records = [accept(1, ballot=stale), mark(1, 1), accept(2, b"stale", stale), mark(6, 6)]
    found = recover_damaged(output.copies, records, [Rotten(3, PLACE, None, 5)])
    assert found.chosen == 6
    assert sorted(found.faulty) == [2, 3, 4, 5, 6]
    assert sorted(found.accepted) == [1]


@pytest.mark.parametrize("is_proved", [False, True])
def test_the_lost_record_of_a_fetched_snapshot_is_no_mark(is_proved: bool) -> None:
    """It is durable, and proved, before what it covers is taken over: a crash between them leaves a log that knows less."""
    records = [accept(1), mark(1, 1), accept(2)]
    found = recover_damaged(COPIES, records, [Rotten(3, PLACE, (RecordKind.SNAPSHOT, 40, int(is_proved)), 1)])
    assert found.chosen == (1 if is_proved else 40)


def test_a_recorded_snapshot_of_its_own_tells_of_the_mark_that_was_lost() -> None:
    """[SAFETY 26] A mark stood before it: else a start would remove a snapshot for being ahead of its log."""
    records = [*(accept(slot) for slot in range(1, 6)), (RecordKind.SNAPSHOT, 4, 0, b"handle")]
    found = recover_damaged(COPIES, records, [Rotten(5, PLACE, None, 1)])
    assert (found.chosen, found.snapshots) == (4, {4: b"handle"})
    fetched = [*records[:-1], (RecordKind.SNAPSHOT, 40, 1, b"handle")]
    assert recover_damaged(COPIES, fetched, [Rotten(5, PLACE, None, 1)]).chosen == 0


@pytest.mark.parametrize(
    ("record", "forgot"),
    [(None, True), ((RecordKind.BOOT, 2, 0), True), ((RecordKind.STATE, 0, 0), True), ((RecordKind.ACCEPT, 1, BALLOT), False)],
)
def test_where_a_boot_may_have_stood_the_others_are_asked(record: tuple[int, int, int] | None, *, forgot: bool) -> None:
    """[SAFETY 3] Also where all else was repaired: nothing in this log tells what it was."""
    for repaired in (False, True):
        assert recover_damaged(COPIES, LOG, [Rotten(2, PLACE, record, 1, repaired)]).forgot_boots is forgot
    assert not recover_damaged(COPIES, LOG, [Rotten(2, PLACE, None, 0)]).forgot_boots


def test_a_quarantine_whose_record_rotted_is_not_over() -> None:
    rotten = [Rotten(2, PLACE, (RecordKind.QUARANTINE, 2, 0), 1)]
    found = recover_damaged(COPIES, [accept(1), mark(1, 1)], rotten)
    assert "rotted" in read(found.quarantine).reason
    over = recover_damaged(COPIES, [accept(1), mark(1, 1), (RecordKind.QUARANTINE, 2, 0, b"")], rotten)
    assert over.quarantine == b""


def test_a_quarantine_is_over_only_when_both_places_say_so() -> None:
    """[SAFETY 25] A record that rotted whole, at the end perhaps, leaves nothing that could be missed."""
    doubted = encode_copies(Copies(BALLOT, 0, 1, 1, is_doubted=True))
    why = encode(Quarantine(1, 2, 1, None, None, "it differs"))
    said = (RecordKind.QUARANTINE, 2, 0, why)
    assert "promise copies" in read(recover_damaged(doubted, [accept(1), mark(1, 1)], []).quarantine).reason
    assert recover_damaged(doubted, [accept(1), mark(1, 1), said], []).quarantine == why
    assert recover_damaged(COPIES, [accept(1), mark(1, 1), said], []).quarantine == why
    assert recover_damaged(COPIES, [accept(1), said, (RecordKind.QUARANTINE, 2, 0, b"")], []).quarantine == b""


@pytest.mark.parametrize("lost", [0, 3])
def test_a_damaged_state_record_is_a_creations_only_if_nothing_was_lost_before_it(lost: int) -> None:
    """[SAFETY 7, 15] The file before it may be gone: then its log begins nowhere behind it, and no snapshot is to be looked for."""
    places = [Rotten(0, PLACE, None, lost), Rotten(0, (2, 80, 200), (RecordKind.STATE, 2, BALLOT), 1)]
    found = recover_damaged(COPIES, [mark(2, 3), accept(4), mark(3, 4)], places)
    assert found.truncated == (0 if lost else 2)
    assert set(found.faulty) == ({1, 2, 3} if lost else {3})
