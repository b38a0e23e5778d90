"""Batches, marks, segments and copies; the crash points are in `test_crash_together.py`."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import AnotherCell, InvariantViolated, StateDamaged, StateMissing
from gaios.log.records import encode_places
from gaios.storage import REPAIR, Create, Identity, Journal, Record, Remove, Rename, Sync, SyncDirectory, Write, create
from gaios.storage.journal import RESERVE_BYTES
from gaios.storage.record import HEADER_BYTES, PAYLOAD_BYTES_MAX
from gaios.storage.segment import OPENING_BYTES, SEGMENT_BYTES_MAX
from gaios.storage.words import Operation
from tests.storage.memory import ME, VALUE, Memory, accounted, lived, some_kept, values

STATE = Record(1, 0, 0, b"the state")


def fresh(segment_bytes: int = 1024) -> Memory:
    memory = Memory()
    memory.execute(create(ME, b"promise", STATE, segment_bytes=segment_bytes))
    return memory


def started(memory: Memory, segment_bytes: int = 1024) -> Journal:
    journal, recovered = Journal.open(ME, memory, segment_bytes=segment_bytes, indexed={VALUE})
    memory.execute(recovered.operations)
    return journal


def value(slot: int, length: int = 100) -> Record:
    return Record(VALUE, slot, 65537, bytes([slot % 256]) * length)


def names(operations: list[Operation]) -> list[str]:
    return [type(operation).__name__ for operation in operations]


uint64 = st.integers(0, 2**64 - 1)
some_records = st.lists(st.tuples(st.integers(2, 255), uint64, uint64, st.binary(max_size=300)).map(Record._make), max_size=5)


@given(batches=st.lists(some_records, max_size=12), promises=st.lists(st.binary(max_size=100), max_size=3), marks=st.booleans())
def test_what_was_appended_comes_back_in_order(batches: list[list[Record]], promises: list[bytes], marks: bool) -> None:
    """Any records in any batches, over any number of segments."""
    memory = fresh()
    journal = started(memory)
    for number, batch in enumerate(batches):
        memory.execute(journal.batch(promises[number] if number < len(promises) else None, batch, lambda: STATE))
        if marks:
            memory.execute(journal.mark())
    _, recovered = Journal.open(ME, memory)
    assert [found for found in recovered.records if found.kind != STATE.kind] == [found for batch in batches for found in batch]
    assert recovered.copies == [b"promise", *promises[: len(batches)]][-1]
    assert recovered.cut is None


def test_a_batch_is_one_write_and_one_sync() -> None:
    """A sync is what a put costs."""
    journal = started(fresh(1 << 16))
    operations = journal.batch(None, [value(1), value(2)], lambda: STATE)
    assert names(operations) == ["Write", "Sync"]


def test_copies_are_written_and_synced_one_after_the_other_before_the_records() -> None:
    """A crash may spoil one copy, never both; and a record may rest on the promise.  [SAFETY 15]"""
    operations = started(fresh()).batch(b"new", [value(1)], lambda: STATE)
    assert [operation[0] for operation in operations] == ["promise-1"] * 2 + ["promise-2"] * 2 + ["wal/00000001.wal"] * 2
    assert names(operations) == ["Write", "Sync"] * 3


def test_nothing_to_write_is_no_operation() -> None:
    """An `Output` without records and copies needs no disk."""
    assert started(fresh()).batch(None, [], lambda: STATE) == []


def test_a_batch_without_records_leaves_the_log_alone() -> None:
    """A promise is not in the log."""
    assert {operation[0] for operation in started(fresh()).batch(b"new", [], lambda: STATE)} == {"promise-1", "promise-2"}


def test_a_mark_is_written_once_and_not_synced() -> None:
    """It is lazy: what it says is true anyway.  [SAFETY 15]"""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1)], lambda: STATE))
    assert names(journal.mark()) == ["Write"]
    assert journal.mark() == []


def test_every_segment_opens_with_a_state_record() -> None:
    """A log whose old segments were dropped can still be read.  [SAFETY 15]"""
    memory, _ = lived(12)
    _, recovered = Journal.open(ME, memory)
    assert len([name for name in memory.names() if name.endswith(".wal")]) > 3
    kinds = [record.kind for record in recovered.records]
    assert kinds[0] == 1
    assert kinds.count(1) == len([name for name in memory.names() if name.endswith(".wal")])


def test_a_new_segment_is_closed_made_and_named_before_it_counts() -> None:
    """The old one is synced before the new one is written, and the new name is durable before the batch is acknowledged."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1, 400)], lambda: STATE))
    operations = journal.batch(None, [value(2, 400)], lambda: STATE)
    assert names(operations) == ["Write", "Sync", "Create", "Sync", "Rename", "Write", "SyncDirectory", "Sync"]
    assert [operation[0] for operation in operations[4:]] == ["wal/new", "wal/00000002.wal", "wal", "wal/00000002.wal"]


