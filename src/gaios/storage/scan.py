"""What the log of a directory holds, where it ends, and whether what stands behind its end is an unfinished write.  [SAFETY 7]

Rule 1. The log is read from its first segment on, and ends at the first place where no intact next record stands.
Rule 2. What stands from there on belongs to batch b = `Tail.next_batch`, or to later ones. Batch b+1 was written after batch b was
synced. So if an intact header of a batch above b is found anywhere behind, or a promise copy says that b was synced, something that
was durable is not there any more: *damage*, which is never cut. Otherwise it is an unfinished write, which nobody was told of: *tail*.
Rule 3. Some faults no unfinished write can leave behind: an intact record in another's place, a format of the future, a file of the
wrong size. They are damage wherever they stand.

One case remains that nobody can tell from this directory alone: the last batch was synced, no mark of it reached the disk, and then
it rotted. It is cut, and the replica's log ends before what its peers remember of its acknowledgements.  [SAFETY 3]
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import google_crc32c

from gaios.storage import record, segment
from gaios.storage.copies import NO_PIN, Pin, owner
from gaios.storage.record import HEADER_BYTES, MARK, STATE, Header
from gaios.storage.segment import OPENING_BYTES, Opening
from gaios.storage.words import Identity, Problem, Reader

Visit = Callable[[Header, bytes], None]
"""Told of an intact record: header, payload."""
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

    def advance(self, header: Header) -> None:
        """Go past a record."""
        if header.batch != self.batch:
            self.unproven = header.offset
        self.offset = header.offset + record.size(header.length)
        self.sequence, self.chain, self.batch = header.sequence, header.crc, header.batch
        self.open, self.mark = header.left != 0, header.kind == MARK


class Segment(NamedTuple):
    """A segment that holds a part of the log."""

    file: str
    opening: Opening
    end: int
    """Behind its last record."""


class Fault(NamedTuple):
    """Why the log does not go on."""

    problem: Problem
    certain: bool
    """Can no unfinished write leave this behind?"""
    resume: int
    """Where, in the same file, records might stand again."""


@dataclass(slots=True)
class Scan:
    """What `scan` found."""

    tail: Tail = field(default_factory=Tail)
    segments: list[Segment] = field(default_factory=list)
    """Those that hold records, in order."""
    dropped: list[str] = field(default_factory=list)
    """Files behind the end: prepared and never begun, or cut as a whole."""
    cut: Problem | None = None
    """The unfinished write, if there is one."""
    damage: Problem | None = None
    rest: int = 0
    """Behind the last byte of the last segment that is not zero, or behind its last record."""


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


def scan(reader: Reader, numbers: list[int], identity: Identity, known: Pin = NO_PIN, visit: Visit | None = None) -> Scan:
    """Read the segments with these consecutive numbers, whole.

    Args:
        reader: The directory.
        numbers: Of the segments that are there.
        identity: Whose log it should be.
        known: What the log holds for certain.
        visit: Called with each intact record's header and payload, in order.
    """
    found = Scan()
    crc_seed = record.seed(identity)
    tail = found.tail
    fault = None
    stopped = 0
    data = b""
    for stopped, number in enumerate(numbers):  # noqa: B007  the loop's variable says where it stopped
        file = segment.name(number)
        data = reader.read(file, 0, reader.size(file))
        fault = fault_of_opening(file, number, data, tail, identity)
        if fault is not None:
            break
        opening = segment.decode(data)
        assert opening is not None
        inside = replace(tail)
        inside.enter(opening)
        for header, payload in walk(data, inside, crc_seed):
            if visit is not None:
                visit(header, payload)
        fault = fault_of_record(file, data, inside, crc_seed)
        if inside.offset == OPENING_BYTES:
            # Without its state record a segment is as good as not begun.
            break
        found.tail = tail = inside
        found.segments.append(Segment(file, opening, tail.offset))
        if written(data) > tail.offset:
            break
    if fault is not None:
        _judge(found, fault, data, reader, numbers[stopped:], crc_seed, known)
    return found


def _judge(found: Scan, fault: Fault, data: bytes, reader: Reader, numbers: list[int], crc_seed: int, known: Pin) -> None:
    """Unfinished write, damage, or just the end?"""
    tail = found.tail
    here = bool(found.segments) and fault.problem.file == found.segments[-1].file
    behind = written(data)
    something = behind > (tail.offset if here else 0)
    evidence = max((header.batch for header in record.candidates(data, fault.resume, crc_seed, numbers[0])), default=0)
    for number in numbers[1:]:
        file = segment.name(number)
        later = reader.read(file, 0, reader.size(file))
        something = something or written(later) > 0
        opening = segment.decode(later)
        batches = [header.batch for header in record.candidates(later, 0, crc_seed, number)]
        evidence = max(evidence, *batches, opening.batch if opening is not None and opening.segment == number else 0)
    found.dropped = [segment.name(number) for number in (numbers[1:] if here else numbers)]
    found.rest = behind if here else tail.offset
    problem = fault.problem
    if evidence > tail.next_batch:
        reason = f"an intact record of batch {evidence} behind it proves that it was synced"
        found.damage = problem._replace(detail=f"{problem.detail}; {reason}")
    elif known.batch >= tail.next_batch:
        reason = f"the log ends with batch {tail.batch}, but the promise copies say that batch {known.batch} was synced"
        found.damage = problem._replace(kind=problem.kind if something else "lost", detail=f"{problem.detail}; {reason}")
    elif fault.certain:
        found.damage = problem
    elif something:
        found.cut = problem._replace(kind="tail", detail=f"unfinished write: {problem.detail}")


def written(data: bytes) -> int:
    """Behind the last byte that is not zero. A segment ends in zeros, mostly many: they are compared a block at a time."""
    end = len(data)
    while end >= _BLOCK_BYTES and data[end - _BLOCK_BYTES : end] == _BLOCK:
        end -= _BLOCK_BYTES
    return len(data[:end].rstrip(b"\0"))


def missing(numbers: list[int], known: Pin) -> str:
    """The first segment that should be there and is not, as a file's name; empty when none is missing."""
    last = max(known.first, known.last, numbers[-1] if numbers else 0)
    present = frozenset(numbers)
    return next((segment.name(number) for number in range(known.first, last + 1) if number not in present), "")
