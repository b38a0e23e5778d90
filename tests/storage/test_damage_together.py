"""Rot: every bit, every length, records in the wrong place. Detected, or harmless; never a wrong record.  [SAFETY 7, 15]"""

import pytest

from gaios.errors import AnotherCell, StateDamaged, StateMissing
from gaios.storage import Journal, Record, Recovered, create, verify
from gaios.storage.copies import HEADER_BYTES as COPY_HEADER_BYTES
from gaios.storage.record import HEADER_BYTES, Encoder, decode, seed, size
from gaios.storage.segment import OPENING_BYTES
from tests.storage.memory import ME, VALUE, Life, Memory, accounted, lived, state_of, values

REFUSED = (StateDamaged, StateMissing, AnotherCell)
ROUNDS = 5


def small() -> tuple[Memory, Life]:
    """Two segments, cleanly closed."""
    memory, life = lived(ROUNDS, 2048)
    assert len([name for name in memory.names() if name.endswith(".wal")]) == 2
    return memory, life


def opened(memory: Memory) -> Recovered | None:
    """What a start finds; None if it refuses."""
    try:
        recovered = Journal.open(ME, memory)[1]
        list(recovered.records)
    except REFUSED:
        return None
    return recovered


@pytest.mark.parametrize("part", range(8))
def test_any_flipped_bit_of_a_closed_log_is_named_or_harmless(part: int) -> None:
    """All records are there, as they were written, or the start names the bytes in which it stood. No bit can take a record away.

    And none can hide which record it was: a flipped bit of a header is mended, to tell.
    """
    memory, life = small()
    named = harmless = 0
    for name in memory.names():
        if not name.startswith("wal/"):
            continue
        data = memory.files[name].current
        for at in range(part, len(data), 8):
            for bit in range(8):
                data[at] ^= 1 << bit
                found = opened(memory)
                assert found is not None, "one bit never makes a start refuse"
                if found.damaged:
                    named += 1
                    (damage,) = found.damaged
                    assert damage.start <= at < damage.end
                    assert damage.record is not None or not damage.lost
                    assert accounted(found, life.written) <= 1
                    assert bit or any(problem.kind != "tail" for problem in verify(memory)), "verify sees what a start sees"
                else:
                    harmless += 1
                    assert values(found) == life.written
                data[at] ^= 1 << bit
    assert named > 1000, "the log is mostly not padding"
    assert harmless


def test_any_flipped_bit_of_an_open_log_takes_at_most_the_last_batch() -> None:
    """Without a mark nothing tells rot in the last batch from an unfinished write: the case that SAFETY 7 has the docs state."""
    memory, life = lived(3, 2048)
    journal, recovered = Journal.open(ME, memory, segment_bytes=2048)
    memory.execute(recovered.operations)
    before = len(life.written)
    last = [Record(VALUE, before, 1, b"last"), Record(VALUE, before + 1, 1, b"and least")]
    memory.execute(journal.batch(None, last, state_of(life, before)))
    life.written += last
    data = memory.files[max(name for name in memory.names() if name.endswith(".wal"))].current
    lost = 0
    for at in range(len(data)):
        data[at] ^= 16
        found = opened(memory)
        data[at] ^= 16
        if found is None:
            continue
        if found.damaged:
            assert accounted(found, life.written) <= 1
            continue
        kept = values(found)
        assert kept == life.written[: len(kept)]
        assert len(kept) >= before
        if len(kept) < len(life.written):
            lost += 1
            assert found.cut is not None
    assert lost


@pytest.mark.parametrize("name", ["promise-1", "promise-2"])
def test_any_flipped_bit_of_one_copy_is_made_good_by_the_other(name: str) -> None:
    """One fault is what two copies are for.  [PML §5.1]"""
    memory, life = small()
    data = memory.files[name].current
    for at in range(COPY_HEADER_BYTES + len(life.copies[-1])):
        for bit in range(8):
            data[at] ^= 1 << bit
            found = opened(memory)
            assert found is not None
            assert found.copies == life.copies[-1]
            data[at] ^= 1 << bit