def test_a_spare_segment_is_used_by_renaming_it() -> None:
    """Zeroing 8 MiB takes some 10 ms; a batch should not wait for that."""
    memory = fresh()
    journal = started(memory)
    assert journal.prepare() == []
    memory.execute(journal.batch(None, [value(1, 400)], lambda: STATE))
    making = journal.prepare()
    assert making == [Create("wal/next", 1024), Sync("wal/next"), SyncDirectory("wal")]
    assert journal.prepare() == []
    memory.execute(making)
    journal.spares.made()
    operations = journal.batch(None, [value(2, 400)], lambda: STATE)
    assert Rename("wal/next", "wal/00000002.wal") in operations
    memory.execute(operations)
    assert values(Journal.open(ME, memory)[1]) == [value(1, 400), value(2, 400)]


def test_no_spare_is_made_while_the_last_one_is_being_renamed() -> None:
    """We had it: a batch that filled half of its new segment had the next spare made beside it, under the name that it was taking."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1, 400)], lambda: STATE))
    memory.execute(journal.prepare())
    journal.spares.made()
    taking = journal.batch(None, [value(2, 600)], lambda: STATE)
    assert Rename("wal/next", "wal/00000002.wal") in taking
    assert journal.prepare() == []
    memory.execute(taking)
    memory.execute(journal.batch(None, [value(3, 8)], lambda: STATE))
    assert journal.prepare()


def test_a_segment_that_is_still_being_made_is_not_waited_for() -> None:
    """The batch makes its own, and the spare serves the next one."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1, 400)], lambda: STATE))
    making = journal.prepare()
    operations = journal.batch(None, [value(2, 400)], lambda: STATE)
    assert Create("wal/new", 1024) in operations
    memory.execute([*operations, *making])
    journal.spares.made()
    assert Rename("wal/next", "wal/00000003.wal") in journal.batch(None, [value(3, 400)], lambda: STATE)


def test_a_spare_that_was_never_used_is_removed_at_the_next_start() -> None:
    """Nobody knows whether its zeros are durable."""
    memory = fresh()
    memory.execute([Create("wal/next", 100), Create("wal/new", 0)])
    started(memory)
    assert memory.names() == ["promise-1", "promise-2", "wal/00000001.wal"]


