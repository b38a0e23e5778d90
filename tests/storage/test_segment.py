"""Opening blocks and names of segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.storage.segment import OPENING_BYTES, decode, encode, name, number, numbers

uint64 = st.integers(0, 2**64 - 1)
uint32 = st.integers(0, 2**32 - 1)


@given(st.binary(min_size=16, max_size=16), uint32, uint64, uint64, uint32, uint32, uint64, uint64)
def test_an_opening_block_is_read_as_it_was_written(
    cell: bytes, member: int, boot: int, size: int, segment: int, chain: int, sequence: int, batch: int
) -> None:
    """It says whose the segment is and where the log goes on.  [SAFETY 15]"""
    data, crc = encode(cell=cell, member=member, boot=boot, size=size, segment=segment, chain=chain, sequence=sequence, batch=batch)
    opening = decode(data + b"more")
    assert opening is not None
    assert len(data) == OPENING_BYTES
    assert opening == (b"gaioswal", 1, 0, member, cell, boot, size, segment, chain, sequence, batch, 0, crc)


def test_a_spoilt_opening_block_is_none() -> None:
    """Any byte, any length."""
    data, _ = encode(cell=bytes(16), member=1, boot=1, size=1024, segment=1, chain=0, sequence=0, batch=1)
    for at in range(OPENING_BYTES):
        assert decode(data[:at]) is None
        assert decode(data[:at] + bytes([data[at] ^ 128]) + data[at + 1 :]) is None


@given(st.integers(1, 10**9))
def test_a_segments_name_tells_its_number(count: int) -> None:
    """Also beyond eight digits."""
    assert number(name(count)) == count
    assert numbers([name(count)]) == [count]


@pytest.mark.parametrize(
    "file",
    [
        "wal/next",
        "wal/new",
        "wal/1.wal",
        "00000001.wal",
        "wal/00000001.wal.bak",
        "wal/0000000a.wal",
        "wal/00000000.wal",
        "wal/²²²²²²²².wal",
    ],
)
def test_other_files_are_no_segments(file: str) -> None:
    """An editor's backup must not become part of a log."""
    assert numbers([file]) == []


def test_segments_are_in_the_order_of_their_numbers() -> None:
    """Not of their names."""
    assert numbers([name(100_000_000), name(2), name(99_999_999)]) == [2, 99_999_999, 100_000_000]