def test_a_flipped_byte_in_both_copies_is_lost_state() -> None:
    """Never ballot 0.  [SAFETY 8, 15]"""
    memory, life = small()
    length = COPY_HEADER_BYTES + len(life.copies[-1])
    for at in range(length):
        both = memory.copy()
        both.files["promise-1"].current[at] ^= 255
        both.files["promise-2"].current[length - 1 - at] ^= 255
        with pytest.raises(StateDamaged):
            Journal.open(ME, both)


def test_a_file_cut_short_anywhere_loses_nothing_that_was_synced() -> None:
    """A file gets its full length before its name: a shorter one is no unfinished write."""
    memory, life = lived(8, 2048)
    for name in memory.names():
        for length in range(0, memory.size(name), 1 if name.startswith("wal/") else 997):
            short = memory.copy()
            del short.files[name].current[length:]
            found = opened(short)
            if found is not None:
                assert len(values(found)) + sum(damage.lost for damage in found.damaged) >= len(life.written)
                assert accounted(found, life.written) == 0 or found.damaged
                assert found.copies == life.copies[-1]


def test_an_unsynced_tail_cut_at_every_byte_is_cut_and_never_refused() -> None:
    """Truncation inside the last batch is an unfinished write wherever it falls: zeros follow, or the bytes of the write."""
    memory, life = Memory(), Life()
    memory.execute(create(ME, b"promise", state_of(life, 0)(), segment_bytes=2048))
    journal, recovered = Journal.open(ME, memory, segment_bytes=2048)
    memory.execute(recovered.operations)
    life.written = [Record(VALUE, 0, 1, b"synced")]
    memory.execute(journal.batch(None, life.written, state_of(life, 0)))
    start = journal._encoder.offset
    before = len(life.written)
    more = [Record(VALUE, before + at, 1, b"tail" * (at + 5)) for at in range(3)]
    memory.execute(journal.batch(None, more, state_of(life, before)))
    name, end = f"wal/{journal._encoder.segment:08d}.wal", journal._encoder.offset
    whole = bytes(memory.files[name].current)
    assert start < end
    counts = set()
    for at in range(start, end + 1):
        memory.files[name].current[:] = whole[:at] + bytes(len(whole) - at)
        found = opened(memory)
        assert found is not None
        kept = values(found)
        assert kept == (life.written + more)[: len(kept)]
        assert len(kept) >= before
        counts.add(len(kept) - before)
        half = memory.copy()
        half.execute(found.operations)
        again = opened(half)
        assert again is not None
        assert again.cut is None, "the cut was carried out"
        assert values(again) == kept
    assert counts == {0, 1, 2, 3}


def offsets(data: bytes) -> list[int]:
    """Where a segment's records stand."""
    found, at = [], OPENING_BYTES
    while (header := decode(data, at, seed(ME))) is not None:
        found.append(at)
        at += size(header.length)
    return found


def refused_or_named(memory: Memory, life: Life) -> bool:
    """A start refuses, or names what it cannot read; whether it named it."""
    try:
        recovered = Journal.open(ME, memory)[1]
    except StateDamaged:
        return False
    assert recovered.damaged
    accounted(recovered, life.written)
    return True


def test_a_record_in_anothers_place_is_named() -> None:
    """A misdirected write leaves a well-formed record, with good checksums, in the wrong place."""
    memory, life = lived(8, 2048)
    named = 0
    wals = [name for name in memory.names() if name.endswith(".wal")]
    places = [(name, at) for name in wals for at in offsets(bytes(memory.files[name].current))]
    assert len(places) > 10
    for source_name, source in places:
        header = memory.read(source_name, source, HEADER_BYTES)
        length = size(int.from_bytes(header[4:8], "little"))
        for target_name, target in places:
            if (source_name, source) == (target_name, target):
                continue
            broken = memory.copy()
            broken.files[target_name].write(target, memory.read(source_name, source, length))
            named += refused_or_named(broken, life)
    assert named > len(places) * (len(places) - 1) // 2


