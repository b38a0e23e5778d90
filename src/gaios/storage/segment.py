"""One file of the write-ahead log: an opening block, records, and zeros that wait for more.  [SAFETY 15]

    segment = opening block (80 bytes, little-endian) · a `STATE` record · records · zeros up to `size`
    opening = "gaioswal" · version u16 · 0 u16 · member u32 · cell 16 bytes · boot u64 · size u64 · segment u32 ·
              chain u32 · sequence u64 · batch u64 · 0 u32 · crc of this block u32

Rule 1. A segment is preallocated, zero-filled and synced under another name before it gets its number. So a sync of what is written
into it changes no metadata, and a numbered file that is too short was never an unfinished one.
Rule 2. `chain` and `sequence` are the crc and the number of the last record before it; the first record's `previous` is the crc of
the opening block, so that the chain goes on across files.
Rule 3. `batch` is the batch that it opens with. Nothing is written into a segment before all that stands in the ones before it was
synced, so an intact opening block proves that.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import google_crc32c

VERSION = 1
SEGMENT_BYTES = 8 << 20
"""About a second of a busy cell's log: rare enough to rotate, small enough to zero in some 10 ms and to read whole."""
SEGMENT_BYTES_MIN = 1 << 10
SEGMENT_BYTES_MAX = (1 << 32) - 8
"""Offsets are 32 bits."""
DIRECTORY = "wal"
SPARE = "wal/next"
"""A segment that was prepared ahead; it gets its number when it is needed."""
MADE = "wal/new"
"""A segment that is made when it is needed, because no spare one is at hand or long enough."""
_MAGIC = b"gaioswal"
_OPENING = struct.Struct("<8sHHI16sQQIIQQII")
_SEALED_BYTES = _OPENING.size - 4
OPENING_BYTES = _OPENING.size
_NUMBER_DIGITS = 8


class Opening(NamedTuple):
    """An opening block whose checksum is right."""

    magic: bytes
    version: int
    zero: int
    member: int
    cell: bytes
    boot: int
    size: int
    segment: int
    chain: int
    sequence: int
    batch: int
    zero2: int
    crc: int


def encode(*, cell: bytes, member: int, boot: int, size: int, segment: int, chain: int, sequence: int, batch: int) -> tuple[bytes, int]:
    """An opening block, and its crc."""
    sealed = _OPENING.pack(_MAGIC, VERSION, 0, member, cell, boot, size, segment, chain, sequence, batch, 0, 0)[:_SEALED_BYTES]
    crc: int = google_crc32c.value(sealed)
    return sealed + crc.to_bytes(4, "little"), crc


def decode(data: bytes) -> Opening | None:
    """The opening block at the start of `data`, None unless it is whole and its checksum is right. Total."""
    if len(data) < OPENING_BYTES or data[:8] != _MAGIC:
        return None
    opening = Opening._make(_OPENING.unpack_from(data))
    return opening if opening.crc == google_crc32c.value(data[:_SEALED_BYTES]) else None


def name(number: int) -> str:
    """A segment's file; numbers count from 1."""
    return f"{DIRECTORY}/{number:0{_NUMBER_DIGITS}d}.wal"


def number(file: str) -> int:
    """The number in a segment's name; 0 for any other file."""
    directory, _, base = file.rpartition("/")
    digits, _, suffix = base.partition(".")
    return int(digits) if directory == DIRECTORY and suffix == "wal" and digits.isdecimal() and digits.isascii() else 0


def numbers(files: Iterable[str]) -> list[int]:
    """The numbers of all segments among these files, in order."""
    return sorted(found for file in files if (found := number(file)) and name(found) == file)