def test_a_batch_longer_than_a_segment_gets_one_of_its_own() -> None:
    """A batch is never split: one sync covers it."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1, 5000), value(2, 5000)], lambda: STATE))
    assert values(Journal.open(ME, memory)[1]) == [value(1, 5000), value(2, 5000)]


def test_starts_alone_never_fill_a_segment() -> None:
    """A replica that crashes in a loop must not eat its disk."""
    memory = fresh()
    started(memory)
    before = bytes(memory.files["wal/00000001.wal"].current)
    for _ in range(20):
        started(memory)
    assert bytes(memory.files["wal/00000001.wal"].current) == before


def test_starts_after_single_batches_fit_into_the_reserve() -> None:
    """Batch, mark, start, batch, … until segments are full to the last byte, at every alignment."""
    for length in range(0, 120, 8):
        memory = fresh()
        for slot in range(12):
            journal = started(memory)
            memory.execute(journal.batch(None, [value(slot, length + slot)], lambda: STATE))
            memory.execute(journal.mark())
        assert values(Journal.open(ME, memory)[1]) == [value(slot, length + slot) for slot in range(12)]


def test_what_nothing_proves_durable_is_written_anew_and_synced() -> None:
    """A process that died after a failed sync leaves pages in the cache that never reach the disk.  [SAFETY 7]"""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1)], lambda: STATE))
    memory.execute(journal.batch(b"new", [], lambda: STATE)[:1])
    memory.execute(journal.batch(None, [value(2)], lambda: STATE)[:1])
    for file in memory.files.values():
        file.dirty.clear()
    del memory.files["promise-2"]
    _, recovered = Journal.open(ME, memory)
    memory.execute(recovered.operations)
    for after in (memory, memory.crashed(lambda: False)):
        _, again = Journal.open(ME, after)
        assert again.copies == recovered.copies == b"new"
        assert values(again) == values(recovered)


def test_the_newer_copy_counts_and_is_touched_last() -> None:
    """A tear that spoils what is being written must leave the other one intact.  [SAFETY 15]"""
    memory = fresh()
    journal = started(memory)
    for count, source in ((2, "promise-1"), (4, "promise-2")):
        after = memory.copy()
        after.execute(journal.batch(b"new", [], lambda: STATE)[:count])
        if count == 4:
            after.files["promise-1"].current[5] ^= 1
        _, recovered = Journal.open(ME, after)
        assert recovered.copies == b"new"
        written = [operation.name for operation in recovered.operations if isinstance(operation, Write)]
        assert written[-1] == source
        assert len(set(written[-2:])) == 2


def partly_kept() -> tuple[Memory, Journal]:
    """A directory of which the last batch kept one record of two, after the next start."""
    memory = fresh(8192)
    journal = started(memory, 8192)
    torn = journal.batch(None, [value(1, 40), value(2, 1000)], lambda: STATE)[0]
    assert isinstance(torn, Write)
    memory.execute([torn._replace(data=torn.data[:200])])
    journal = started(memory, 8192)
    assert values(Journal.open(ME, memory)[1]) == [value(1, 40)]
    return memory, journal


def test_rot_in_a_partly_kept_batch_is_damage_once_another_followed() -> None:
    """It was synced before the replica voted on it; the mark that closes it makes the next batch prove that."""
    memory, journal = partly_kept()
    memory.execute(journal.batch(None, [value(2)], lambda: STATE))
    memory.files["wal/00000001.wal"].current[300] ^= 1
    (damage,) = Journal.open(ME, memory)[1].damaged
    assert damage.start <= 300 < damage.end


def test_a_tear_in_the_batch_after_a_partly_kept_one_is_no_damage() -> None:
    """The next batch does not seem to prove that the rest of the torn one was there."""
    memory, journal = partly_kept()
    torn = journal.batch(None, [value(3, 1000), value(4, 1000)], lambda: STATE)[0]
    assert isinstance(torn, Write)
    memory.execute([torn._replace(offset=torn.offset + 1000, data=torn.data[1000:])])
    assert values(Journal.open(ME, memory)[1]) == [value(1, 40)]


def test_a_full_segment_has_room_for_every_mark() -> None:
    """The lazy one, and one that closes; no more, however often the process dies in between."""
    size = 8192
    memory = fresh(size)
    journal = started(memory, size)
    start = journal._encoder.offset
    memory.execute(journal.batch(None, [value(1, size - start - RESERVE_BYTES - HEADER_BYTES)], lambda: STATE))
    memory.execute(journal.mark())
    for count in (0, 1, 2, 2, 1, 2):
        journal = started(memory, size)
        memory.execute(journal.batch(None, [value(2)], lambda: STATE)[:count])
    assert memory.size("wal/00000001.wal") == size
    journal = started(memory, size)
    memory.execute(journal.batch(None, [value(2)], lambda: STATE))
    assert [record.slot for record in values(Journal.open(ME, memory)[1])] == [1, 2]


def test_a_segment_whose_state_record_is_torn_is_dropped_for_good() -> None:
    """It is as good as not begun; the log goes on in the one before, and the file does not come back."""
    memory = fresh(2048)
    journal = started(memory, 2048)
    memory.execute(journal.batch(None, [value(1)], lambda: STATE))
    long_state = STATE._replace(payload=b"s" * 1500)
    operations = journal.batch(None, [value(2, 1900)], lambda: long_state)
    memory.execute(operations[:-1])
    write = next(operation for operation in operations if isinstance(operation, Write) and operation.name.endswith("2.wal"))
    memory.execute([write._replace(offset=512, data=bytes(1024))])
    for seed in range(4):
        after = memory.copy()
        journal, recovered = Journal.open(ME, after, segment_bytes=2048)
        assert values(recovered) == [value(1)]
        assert recovered.cut is not None
        after.execute(recovered.operations)
        after.execute(journal.batch(None, [value(3)], lambda: STATE))
        assert "wal/00000002.wal" not in after.names()
        _, recovered = Journal.open(ME, after.crashed(some_kept(seed)))
        assert values(recovered) == [value(1), value(3)]


def test_another_cells_directory_is_refused() -> None:
    """Wrong mount, wrong configuration.  [SAFETY 2]"""
    with pytest.raises(AnotherCell):
        Journal.open(Identity(b"another cell....", 3, 1), fresh())


def test_another_members_segment_is_refused() -> None:
    """A segment that was copied from another replica is well-formed, and not ours."""
    ours, theirs = fresh(), Memory()
    theirs.execute(create(ME._replace(member=4), b"promise", STATE, segment_bytes=1024))
    ours.files["wal/00000001.wal"] = theirs.files["wal/00000001.wal"]
    with pytest.raises(AnotherCell):
        Journal.open(ME, ours)
    used = lived(3)[0]
    used.files["wal/00000001.wal"] = theirs.files["wal/00000001.wal"]
    with pytest.raises(AnotherCell) as refused:
        Journal.open(ME, used)
    assert "batch" not in str(refused.value), "that records are missed, too, says nothing more"


def test_missing_copies_are_missing_state() -> None:
    """Never an empty start.  [SAFETY 2]"""
    memory, _ = lived(8)
    del memory.files["promise-1"], memory.files["promise-2"]
    with pytest.raises(StateMissing):
        Journal.open(ME, memory)


def test_a_log_without_its_end_is_missing_state() -> None:
    """How much stood there nobody can tell."""
    memory, _ = lived(8)
    for name in [name for name in memory.names() if name.endswith(".wal")]:
        del memory.files[name]
    with pytest.raises(StateMissing):
        Journal.open(ME, memory)


@pytest.mark.parametrize("number", [1, 2])
def test_a_missing_segment_that_others_follow_is_damage(number: int) -> None:
    """The next one's opening tells how many records stood in it, and its state record what mattered of them."""
    memory, life = lived(8)
    del memory.files[f"wal/{number:08d}.wal"]
    recovered = Journal.open(ME, memory)[1]
    *before, damage = recovered.damaged
    assert [each.segment for each in before] == list(range(1, number)), "nothing tells where the one before ended"
    assert damage[:4] == (number, 0, SEGMENT_BYTES_MAX, "missing")
    assert accounted(recovered, life.written) > 0
    assert 0 < damage.lost < len(life.written) + 20