def test_a_segment_in_anothers_place_is_named_or_refused() -> None:
    """Refused as the last one, where a file that cannot be read might pass for an unfinished one."""
    memory, life = lived(8, 2048)
    wals = [name for name in memory.names() if name.endswith(".wal")]
    for source in wals:
        for target in [*wals, f"wal/{len(wals) + 1:08d}.wal"]:
            if source != target:
                broken = memory.copy()
                broken.files[target] = broken.files[source]
                assert refused_or_named(broken, life) == (target in wals[:-1])


def test_a_lost_write_is_named() -> None:
    """A disk that answered and never wrote leaves zeros where a record was: the chain has a hole."""
    memory, life = lived(8, 2048)
    for name in [name for name in memory.names() if name.endswith(".wal")]:
        data = bytes(memory.files[name].current)
        for at in offsets(data)[:-1]:
            broken = memory.copy()
            broken.files[name].write(at, bytes(size(int.from_bytes(data[at + 4 : at + 8], "little"))))
            assert refused_or_named(broken, life)


def test_an_older_copy_of_a_segment_is_named_or_refused() -> None:
    """A file put back from an older backup ends before what follows it, or what the copies know."""
    older, _ = lived(3, 2048)
    memory, life = lived(8, 2048)
    for name in older.names():
        if name.endswith(".wal") and older.read(name, 0, 2048) != memory.read(name, 0, 2048):
            broken = memory.copy()
            broken.files[name] = older.files[name]
            refused_or_named(broken, life)


def test_a_value_that_looks_like_log_is_a_value() -> None:
    """A client may store a log's bytes; a torn write of them is still an unfinished write."""
    memory = Memory()
    memory.execute(create(ME, b"promise", Record(1, 0, 0, b"state"), segment_bytes=4096))
    journal, recovered = Journal.open(ME, memory, segment_bytes=4096)
    memory.execute(recovered.operations)
    later = memory.copy()
    more, _ = Journal.open(ME, later, segment_bytes=4096)
    for _ in range(3):
        later.execute(more.batch(None, [Record(VALUE, 7, 7, b"bait" * 9)], lambda: Record(1, 0, 0, b"")))
    bait = later.read("wal/00000001.wal", 0, 1024)
    memory.execute(journal.batch(None, [Record(VALUE, 1, 1, bait), Record(VALUE, 2, 1, b"after")], lambda: Record(1, 0, 0, b"")))
    start = offsets(memory.read("wal/00000001.wal", 0, 4096))[-2]
    for at in (start, start + HEADER_BYTES, start + HEADER_BYTES + 500):
        torn = memory.copy()
        torn.files["wal/00000001.wal"].current[at] ^= 1
        found = Journal.open(ME, torn)[1]
        assert values(found) == []
        assert found.cut is not None


def test_a_value_that_could_prove_a_later_batch_is_a_value() -> None:
    """Even a forged record at the very place that it names: what lies inside an intact record's payload is not log."""
    memory = Memory()
    memory.execute(create(ME, b"promise", Record(1, 0, 0, b"state"), segment_bytes=4096))
    journal, recovered = Journal.open(ME, memory, segment_bytes=4096)
    memory.execute(recovered.operations)
    start = journal._encoder.offset
    forged: list[bytes] = []
    place = start + size(8) + HEADER_BYTES
    Encoder(seed=seed(ME), segment=1, offset=place, sequence=99, previous=0).add(forged, VALUE, 9, 9, b"", 99, 0)
    records = [Record(VALUE, 1, 1, b"8 bytes."), Record(VALUE, 2, 1, b"".join(forged))]
    memory.execute(journal.batch(None, records, lambda: Record(1, 0, 0, b"")))
    for at in (start, start + HEADER_BYTES, place + 1):
        torn = memory.copy()
        torn.files["wal/00000001.wal"].current[at] ^= 1
        assert values(Journal.open(ME, torn)[1]) == records[: at == place + 1]
