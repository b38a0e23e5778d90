"""Claims about reading the disk again."""

import pytest

from gaios.storage import STATE, Identity, Journal, Place, Problem, Record, create, scrub_copies, scrub_segment, scrub_snapshot
from gaios.storage.copies import NAMES
from gaios.storage.record import HEADER_BYTES
from gaios.storage.scrub import PIECE_BYTES
from gaios.storage.segment import OPENING_BYTES, SEGMENT_BYTES_MIN, name
from gaios.storage.snapshot import Writer
from gaios.storage.snapshot import name as snapshot_name
from tests.server.parts import MemoryDisk

IDENTITY = Identity(b"c" * 16, 3, 1)
KIND = 5


def state() -> Record:
    return Record(STATE, 0, 0, b"state")


def disk_with(batches: int, length: int = 200, segment_bytes: int = SEGMENT_BYTES_MIN) -> tuple[MemoryDisk, Journal]:
    disk = MemoryDisk()
    disk.execute(create(IDENTITY, b"copies", state(), segment_bytes=segment_bytes))
    journal, found = Journal.open(IDENTITY, disk, segment_bytes=segment_bytes, indexed={KIND})
    disk.execute(found.operations)
    for number in range(1, batches + 1):
        disk.execute(journal.batch(None, [Record(KIND, number, 7, bytes([number % 251]) * length)], state))
    return disk, journal


def damages(disk: MemoryDisk, number: int) -> list[Place]:
    found = [piece.damage for piece in scrub_segment(disk, IDENTITY, number)]
    return [damage for damage in found if isinstance(damage, Place)]


def test_sound_segments_have_no_damage_and_are_read_piece_by_piece() -> None:
    disk, journal = disk_with(40, 100_000, 1 << 20)
    assert len(journal.sealed) > 2
    for number in journal.sealed:
        pieces = list(scrub_segment(disk, IDENTITY, number))
        assert all(piece.damage is None for piece in pieces)
        assert len(pieces) > 2
        assert all(piece.size <= 2 * PIECE_BYTES for piece in pieces)
        assert sum(piece.size for piece in pieces) > 300_000


@pytest.mark.parametrize("length", [PIECE_BYTES - HEADER_BYTES, PIECE_BYTES, PIECE_BYTES + 1, 300_000, 700_000])
def test_a_record_as_long_as_a_piece_or_longer_is_no_damage(length: int) -> None:
    """What stands behind it begins a piece of its own."""
    disk, journal = disk_with(24, length, 2 << 20)
    assert len(journal.sealed) > 1
    for number in journal.sealed:
        pieces = list(scrub_segment(disk, IDENTITY, number))
        assert [piece.damage for piece in pieces if piece.damage is not None] == []
        assert sum(piece.size for piece in pieces) > length


@pytest.mark.parametrize("piece_bytes", [1, HEADER_BYTES, 200, 1_000])
def test_pieces_are_about_as_long_as_they_are_to_be(piece_bytes: int) -> None:
    """Whatever is read, each byte is read once, and what rotted is found."""
    disk, journal = disk_with(12)
    number = journal.sealed[0]
    records = [where for slot in range(1, 13) if (where := journal.locate(KIND, slot)) and where.segment == number]
    longest = HEADER_BYTES + 200
    pieces = list(scrub_segment(disk, IDENTITY, number, piece_bytes))
    assert [piece for piece in pieces if piece.damage is not None] == []
    assert max(piece.size for piece in pieces) <= max(piece_bytes, longest)
    assert len(pieces) >= sum(piece.size for piece in pieces) // max(piece_bytes, longest)
    disk.files[records[1].file][records[1].offset + HEADER_BYTES] ^= 1
    found = [piece.damage for piece in scrub_segment(disk, IDENTITY, number, piece_bytes)]
    assert [damage for damage in found if damage is not None] == [records[1].place]