@pytest.mark.parametrize("whole", [False, True], ids=["its payload", "all of it"])
def test_a_record_that_was_repaired_does_not_stand_for_what_was_lost_behind_it(*, whole: bool) -> None:
    """[SAFETY 7, 15] A segment's last records are zeros now: they have no bytes that a place could end behind, and are lost."""
    memory = fresh()
    journal = started(memory)
    for slot in range(1, 20):
        memory.execute(journal.batch(None, [value(slot)], lambda: STATE))
    there = [where for slot in range(1, 20) if (where := journal.locate(VALUE, slot)) and where.segment == 1]
    repaired, behind = there[-2:]
    memory.execute(journal.batch(None, [Record(REPAIR, 0, 0, encode_places([repaired.place]))], lambda: STATE))
    data = memory.files[repaired.file].current
    data[repaired.offset + HEADER_BYTES] ^= 1
    if whole:
        data[repaired.offset : repaired.offset + HEADER_BYTES] = b"x" * HEADER_BYTES
    data[behind.offset :] = bytes(len(data) - behind.offset)
    damaged = Journal.open(ME, memory)[1].damaged
    assert [damage.is_repaired for damage in damaged] == ([False] if whole else [True, False])
    assert damaged[-1].end == SEGMENT_BYTES_MAX
    assert sum(damage.lost for damage in damaged) >= 2


