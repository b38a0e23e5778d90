"""The end of what was read of a log, the records that follow it, and why none does.  [SAFETY 7, 15]

Rule 1. A record follows if it is intact, stands where it says, covers the header before it, and has the next number.
Rule 2. Some faults no unfinished write can leave behind: an intact record in another's place, a format of the future, a file of the
wrong size. They are `certain`: damage wherever they stand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import google_crc32c

from gaios.storage import record, segment
from gaios.storage.copies import owner
from gaios.storage.record import HEADER_BYTES, MARK, STATE, Header
from gaios.storage.segment import OPENING_BYTES, Opening
from gaios.storage.words import Identity, Problem

_BLOCK_BYTES = 4_096
_BLOCK = bytes(_BLOCK_BYTES)


@dataclass(slots=True)
class Tail:
    """Behind the last intact record."""

    segment: int = 0
    """The segment in which it stands; 0 before the first."""
    offset: int = 0
    """Where the next one would stand."""
    sequence: int = 0
    """The last record's number."""
    chain: int = 0
    """Its header's crc."""
    batch: int = 0
    """Its batch."""
    open: bool = False
    """May more records of that batch follow?"""
    mark: bool = False
    """Is it a mark?"""
    unproven: int = 0
    """Where, in `segment`, the last batch begins: nothing proves yet that this was synced."""

    @property
    def next_batch(self) -> int:
        """The batch that the next record belongs to."""
        return self.batch if self.open else self.batch + 1

    def enter(self, opening: Opening) -> None:
        """Go into a segment."""
        self.segment, self.offset, self.sequence, self.chain = opening.segment, OPENING_BYTES, opening.sequence, opening.crc
        self.batch, self.open, self.mark, self.unproven = opening.batch, True, False, 0

    def jump(self, header: Header) -> None:
        """Go to where an intact record stands, as if all before it were there."""
        if (header.segment, header.batch) != (self.segment, self.batch):
            self.unproven = header.offset
        self.segment, self.offset, self.sequence, self.chain = header.segment, header.offset, header.sequence - 1, header.previous
        self.batch, self.open = header.batch, True

    def advance(self, header: Header) -> None:
        """Go past a record."""
        if header.batch != self.batch:
            self.unproven = header.offset
        self.offset = header.offset + record.size(header.length)
        self.sequence, self.chain, self.batch = header.sequence, header.crc, header.batch
        self.open, self.mark = header.left != 0, header.kind == MARK


class Fault(NamedTuple):
    """Why the log does not go on."""

    problem: Problem
    certain: bool
    """Can no unfinished write leave this behind?"""
    resume: int
    """Where, in the same file, records might stand again."""


def fault_of_opening(file: str, number: int, data: bytes, tail: Tail, identity: Identity | None) -> Fault | None:
    """Why the log does not go on into this segment; None if it does."""

    def fault(kind: str, detail: str, certain: bool = True) -> Fault:
        return Fault(Problem(file, 0, kind, detail), certain, OPENING_BYTES)

    opening = segment.decode(data)
    if len(data) < segment.SEGMENT_BYTES_MIN:
        return fault("size", f"the file has {len(data)} bytes; no segment is so short")
    if opening is None:
        return fault("opening", "no intact opening block stands at the start", certain=False)._replace(resume=0)
    if opening.version != segment.VERSION:
        return fault("version", f"format {opening.version} is not known; this version reads {segment.VERSION}")
    if identity is not None and (opening.cell, opening.member) != (identity.cell, identity.member):
        return fault("cell", owner(opening.cell, opening.member))
    if opening.segment != number:
        return fault("misdirected", f"it is segment {opening.segment}")
    if tail.segment and (opening.sequence, opening.chain, opening.batch) != (tail.sequence, tail.chain, tail.next_batch):
        detail = f"it follows record {opening.sequence} of batch {opening.batch - 1}, not record {tail.sequence} of {tail.next_batch - 1}"
        return fault("missing", detail)
    if len(data) != opening.size:
        return fault("size", f"the file has {len(data)} bytes, not {opening.size}")
    return None


def fault_of_record(file: str, data: bytes, tail: Tail, crc_seed: int) -> Fault:
    """Why the log does not go on at `tail.offset`."""
    at = tail.offset

    def fault(kind: str, detail: str, certain: bool = True, resume: int = at + record.ALIGNMENT) -> Fault:
        return Fault(Problem(file, at, kind, detail), certain, resume)

    header = record.decode(data, at, crc_seed)
    if header is None:
        return fault("header", f"no intact header stands where record {tail.sequence + 1} should", certain=False)
    if header.version != record.VERSION:
        return fault("version", f"format {header.version} is not known; this version reads {record.VERSION}")
    found = record.describe(header)
    if (header.segment, header.offset) != (tail.segment, at):
        return fault("misdirected", f"{found} of {segment.name(header.segment)}, byte {header.offset}, stands here")
    behind = at + record.size(header.length)
    if (header.sequence, header.previous) != (tail.sequence + 1, tail.chain):
        return fault("chain", f"{found} does not follow record {tail.sequence}", certain=False, resume=behind)
    if not record.payload_is_intact(data, at, header):
        return fault("payload", f"{found} has a rotten payload", certain=False, resume=behind)
    return fault("order", f"{found} may not stand here", resume=behind)


def walk(data: bytes, tail: Tail, crc_seed: int) -> Iterator[tuple[Header, bytes]]:
    """The intact records that follow `tail` in its segment, in order, each with its payload.

    `tail` is behind the last one that was given out. A start goes through its whole log here: this is kept flat.
    """
    number, decode, crc, version_now = tail.segment, record.decode, google_crc32c.value, record.VERSION
    while True:
        at = tail.offset
        header = decode(data, at, crc_seed)
        if header is None:
            return
        _, version, kind, length, _, _, batch, sequence, in_segment, offset, _, payload_crc, previous, _ = header
        if previous != tail.chain or sequence != tail.sequence + 1 or offset != at:
            return
        start = at + HEADER_BYTES
        payload = data[start : start + length]
        if in_segment != number or version != version_now or len(payload) != length or crc(payload) != payload_crc:
            return
        if batch != tail.next_batch and not (kind == MARK and batch == tail.batch):
            return
        if at == OPENING_BYTES and kind != STATE:
            return
        tail.advance(header)
        yield header, payload


def written(data: bytes) -> int:
    """Behind the last byte that is not zero. A segment ends in zeros, mostly many: they are compared a block at a time."""
    end = len(data)
    while end >= _BLOCK_BYTES and data[end - _BLOCK_BYTES : end] == _BLOCK:
        end -= _BLOCK_BYTES
    return len(data[:end].rstrip(b"\0"))