def test_every_bit_that_matters_is_missed_by_nobody() -> None:
    """Each flip within a sealed segment's records is found, at the record where it is."""
    disk, journal = disk_with(12)
    number = journal.sealed[1]
    data = disk.files[name(number)]
    sound = bytes(data)
    records = [journal.locate(KIND, slot) for slot in range(1, 13)]
    inside = [where for where in records if where is not None and where.segment == number]
    assert len(inside) > 1
    for where in inside:
        for at in range(where.offset, where.offset + HEADER_BYTES + where.length):
            data[at] ^= 1 << at % 8
            found = damages(disk, number)
            assert len(found) == 1, at
            assert found[0].covers(where.place) or where.place.covers(found[0]), at
            data[:] = sound
    for at in range(OPENING_BYTES):
        data[at] ^= 1
        assert damages(disk, number)[0] == Place(number, 0, OPENING_BYTES)
        data[:] = sound


def test_a_record_in_another_s_place_is_damage() -> None:
    """[SAFETY 15] Well-formed as it is."""
    disk, journal = disk_with(12)
    one, two = [where for slot in range(1, 13) if (where := journal.locate(KIND, slot)) and where.segment == journal.sealed[0]][:2]
    data = disk.files[one.file]
    size = HEADER_BYTES + one.length
    data[two.offset : two.offset + size] = data[one.offset : one.offset + size]
    assert damages(disk, one.segment) == [two.place]


def test_a_segment_that_lost_its_end_is_damaged() -> None:
    """The next one's opening says how far it went; what stood there is known, though nothing but zeros does now.  [SAFETY 7]"""
    disk, journal = disk_with(12)
    at = {slot: where for slot in range(1, 13) if (where := journal.locate(KIND, slot)) and where.segment == journal.sealed[0]}
    last = list(at)[-2:]
    data = disk.files[at[last[0]].file]
    data[at[last[0]].offset :] = bytes(len(data) - at[last[0]].offset)
    (damage,) = damages(disk, journal.sealed[0])
    assert damage.start == at[last[0]].offset
    assert journal.stand_in(KIND, damage) == last


def test_a_file_that_went_meanwhile_is_no_damage() -> None:
    """It was given up."""
    disk, journal = disk_with(12)
    number = journal.sealed[0]
    pieces = scrub_segment(disk, IDENTITY, number)
    del disk.files[name(number)]
    assert list(pieces) == []
    assert list(scrub_snapshot(disk, IDENTITY.cell, 5)) == []


def test_snapshots_are_read_frame_by_frame() -> None:
    disk = MemoryDisk()
    writer = Writer(IDENTITY.cell, 5)
    disk.execute([*writer.begin(), *writer.chunk(b"a" * 1_000), *writer.chunk(b"b" * 1_000), *writer.end(b"closing")])
    assert [piece.damage for piece in scrub_snapshot(disk, IDENTITY.cell, 5)] == [None] * 3
    disk.files[snapshot_name(5)][80] ^= 1
    found = [piece.damage for piece in scrub_snapshot(disk, IDENTITY.cell, 5)]
    assert isinstance(found[-1], Problem)
    assert found[-1].file == snapshot_name(5)


@pytest.mark.parametrize("which", [0, 1])
def test_promise_copies_are_read(which: int) -> None:
    disk, _ = disk_with(1)
    assert [piece.damage for piece in scrub_copies(disk)] == [None, None]
    disk.files[NAMES[which]][20] ^= 1
    found = [piece.damage for piece in scrub_copies(disk)][which]
    assert isinstance(found, Problem)
    assert found.file == NAMES[which]


def test_promise_copies_that_are_gone_are_told_once() -> None:
    """Both are made anew for the first: told again while that is under way, the second would be made twice."""
    disk, _ = disk_with(1)
    for gone, told in ((NAMES[1:], [None, "missing"]), (NAMES, ["missing", None])):
        for file in gone:
            disk.files.pop(file, None)
        found = [piece.damage for piece in scrub_copies(disk)]
        assert [each.kind if isinstance(each, Problem) else each for each in found] == told