def test_a_missing_segment_is_not_one_whose_beginning_was_repaired() -> None:
    """[SAFETY 7, 15] All of it is gone."""
    memory = fresh()
    journal = started(memory)
    for slot in range(1, 20):
        memory.execute(journal.batch(None, [value(slot)], lambda: STATE))
    memory.execute(journal.batch(None, [Record(REPAIR, 0, 0, encode_places([(2, 0, OPENING_BYTES)]))], lambda: STATE))
    del memory.files["wal/00000002.wal"]
    assert not any(damage.is_repaired for damage in Journal.open(ME, memory)[1].damaged)


@pytest.mark.parametrize("how", ["zeros", "gone", "rotten opening"])
def test_a_segment_that_was_repaired_does_not_stand_for_the_end_of_the_one_before(how: str) -> None:
    """[SAFETY 7, 15] Nothing behind that end tells any more where it was, and how many records stood there is counted with the other's."""
    memory = fresh()
    journal = started(memory)
    for slot in range(1, 40):
        memory.execute(journal.batch(None, [value(slot)], lambda: STATE))
    data = memory.files["wal/00000003.wal"].current
    if how == "gone":
        del memory.files["wal/00000003.wal"]
    elif how == "zeros":
        data[:] = bytes(len(data))
    else:
        data[: OPENING_BYTES + HEADER_BYTES] = b"x" * (OPENING_BYTES + HEADER_BYTES)
    journal, found = Journal.open(ME, memory, indexed={VALUE})
    memory.execute(found.operations)
    repaired = [damage.place for damage in found.damaged]
    memory.execute(journal.batch(None, [Record(REPAIR, 0, 0, encode_places(repaired))], lambda: STATE))
    assert all(damage.is_repaired for damage in Journal.open(ME, memory)[1].damaged)
    last = [where for slot in range(1, 40) if (where := journal.locate(VALUE, slot)) and where.segment == 2][-1]
    data = memory.files[last.file].current
    data[last.offset :] = bytes(len(data) - last.offset)
    damaged = Journal.open(ME, memory)[1].damaged
    assert [damage.start for damage in damaged if not damage.is_repaired] == [last.offset]


def test_a_missing_newest_segment_is_noticed_by_the_copies() -> None:
    """They say through which batch the log was durable when they were written."""
    memory = fresh()
    journal = started(memory)
    for slot in range(3):
        memory.execute(journal.batch(None, [value(slot, 400)], lambda: STATE))
    memory.execute(journal.batch(b"new", [], lambda: STATE))
    del memory.files["wal/00000003.wal"]
    with pytest.raises(StateMissing):
        Journal.open(ME, memory)


def test_a_log_that_ends_before_what_the_copies_know_is_damaged() -> None:
    """All that remains of the last batch may be zeros, and no mark may tell; the copies do."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1)], lambda: STATE))
    operations = journal.batch(None, [value(2)], lambda: STATE)
    memory.execute([*operations, *journal.batch(b"new", [], lambda: STATE)])
    write = operations[0]
    assert isinstance(write, Write)
    memory.execute([Write(write.name, write.offset, bytes(len(write.data)))])
    with pytest.raises(StateDamaged) as caught:
        Journal.open(ME, memory)
    assert caught.value.kind == "lost"


def test_one_spoilt_copy_is_written_anew() -> None:
    """The newer intact one counts.  [SAFETY 15]"""
    for name in ("promise-1", "promise-2"):
        memory, life = lived(8)
        memory.files[name].current[:40] = bytes(40)
        _, recovered = Journal.open(ME, memory)
        assert recovered.copies == life.copies[-1]
        memory.execute(recovered.operations)
        assert memory.read("promise-1", 80, 20) == memory.read("promise-2", 80, 20)


def test_the_newest_record_of_a_slot_is_found_on_disk() -> None:
    """Old values need not stay in memory; a slot that was accepted again has the newer one."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1, 10), value(2, 20), value(1, 30)], lambda: STATE))
    for found in (journal, Journal.open(ME, memory, indexed={VALUE})[0]):
        where = found.locate(VALUE, 1)
        assert where is not None
        assert found.read(memory, where) == value(1, 30)
        assert found.locate(VALUE, 3) is None
        assert found.locate(9, 1) is None


