"""A log that is read while somebody may be writing to it."""

from pathlib import Path
from random import Random

import pytest

from gaios.errors import StateDamaged
from gaios.log.records import encode_places
from gaios.storage import REPAIR, Journal, Record, create
from gaios.storage.prefix import Hole, records_across, survey
from gaios.storage.record import HEADER_BYTES, Location
from gaios.storage.segment import OPENING_BYTES
from tests.storage.memory import ME, VALUE, Life, Memory, lived, some_kept, story


def whole(memory: Memory) -> list[Record]:
    """All records, as a start reads them."""
    return Journal.open(ME, memory)[1].records


def prefix(memory: Memory) -> list[Record | Hole]:
    """What is read by somebody who knows of no damage."""
    return list(records_across(memory, {}))


def test_a_whole_log_is_read_whole_across_segments() -> None:
    memory, _ = lived(8)
    assert len([name for name in memory.names() if name.endswith(".wal")]) > 2
    assert prefix(memory) == whole(memory)


def test_nothing_is_changed() -> None:
    memory, _ = lived(8)
    before = {name: bytes(file.current) for name, file in memory.files.items()}
    assert prefix(memory)
    assert {name: bytes(file.current) for name, file in memory.files.items()} == before


def test_every_state_of_a_write_under_way_gives_a_beginning() -> None:
    """[SAFETY 7] Wherever the writer is, what is read is what was written, up to some record; never more, never something else."""
    memory, _ = lived(3, 8192)
    expected = whole(memory)
    file = memory.files["wal/00000001.wal"]
    data = bytes(file.current)
    end = len(data.rstrip(b"\0"))
    lengths = set()
    for cut in range(0, end + 1, 7):
        partial = Memory({**memory.files, "wal/00000001.wal": file.rewritten(data[:cut] + bytes(len(data) - cut))})
        found = prefix(partial)
        assert found == expected[: len(found)]
        lengths.add(len(found))
    assert lengths == set(range(len(expected) + 1))


def test_what_is_torn_in_the_middle_ends_it() -> None:
    """Also a sector of a batch that came before one of an earlier record."""
    memory, _ = lived(8)
    expected = whole(memory)
    for name in [name for name in memory.names() if name.endswith(".wal")]:
        damaged = memory.copy()
        damaged.files[name].current[200] ^= 1
        found = prefix(damaged)
        assert found == expected[: len(found)]
        assert len(found) < len(expected)


def test_a_segment_that_is_missing_ends_it() -> None:
    memory, _ = lived(8)
    segments = [name for name in memory.names() if name.endswith(".wal")]
    del memory.files[segments[1]]
    found = prefix(memory)
    assert len(found) > 0
    assert segments[2] in memory.names()
    alone, _ = lived(8)
    assert found == whole(alone)[: len(found)]


@pytest.mark.parametrize("copies", [(), ("promise-1",), ("promise-1", "promise-2")])
def test_copies_that_are_being_written_do_not_matter(copies: tuple[str, ...]) -> None:
    """Then the segments tell whose they are."""
    memory, _ = lived(8)
    expected = whole(memory)
    for name in copies:
        memory.files[name].current[20] ^= 1
    assert prefix(memory) == expected


def test_where_nothing_tells_whose_it_is_there_is_nothing(tmp_path: Path) -> None:
    assert prefix(Memory()) == []


@pytest.mark.parametrize("seed", range(30))
def test_at_any_moment_of_a_replicas_life_a_beginning_is_read(seed: int) -> None:
    """Between any two operations, and after a crash there: what was acknowledged is in it, and nothing that was not written."""
    life = Life()
    memory = Memory()
    for operation in story(life, 6):
        memory.perform(operation)
        for seen in (memory, memory.crashed(some_kept(seed))):
            found = [each for each in prefix(seen) if isinstance(each, Record) and each.kind == VALUE]
            assert found == life.written[: len(found)]
            assert len(found) >= life.acknowledged


