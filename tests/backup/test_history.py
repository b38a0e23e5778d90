"""Which values of a log were chosen, and what is said where it is damaged."""

import pytest

from gaios.backup.history import Chosen, History, chosen, reach, rewritten
from gaios.errors import StateDamaged
from gaios.log import RecordKind, encode
from gaios.log.records import State
from gaios.storage import Identity, Record, segment
from gaios.storage.prefix import Hole
from gaios.storage.record import HEADER_BYTES, candidates, seed
from tests.backup.parts import Living
from tests.server.parts import CELL, S


def accept(slot: int, value: bytes) -> Record:
    return Record(RecordKind.ACCEPT, slot, 1, value)


def mark(slot: int, chain: bytes = b"") -> Record:
    return Record(RecordKind.CHOSEN, slot, 0, chain)


def test_a_value_is_chosen_as_it_stood_before_its_mark() -> None:
    """What comes behind the mark, or has none, is not."""
    records = [accept(1, b"a"), accept(2, b"b"), accept(2, b"c"), mark(1, b"h"), mark(2, b"i"), accept(3, b"d"), accept(2, b"late")]
    assert list(chosen(records, 0, "d")) == [Chosen(1, b"a", b"h"), Chosen(2, b"c", b"i")]
    assert list(chosen(records, 1, "d")) == [Chosen(2, b"c", b"i")]


def test_a_segment_that_opens_repeats_what_it_needs() -> None:
    """The values above its mark."""
    state = State(promised=1, longest_ns=0, chosen=1, truncated=0, accepted=[(2, 1, b"b")])
    records = [accept(1, b"a"), Record(RecordKind.STATE, 0, 0, encode(state)), mark(2)]
    assert list(chosen(records, 0, "d")) == [Chosen(1, b"a", b""), Chosen(2, b"b", b"")]


def test_what_stands_behind_the_state_record_of_its_own_batch_is_older() -> None:
    """The rest of that batch was torn off; a later mark covers the slot all the same."""
    state = State(promised=2, longest_ns=0, chosen=0, truncated=0, accepted=[(1, 2, b"chosen")])
    records = [Record(RecordKind.STATE, 0, 0, encode(state)), accept(1, b"stale"), mark(1)]
    assert list(chosen(records, 0, "d")) == [Chosen(1, b"chosen", b"")]


def test_a_mark_without_a_value_is_damage() -> None:
    """So is a record that cannot be read."""
    with pytest.raises(StateDamaged, match="slot 2"):
        list(chosen([accept(1, b"a"), mark(2)], 0, "d"))
    with pytest.raises(StateDamaged):
        list(chosen([Record(RecordKind.STATE, 0, 0, b"?")], 0, "d"))


def test_the_newest_word_about_a_snapshot_counts() -> None:
    """A proof is about the bytes that it names."""
    proof, again, other = (Record(RecordKind.SNAPSHOT, 5, ballot, payload) for ballot, payload in ((1, b"a"), (0, b"a"), (0, b"b")))
    assert reach([proof, again], "d").proved == {5: b"a"}
    assert reach([proof, other], "d").proved == {}
    assert reach([again], "d").proved == {}


def test_a_value_that_may_have_stood_in_a_hole_is_the_one_that_was_written_again() -> None:
    """An older one may stand before the hole."""
    hole = Hole(Record(RecordKind.ACCEPT, 1, 2, b""))
    for gap in [hole, Hole(None)]:
        records: list[Record | Hole] = [accept(1, b"old"), accept(2, b"b"), gap, mark(2), accept(1, b"new")]
        late = rewritten(records, "d")
        assert late == {1: b"new"}
        assert list(chosen(records, 0, "d", late)) == [Chosen(1, b"new", b""), Chosen(2, b"b", b"")]


def test_it_is_told_where_a_log_is_damaged(plain: Living) -> None:
    """[SAFETY 15] It ends there, or goes on if that was repaired."""
    plain.put(30)
    disk, file = plain.cell.disks[1], segment.name(1)
    whole = History(disk, "d")
    assert (whole.skipped, whole.ends) == ([], "")
    through = whole.reach().chosen
    found = candidates(bytes(disk.files[file]), 0, seed(Identity(CELL, 1, 0)), 1)
    rotten = next(each for each in found if each.kind == RecordKind.ACCEPT and each.slot == 10)
    disk.files[file][rotten.offset + HEADER_BYTES + 3] ^= 1
    broken = History(disk, "d")
    assert broken.skipped == []
    assert broken.ends.startswith(f"{file}, byte {rotten.offset}: ")
    assert broken.reach().chosen < through
    plain.cell.start(1)
    plain.cell.run(3 * S)
    mended = History(disk, "d")
    assert mended.ends == ""
    assert [said.rpartition(": ")[2] for said in mended.skipped] == ["slot 10"]
    assert mended.skipped[0].startswith(f"{file}, bytes {rotten.offset} to ")
    assert mended.reach().chosen >= through
    assert 10 in mended.rewritten()


def test_the_newest_word_about_a_quarantine_counts() -> None:
    word, none = (Record(RecordKind.QUARANTINE, 3, 0, payload) for payload in (b"?", b""))
    assert [reach(records, "d").quarantine for records in ([word], [word, none])] == [b"?", b""]


def test_a_value_that_stood_before_all_that_is_left_is_the_one_that_was_written_again(plain: Living) -> None:
    """[SAFETY 15] Its segment was damaged, and given up when all that it held stood elsewhere: nothing is damaged any more."""
    state = State(promised=1, longest_ns=0, chosen=2, truncated=1, accepted=[(3, 1, b"c")])
    log = [Record(RecordKind.STATE, 2, 1, encode(state)), mark(3), accept(2, b"b")]
    history = History(plain.cell.disks[1], "d")
    history.records = lambda: iter(log)  # type: ignore[method-assign]
    assert not history.survey.holes
    assert list(chosen(history.records(), 1, "d", history.rewritten())) == [Chosen(2, b"b", b""), Chosen(3, b"c", b"")]
