"""What stands on the disk and is not read in daily work, read again piece by piece: does it rot?  [SAFETY 15; PML §5.1]

    for piece in scrub_segment(…) or scrub_snapshot(…) or scrub_copies(…):     one piece is read at each step
        piece.size, piece.damage

Rule 1. One step reads about `piece_bytes`, so that whoever steps can pause between two of them: how fast this goes is for him to say. A
record that is longer is read in one step, as is a snapshot's frame.
Rule 2. Segments are those that nothing is written into any more. The next one's opening says where such a segment ends, so not a bit that
matters can flip, and no record take another's place, without being noticed.
Rule 3. A file that is not there any more was given up meanwhile: that is the end of it, and no damage.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from gaios.errors import DiskFailed, StateDamaged, StateMissing
from gaios.storage import copies, record, segment
from gaios.storage.patient import Patient
from gaios.storage.segment import OPENING_BYTES
from gaios.storage.snapshot import File
from gaios.storage.snapshot import name as snapshot_name
from gaios.storage.words import Identity, Place, Problem, Reader

PIECE_BYTES: Final = 1 << 18


class Piece(NamedTuple):
    """What one step found."""

    size: int
    """Bytes that were read."""
    damage: Place | Problem | None = None
    """Damaged bytes of the log; or what is wrong with another file."""


def scrub_segment(reader: Reader, identity: Identity, number: int, piece_bytes: int = PIECE_BYTES) -> Iterator[Piece]:
    """Read a segment that another one follows."""
    file, walk, reader = segment.name(number), None, Patient(reader)
    try:
        size = reader.size(file)
        opening = segment.decode(reader.read(file, 0, OPENING_BYTES))
        behind = segment.decode(reader.read(segment.name(number + 1), 0, OPENING_BYTES))
        walk = _Walk(reader, identity, number, size, piece_bytes)
        if opening is None or opening.segment != number:
            yield Piece(OPENING_BYTES, Place(number, 0, OPENING_BYTES))
        else:
            walk.sequence, walk.chain = opening.sequence, opening.crc
        last = behind.sequence if behind is not None else None
        while walk.at < size and walk.sequence != last:
            piece = walk.step(last)
            if piece is None:
                break
            yield piece
    except StateMissing:
        return
    except DiskFailed:
        if _is_there(reader, file):  # it can be opened, and not be read
            yield Piece(0, Place(number, walk.at if walk is not None else 0, segment.SEGMENT_BYTES_MAX))


def _is_there(reader: Reader, file: str) -> bool:
    with suppress(DiskFailed, StateMissing):
        return file in reader.names()
    return False


class _Walk:
    """Where the next record should stand."""

    def __init__(self, reader: Reader, identity: Identity, number: int, size: int, piece_bytes: int) -> None:
        self.at = OPENING_BYTES
        self.sequence = 0
        self.chain: int | None = None
        """The last header's crc; None: it is not known behind damage."""
        self._reader, self._number, self._size, self._seed = reader, number, size, record.seed(identity)
        self._piece_bytes = max(piece_bytes, record.HEADER_BYTES)

    def step(self, last: int | None) -> Piece | None:
        """Read some records, through the one of that number if it is known; None: nothing stands here any more."""
        start, file = self.at, segment.name(self._number)
        data = self._reader.read(file, start, self._piece_bytes)
        while (header := record.decode(data, self.at - start, self._seed)) is not None and self._follows(header):
            size = record.size(header.length)
            if self.at - start + size > len(data) and self.at > start:
                return Piece(self.at - start)
            if size > len(data):
                data = self._reader.read(file, start, size)
            if not record.payload_is_intact(data, self.at - start, header):
                return self._pass(header, self.at - start)
            self._go(header)
            if self.sequence == last:
                return Piece(self.at - start)
        if self.at > start and self._is_all(len(data), self.at - start):
            return Piece(self.at - start)
        return self._skip(start, must_go_on=last is not None)

    def _is_all(self, read: int, used: int) -> bool:
        """Whether a piece was read to its end: what stands behind begins the next one."""
        return read >= self._piece_bytes and read - used < record.HEADER_BYTES

    def _follows(self, header: record.Header) -> bool:
        stands = (header.version, header.segment, header.offset) == (record.VERSION, self._number, self.at)
        return stands and (self.chain is None or (header.sequence, header.previous) == (self.sequence + 1, self.chain))

    def _go(self, header: record.Header) -> None:
        self.at += record.size(header.length)
        self.sequence, self.chain = header.sequence, header.crc

    def _pass(self, header: record.Header, read: int) -> Piece:
        """Its payload cannot be read."""
        start = self.at
        self._go(header)
        return Piece(read + record.size(header.length), Place(self._number, start, self.at))

    def _skip(self, start: int, *, must_go_on: bool) -> Piece | None:
        """Go on behind what cannot be read."""
        rest = self._reader.read(segment.name(self._number), self.at, self._size - self.at)
        end = self.at + len(rest.rstrip(b"\0"))
        if not must_go_on and end == self.at:
            return Piece(self.at - start) if self.at > start else None
        headers = record.candidates(rest, 0, self._seed, self._number, self.at)
        header = next((header for header in headers if header.sequence > self.sequence), None)
        # Through the segment's end, as a start has it: what was lost may be zeros now, and its slots stand behind them in the index.
        place = Place(self._number, self.at, header.offset if header is not None else segment.SEGMENT_BYTES_MAX)
        self.at = header.offset if header is not None else self._size
        self.sequence = header.sequence - 1 if header is not None else self.sequence
        self.chain = None
        return Piece(len(rest), place)


def scrub_snapshot(reader: Reader, cell: bytes, slot: int) -> Iterator[Piece]:
    """Read a snapshot."""
    file = snapshot_name(slot)
    try:
        for size in File(reader, slot, cell).frames():
            yield Piece(size)
    except StateDamaged as error:
        yield Piece(0, Problem(error.file, error.offset, error.kind, error.detail))
    except StateMissing:
        return
    except DiskFailed as error:
        if _is_there(reader, file):
            yield Piece(0, Problem(file, 0, "unreadable", str(error)))


def scrub_copies(reader: Reader) -> Iterator[Piece]:
    """Read the promise copies. One that is being written may look damaged: what a second look does not find is none.

    Both are written anew for either, so that the second is not told to be gone beside the first: it is being made already.
    """
    try:
        looks = zip(*(copies.load(reader, reader.names()) for _ in range(2)), strict=True)
        first, second = (again if isinstance(each, Problem) and isinstance(again, Problem) else None for each, again in looks)
        yield Piece(copies.COPY_BYTES, first)
        yield Piece(copies.COPY_BYTES, None if first is not None and second is not None and second.kind == "missing" else second)
    except (StateMissing, DiskFailed):
        return