def test_across_holes_all_is_read_that_a_start_reads() -> None:
    """[SAFETY 15] Wherever the damage is, also in an opening or a segment's last record."""
    memory, _ = lived(8)
    tried = 0
    for file in [name for name in memory.names() if name.endswith(".wal")]:
        for at in range(0, len(bytes(memory.files[file].current).rstrip(b"\0")), 401):
            damaged = memory.copy()
            damaged.files[file].current[at] ^= 1
            damaged.files[file].current[at + 9] ^= 1
            try:
                found = Journal.open(ME, damaged)[1]
            except StateDamaged:
                continue
            holes = {(each.segment, each.start): each for each in found.damaged}
            assert [each for each in records_across(damaged, holes) if not isinstance(each, Hole)] == found.records
            looked = survey(damaged)
            assert (looked.broken is None) == all(each.lost == 0 for each in found.damaged)
            assert looked.records == len(found.records)
            tried += bool(holes)
    assert tried > 10


@pytest.mark.parametrize("seed", range(60))
def test_each_hole_is_told_where_it_is(seed: int) -> None:
    """[SAFETY 15] Also where one stands right behind another, where nothing is left of a segment, and where its file is gone.

    What was read before a hole may have been written anew in it: whoever is not told of one takes an old value for the chosen one.
    """
    dice = Random(seed)
    memory, _ = lived(10)
    files = [name for name in memory.names() if name.endswith(".wal")]
    for _ in range(dice.randrange(1, 5)):
        file = dice.choice(files[1:-1])
        if file in memory.files and dice.random() < 0.2:
            del memory.files[file]
        elif file in memory.files:
            data = memory.files[file].current
            at, length = dice.randrange(OPENING_BYTES, len(data)), dice.choice([1, 1, 64, 400, len(data)])
            data[at : at + length] = bytes(each ^ 255 if length == 1 else 0 for each in data[at : at + length])
    found = Journal.open(ME, memory)[1]
    expected: list[Record | Hole] = []
    for index in range(len(found.records) + 1):
        expected += [Hole(each.record) for each in found.damaged if each.at == index]
        expected += found.records[index : index + 1]
    holes = {(each.segment, each.start): each for each in found.damaged}
    assert list(records_across(memory, holes)) == expected


@pytest.mark.parametrize("between", [False, True])
def test_what_was_repaired_behind_other_damage_ends_the_log(*, between: bool) -> None:
    """[SAFETY 15] What was written anew is not read then, and what stands before the first damage may be older than what stood in it."""
    memory, state = Memory(), Record(1, 0, 0, b"state")
    memory.execute(create(ME, b"promise", state, segment_bytes=4096))
    journal, recovered = Journal.open(ME, memory, segment_bytes=4096, indexed={VALUE})
    memory.execute(recovered.operations)
    places = list[Location]()
    for slot in range(1, 11):
        memory.execute(journal.batch(None, [Record(VALUE, slot, 1, b"value")], lambda: state))
        where = journal.locate(VALUE, slot)
        assert where is not None
        places.append(where)
        if slot == 8:
            memory.execute(journal.batch(None, [Record(REPAIR, 0, 0, encode_places([places[1].place]))], lambda: state))
    first, other = places[1], places[5 if between else 8]
    for each in (first, other):
        memory.files[each.file].current[each.offset + HEADER_BYTES] ^= 1
    found, ends = survey(memory), first if between else other
    assert found.broken is not None
    assert (found.broken.file, found.broken.offset) == (ends.file, ends.offset)
    assert (f"{other.file}, byte {other.offset}: " in found.broken.detail) == between
    read = [each for each in records_across(memory, found.holes) if isinstance(each, Hole) or each.kind == VALUE]
    assert [each.slot if isinstance(each, Record) else 0 for each in read] == ([1] if between else [1, 0, 3, 4, 5, 6, 7, 8])
