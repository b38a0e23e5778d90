"""Claims about a snapshot's file: whole or not there, and whatever its bytes are, they are taken for nothing else."""

from random import Random

import pytest

from gaios.errors import InvariantViolated, StateDamaged
from gaios.storage import verify
from gaios.storage.snapshot import CHUNK_BYTES_MAX, NEW, SYNC_BYTES, File, Writer, check, name, slots
from gaios.storage.words import Rename, Sync, SyncDirectory
from tests.storage.memory import ME, Memory, all_lost, lived, some_kept
from tests.storage.test_fuzz_together import mutated

CHUNKS = [bytes(70_000), b"x" * 1_000, Random(1).randbytes(30_000)]


def written(chunks: list[bytes], slot: int = 7, memory: Memory | None = None) -> Memory:
    memory = memory or Memory()
    writer = Writer(ME.cell, slot)
    memory.execute(writer.begin())
    for chunk in chunks:
        memory.execute(writer.chunk(chunk))
    memory.execute(writer.end(b"closing"))
    assert writer.stored == memory.size(name(slot))
    return memory


def test_what_was_written_is_read() -> None:
    """Chunks in order, what closes them, whose they are; compressed they take less room."""
    memory = written(CHUNKS)
    file = File(memory, 7, ME.cell)
    assert (list(file.chunks()), file.closing(), file.cell) == (CHUNKS, b"closing", ME.cell)
    assert list(file.problems()) == []
    assert memory.size(name(7)) < 40_000
    assert slots([*memory.names(), "snap/new", "snap/7.snap", "wal/0000000000000008.snap"]) == [7]


def test_a_snapshot_has_no_name_before_it_is_durable_under_another() -> None:
    """[SAFETY 26] Whenever the power goes, there is nothing, the way to something, or all of it."""
    writer = Writer(ME.cell, 7)
    operations = [*writer.begin(), *(each for chunk in CHUNKS for each in writer.chunk(chunk)), *writer.end(b"closing")]
    assert operations[-3:] == [Sync(NEW), Rename(NEW, name(7)), SyncDirectory("snap")]
    for cut in range(len(operations)):
        for keep in (all_lost, some_kept(cut), some_kept(cut + 1_000)):
            memory = Memory()
            memory.execute(operations[:cut])
            after = memory.crashed(keep)
            if name(7) in after.names():
                assert list(File(after, 7).chunks()) == CHUNKS
    memory = Memory()
    memory.execute(operations)
    assert list(File(memory.crashed(all_lost), 7).chunks()) == CHUNKS


def test_large_ones_are_synced_by_and_by() -> None:
    """One sync of it all at the end would hold up the log's."""
    writer, dice = Writer(ME.cell, 7), Random(1)
    operations = [each for _ in range(20) for each in writer.chunk(dice.randbytes(CHUNK_BYTES_MAX))]
    assert sum(operation == Sync(NEW) for operation in operations) == 20 * CHUNK_BYTES_MAX // SYNC_BYTES


def test_every_byte_is_covered() -> None:
    """A flipped bit anywhere is damage, and is told where it stands."""
    memory = written([b"a" * 50, b"b" * 60])
    whole = memory.read(name(7), 0, memory.size(name(7)))
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            memory.files[name(7)].write(0, bytes(damaged))
            problems = check(memory, ME.cell)
            assert problems, f"byte {at} bit {bit}"
            assert all(problem.file == name(7) for problem in problems)
    memory.files[name(7)].write(0, whole)
    assert check(memory, ME.cell) == []


def test_a_file_is_nobody_elses() -> None:
    """Another cell's, another slot's, another format's."""
    memory = written(CHUNKS)
    with pytest.raises(StateDamaged) as refused:
        File(memory, 7, bytes(16))
    assert refused.value.kind == "cell"
    memory.files[name(8)] = memory.files[name(7)]
    with pytest.raises(StateDamaged) as refused:
        File(memory, 8)
    assert refused.value.kind == "misdirected"


def test_two_chunks_cannot_change_places() -> None:
    """Each says which it is."""
    memory = written([b"a" * 50, b"b" * 50])
    whole = memory.read(name(7), 0, memory.size(name(7)))
    first = whole.index(b"\1\0\0\0\0\0\0\0")
    second = whole.index(b"\1\0\0\0\1\0\0\0")
    length = second - first
    swapped = whole[:first] + whole[second : second + length] + whole[first:second] + whole[second + length :]
    memory.files[name(7)].write(0, swapped)
    assert [problem.kind for problem in check(memory)] == ["misdirected"]


def test_a_damaged_chunk_does_not_hide_another() -> None:
    """All that is wrong is named, not the first alone."""
    memory = written([Random(1).randbytes(50) for _ in range(3)])
    size = (memory.size(name(7)) - 48) // 3
    for at in (100, 100 + size):
        memory.files[name(7)].write(at, bytes([memory.read(name(7), at, 1)[0] ^ 1]))
    assert [problem.kind for problem in check(memory)] == ["payload", "payload"]


def test_nothing_is_longer_than_it_may_be() -> None:
    """Who writes is told at once."""
    for chunk in (b"", bytes(CHUNK_BYTES_MAX + 1)):
        with pytest.raises(InvariantViolated):
            Writer(ME.cell, 7).chunk(chunk)


def test_reading_is_total() -> None:
    """Whatever the bytes are: what was written, or one error of ours."""
    random = Random(7)
    memory = written([b"a" * 50, random.randbytes(60)])
    whole = memory.read(name(7), 0, memory.size(name(7)))
    for _ in range(30_000):
        memory.files[name(7)].current = bytearray(mutated(random, whole))
        try:
            file = File(memory, 7)
            found = [*file.chunks(), file.closing()]
        except StateDamaged:
            continue
        assert found[-1] == b"closing"
        assert memory.files[name(7)].current == whole


def test_verify_looks_at_snapshots_too() -> None:
    """[INTERFACE `verify`] And knows whose they have to be."""
    memory, _ = lived(4)
    written(CHUNKS, memory=memory)
    assert verify(memory) == []
    memory.files[name(7)].write(300, b"?")
    assert [(problem.file, problem.kind) for problem in verify(memory)] == [(name(7), "payload")]
    assert "; a start passes it over" in verify(memory)[0].detail, "and what repairs it"