def test_a_located_record_that_rots_is_not_handed_out() -> None:
    """Catch-up reads the disk long after the start checked it."""
    memory = fresh()
    journal = started(memory)
    memory.execute(journal.batch(None, [value(1)], lambda: STATE))
    where = journal.locate(VALUE, 1)
    assert where is not None
    for offset in (where.offset, where.offset + HEADER_BYTES):
        rotten = memory.copy()
        rotten.files[where.file].current[offset] ^= 4
        with pytest.raises(StateDamaged):
            journal.read(rotten, where)
    with pytest.raises(StateDamaged):
        journal.read(memory, where._replace(length=where.length - 8))


def test_a_state_record_must_be_one() -> None:
    """A caller's mistake must not end up on the disk."""
    with pytest.raises(InvariantViolated):
        started(fresh()).batch(None, [value(1, 2000)], lambda: value(1))


def test_a_batch_must_fit_into_a_segments_offsets() -> None:
    """They are 32 bits; the log never comes near."""

    class Long(bytes):
        def __len__(self) -> int:
            return PAYLOAD_BYTES_MAX * 17

    with pytest.raises(InvariantViolated):
        started(fresh()).batch(None, [(VALUE, 1, 1, Long())], lambda: STATE)


@pytest.mark.parametrize("size", [0, 1 << 33])
def test_a_segments_size_is_bounded(size: int) -> None:
    """Too small to hold a state, too large for its offsets."""
    with pytest.raises(ValueError, match=str(size)):
        Journal.open(ME, fresh(), segment_bytes=size)


def test_an_interrupted_creation_starts_over() -> None:
    """Without a manifest nothing was ever promised.  [SAFETY 2]"""
    memory = Memory()
    memory.execute(create(ME, b"promise", STATE)[:3])
    memory.execute(create(ME, b"promise", STATE, leftovers=memory.names()))
    assert Journal.open(ME, memory)[1].copies == b"promise"


def long(segments: int = 8) -> tuple[Memory, Journal]:
    """A log of so many segments, and slots that grow."""
    memory = fresh()
    journal = started(memory)
    for slot in range(1, 1_000):
        memory.execute(journal.batch(None, [value(slot)], lambda: STATE))
        if journal._encoder.segment == segments:
            break
    return memory, journal


def test_old_segments_are_given_up_whole_and_no_others() -> None:
    """Those that hold nothing above the slot; what is above is found as before, also by a start."""
    memory, journal = long()
    through = next(slot for slot in range(1, 1_000) if (found := journal.locate(VALUE, slot)) is not None and found.segment == 5)
    assert journal.kept_bytes(through - 1) == 4 * 1_024
    memory.execute(journal.give_up(through - 1))
    assert [name for name in memory.names() if name.endswith(("1.wal", "4.wal"))] == []
    assert journal.give_up(through - 1) == []
    again, recovered = Journal.open(ME, memory, segment_bytes=1024, indexed={VALUE})
    assert values(recovered)[0].slot == through
    for each in (journal, again):
        assert each.locate(VALUE, through - 1) is None or each is again
        where = each.locate(VALUE, through)
        assert where is not None
        assert each.read(memory, where) == value(through)


def test_a_segment_that_was_lost_is_not_removed_once_more() -> None:
    """What it held was repaired, and is covered now: that its file is not there to be removed must not stop the replica."""
    memory, _ = long()
    del memory.files["wal/00000003.wal"]
    memory = memory.copy()
    journal = started(memory)
    operations = journal.give_up(1_000)
    assert [operation.name for operation in operations if isinstance(operation, Remove)] == [
        f"wal/0000000{n}.wal" for n in (1, 2, 4, 5, 6, 7)
    ]
    memory.execute(operations)


@pytest.mark.seeds(60)
def test_a_crash_while_segments_are_given_up_leaves_a_log(seed: int) -> None:
    """Killed at any operation, started, and cut off at any operation of that: what the copies name is there."""
    dice = Random(seed)
    memory, journal = long()
    operations = journal.give_up(dice.randrange(1, 30))
    memory.execute(operations[: dice.randrange(len(operations) + 1)])
    _, recovered = Journal.open(ME, memory, segment_bytes=1024)  # the process was killed: what it wrote is seen, and need not be durable
    memory.execute(recovered.operations[: dice.randrange(len(recovered.operations) + 1)])
    Journal.open(ME, memory.crashed(some_kept(seed)), segment_bytes=1024)
