"""One record as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import StateDamaged
from gaios.storage import Identity, Record
from gaios.storage.record import (
    ALIGNMENT,
    HEADER_BYTES,
    OPEN,
    Encoder,
    Header,
    Location,
    candidates,
    decode,
    describe,
    payload_is_intact,
    read,
    seed,
    size,
)
from tests.storage.memory import ME, File, Memory

SEED = seed(ME)
uint64 = st.integers(0, 2**64 - 1)


def encoded(kind: int, slot: int, ballot: int, payload: bytes, *, segment: int = 1, offset: int = 0) -> bytes:
    parts: list[bytes] = []
    Encoder(seed=SEED, segment=segment, offset=offset, sequence=6, previous=5).add(parts, kind, slot, ballot, payload, 3, 2)
    return b"".join(parts)


@given(kind=st.integers(0, 255), slot=uint64, ballot=uint64, payload=st.binary(max_size=200), before=st.binary(max_size=20))
def test_a_record_is_read_as_it_was_written(kind: int, slot: int, ballot: int, payload: bytes, before: bytes) -> None:
    """Header and payload, at any place in a buffer."""
    data = before + encoded(kind, slot, ballot, payload, offset=len(before))
    header = decode(data, len(before), SEED)
    assert header is not None
    assert header[2:12] == (kind, len(payload), slot, ballot, 3, 7, 1, len(before), 2, header.payload_crc)
    assert header.previous == 5
    assert payload_is_intact(data, len(before), header)


@given(length=st.integers(0, 1000))
def test_records_are_aligned(length: int) -> None:
    """So that a search for a header looks at few places, and a header is never split over more than two sectors."""
    assert size(length) % ALIGNMENT == 0
    assert size(length) == len(encoded(2, 1, 1, bytes(length)))


def test_an_encoder_keeps_the_chain() -> None:
    """Each header covers the one before, and numbers grow by one.  [SAFETY 15]"""
    parts: list[bytes] = []
    encoder = Encoder(seed=SEED, segment=1, offset=0, sequence=0, previous=77)
    for number in range(5):
        encoder.add(parts, 2, number, 1, bytes(number), 1, OPEN)
    headers = candidates(b"".join(parts), 0, SEED, 1)
    assert [header.sequence for header in headers] == [1, 2, 3, 4, 5]
    assert [header.previous for header in headers] == [77, *(header.crc for header in headers[:-1])]
    assert encoder.offset == len(b"".join(parts))


def test_a_rotten_payload_leaves_the_identity_readable() -> None:
    """Repair must know which slot and which ballot it has to find elsewhere.  [SAFETY 15]"""
    data = bytearray(encoded(2, 11, 22, b"payload"))
    data[-3] ^= 1
    header = decode(bytes(data), 0, SEED)
    assert header is not None
    assert (header.slot, header.ballot, header.length) == (11, 22, 7)
    assert not payload_is_intact(bytes(data), 0, header)
    assert describe(header) == "record 7 (kind 2, slot 11, ballot 22, batch 3)"


def test_another_members_record_is_not_intact() -> None:
    """The header's checksum starts from cell and member.  [SAFETY 4]"""
    data = encoded(2, 1, 1, b"")
    for other in (Identity(ME.cell, 4, 1), Identity(bytes(16), 3, 1)):
        assert decode(data, 0, seed(other)) is None
    assert decode(data, 0, seed(ME._replace(boot=9))) is not None


def test_a_header_in_the_wrong_place_is_no_candidate() -> None:
    """Neither at another offset, nor in another segment, nor misaligned."""
    data = encoded(2, 1, 1, b"")
    assert candidates(data, 0, SEED, 1)
    assert not candidates(data, 0, SEED, 2)
    assert not candidates(bytes(8) + data, 0, SEED, 1)
    assert not candidates(bytes(3) + encoded(2, 1, 1, b"", offset=3), 0, SEED, 1)
    assert candidates(data, 0, SEED, 1, base=0)
    assert not candidates(data, 0, SEED, 1, base=8)


def test_a_short_buffer_has_no_header() -> None:
    """Total: any bytes, any place."""
    data = encoded(2, 1, 1, b"")
    for length in range(HEADER_BYTES):
        assert decode(data[:length], 0, SEED) is None
    assert decode(data, 1000, SEED) is None


def test_reading_checks_that_it_is_the_very_record() -> None:
    """A location may be old; what it names must stand there, whole."""
    memory = Memory({"wal/00000001.wal": File().rewritten(encoded(2, 1, 1, b"payload"))})
    where = Location("wal/00000001.wal", 1, 0, 7)
    assert read(memory, SEED, where) == Record(2, 1, 1, b"payload")
    for wrong in (where._replace(length=8), where._replace(length=100), where._replace(segment=2), where._replace(offset=8)):
        with pytest.raises(StateDamaged):
            read(memory, SEED, wrong)


def test_a_header_is_sixty_four_bytes() -> None:
    """The layout is stable: its documentation says so, and logs outlive versions."""
    assert HEADER_BYTES == 64
    assert Header._fields[0] == "magic"
    assert encoded(2, 0x0102030405060708, 9, b"")[:16] == b"gr\x01\x02\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01"
