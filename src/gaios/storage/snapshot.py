"""One snapshot as a file: chunks that somebody else made, compressed, each under a checksum of its own.  [PML §5.5; SAFETY 26]

    snap/0000000000001234.snap = opening (48 bytes, little-endian) · frame … · closing frame · trailer (24 bytes)
    opening = "gaiossnp" · version u16 · codec u16 (1: zstd) · 0 u32 · cell 16 bytes · slot u64 · 0 u32 · crc of this block u32
    frame   = kind u8 (1 chunk, 2 closing) · 0 u8 · 0 u16 · number u32 · plain length u32 · stored length u32 · crc of what is stored u32 ·
              crc of this header u32 · what is stored
    trailer = "gaiosend" · where the closing frame stands u64 · 0 u32 · crc of this block u32

Rule 1. A snapshot is written under the name `snap/new`, synced, and given its own name only then: a file that has one is whole, and what is
wrong with it is damage. What `snap/new` holds after a crash is nothing.
Rule 2. Every byte is covered by a checksum. Chunks are numbered from 0: none can take another's place. That they are the right ones is for
the closing frame to say, which is its maker's (log/); what is compressed here has no part in that, so another codec may follow this one.
Rule 3. Reading raises `StateDamaged`, and nothing else, whatever the bytes are; nothing longer than `CHUNK_BYTES_MAX` is made of them.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import google_crc32c
import zstandard

from gaios.errors import InvariantViolated, StateDamaged
from gaios.storage.words import Create, Operation, Problem, Reader, Rename, Sync, SyncDirectory, Write

VERSION: Final = 1
ZSTD: Final = 1
DIRECTORY: Final = "snap"
NEW: Final = "snap/new"
"""A snapshot on its way to a name."""
CHUNK_BYTES_MAX: Final = 1 << 20
CLOSING_BYTES_MAX: Final = 1 << 24
"""A digest of 32 bytes for each chunk of 256 KiB: more than the largest machine of ours comes to."""
SYNC_BYTES: Final = 4 << 20
"""Stored bytes after which they are synced: one sync of all of them at the end would hold up those of the log."""
_LEVEL: Final = 1
"""The quickest: half a millisecond for 256 KiB."""
_MAGIC = b"gaiossnp"
_END = b"gaiosend"
_OPENING = struct.Struct("<8sHHI16sQII")
_FRAME = struct.Struct("<BBHIIIII")
_TRAILER = struct.Struct("<8sQII")
OPENING_BYTES: Final = _OPENING.size
FRAME_BYTES: Final = _FRAME.size
TRAILER_BYTES: Final = _TRAILER.size
_CHUNK, _CLOSING = 1, 2
_DIGITS = 16


def name(slot: int) -> str:
    """The file of the snapshot that was taken behind a slot."""
    return f"{DIRECTORY}/{slot:0{_DIGITS}d}.snap"


def slots(files: Iterable[str]) -> list[int]:
    """The slots of all snapshots among these files, in order."""
    found = []
    for file in files:
        directory, _, base = file.rpartition("/")
        digits, _, suffix = base.partition(".")
        if directory == DIRECTORY and suffix == "snap" and digits.isdecimal() and digits.isascii() and name(int(digits)) == file:
            found.append(int(digits))
    return sorted(found)


def _sealed(layout: struct.Struct, *fields: object) -> bytes:
    """A block that ends in the checksum of what stands before that."""
    body = layout.pack(*fields, 0)[:-4]
    crc: int = google_crc32c.value(body)
    return body + crc.to_bytes(4, "little")


def _is_sealed(block: bytes) -> bool:
    return bool(google_crc32c.value(block[:-4]) == int.from_bytes(block[-4:], "little"))


class Writer:
    """A snapshot's file on its way: what has to be done to the disk for it, in order, one list after the other."""

    def __init__(self, cell: bytes, slot: int) -> None:
        """Of a cell (its id, 16 bytes), behind a slot."""
        self.slot = slot
        self.stored = 0
        """Bytes of the file so far."""
        self._cell = cell
        self._number = 0
        self._synced = 0
        self._codec = zstandard.ZstdCompressor(level=_LEVEL)

    def begin(self) -> list[Operation]:
        """Make the file."""
        opening = _sealed(_OPENING, _MAGIC, VERSION, ZSTD, 0, self._cell, self.slot, 0)
        self.stored = len(opening)
        return [Create(NEW, 0), SyncDirectory(DIRECTORY), SyncDirectory(""), Write(NEW, 0, opening)]

    def chunk(self, data: bytes) -> list[Operation]:
        """The next chunk.

        Raises:
            InvariantViolated: it is longer than a chunk may be.
        """
        if not 0 < len(data) <= CHUNK_BYTES_MAX:
            raise InvariantViolated(invariant="a snapshot's chunks are bounded", detail=f"one of {len(data)} bytes")
        return self._frame(_CHUNK, data)

    def end(self, closing: bytes) -> list[Operation]:
        """All chunks were given: whose they are is told by `closing`. When these were carried out the snapshot is durable.

        Raises:
            InvariantViolated: it is longer than it may be.
        """
        if len(closing) > CLOSING_BYTES_MAX:
            raise InvariantViolated(invariant="a snapshot's closing is bounded", detail=f"it has {len(closing)} bytes")
        at = self.stored
        operations = self._frame(_CLOSING, closing)
        operations.append(Write(NEW, self.stored, _sealed(_TRAILER, _END, at, 0)))
        self.stored += TRAILER_BYTES
        return [*operations, Sync(NEW), Rename(NEW, name(self.slot)), SyncDirectory(DIRECTORY)]

    def _frame(self, kind: int, data: bytes) -> list[Operation]:
        packed = self._codec.compress(data)
        header = _sealed(_FRAME, kind, 0, 0, self._number, len(data), len(packed), google_crc32c.value(packed))
        operations: list[Operation] = [Write(NEW, self.stored, header + packed)]
        self._number += 1
        self.stored += FRAME_BYTES + len(packed)
        if self.stored - self._synced > SYNC_BYTES:
            self._synced = self.stored
            operations.append(Sync(NEW))
        return operations


class Frame(NamedTuple):
    """A frame's header."""

    at: int
    kind: int
    number: int
    plain: int
    length: int
    crc: int

    @property
    def behind(self) -> int:
        """Where the next one stands."""
        return self.at + FRAME_BYTES + self.length


class File:
    """A snapshot's file, to be read."""

    def __init__(self, reader: Reader, slot: int, cell: bytes | None = None) -> None:
        """Look at its opening; `cell`: whose it has to be, None for anybody's.

        Raises:
            StateDamaged: it does not begin like that snapshot's file.
        """
        self.file, self.slot, self._reader = name(slot), slot, reader
        self._places: list[Frame] = []
        block = reader.read(self.file, 0, OPENING_BYTES)
        if len(block) < OPENING_BYTES or block[:8] != _MAGIC or not _is_sealed(block):
            raise self._damaged(0, "opening", "no intact opening block stands at the start")
        _, version, codec, _, self.cell, found, _, _ = _OPENING.unpack(block)
        if (version, codec) != (VERSION, ZSTD):
            raise self._damaged(8, "version", f"format {version} with codec {codec} is not known; this version reads {VERSION} with {ZSTD}")
        if found != slot:
            raise self._damaged(0, "misdirected", f"it is the snapshot behind slot {found}")
        if cell is not None and cell != self.cell:
            raise self._damaged(0, "cell", f"it is a snapshot of cell {self.cell.hex()}, not of {cell.hex()}")

    def chunks(self) -> Iterator[bytes]:
        """All of them, in order, each checked.

        Raises:
            StateDamaged: one is not what was written.
        """
        for frame in self._frames():
            if frame.kind == _CHUNK:
                yield self._payload(frame)

    def chunk(self, number: int) -> bytes:
        """One of them; where each stands is found once.

        Raises:
            StateDamaged: it is not what was written, or there is none of that number.
        """
        if not self._places:
            self._places = [frame for frame in self._frames() if frame.kind == _CHUNK]
        if not 0 <= number < len(self._places):
            raise self._damaged(0, "frame", f"it has {len(self._places)} chunks, and none of number {number}")
        return self._payload(self._places[number])

    def closing(self) -> bytes:
        """What the maker said of the chunks.

        Raises:
            StateDamaged: it is not what was written.
        """
        return self._payload(self._header(self._closes_at(), _CLOSING, -1))

    def problems(self) -> Iterator[Problem]:
        """All that is wrong behind the opening."""
        try:
            for frame in self._frames():
                try:
                    self._payload(frame)
                except StateDamaged as error:
                    yield Problem(error.file, error.offset, error.kind, error.detail)
        except StateDamaged as error:
            yield Problem(error.file, error.offset, error.kind, error.detail)

    def frames(self) -> Iterator[int]:
        """Check one frame at each step; how long it is, in bytes.

        Raises:
            StateDamaged: one is not what was written.
        """
        for frame in self._frames():
            self._payload(frame)
            yield FRAME_BYTES + frame.length

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _frames(self) -> Iterator[Frame]:
        """The headers, in order, the closing frame's last; what stands behind that is checked too."""
        at, closes_at, number = OPENING_BYTES, self._closes_at(), 0
        while at < closes_at:
            frame = self._header(at, _CHUNK, number)
            yield frame
            at, number = frame.behind, number + 1
        if at > closes_at:
            raise self._damaged(closes_at, "frame", "a chunk reaches beyond the place where chunks end")
        frame = self._header(at, _CLOSING, number)
        if frame.behind + TRAILER_BYTES != self._reader.size(self.file):
            raise self._damaged(frame.behind, "size", "something stands between the closing frame and the end")
        yield frame

    def _closes_at(self) -> int:
        at = self._reader.size(self.file) - TRAILER_BYTES
        block = self._reader.read(self.file, max(0, at), TRAILER_BYTES)
        if at < OPENING_BYTES or block[:8] != _END or not _is_sealed(block):
            raise self._damaged(max(0, at), "trailer", "no intact trailer stands at the end")
        closes_at: int = _TRAILER.unpack(block)[1]
        if not OPENING_BYTES <= closes_at < at:
            raise self._damaged(at, "trailer", f"the closing frame cannot stand at {closes_at}")
        return closes_at

    def _header(self, at: int, kind: int, number: int) -> Frame:
        """A frame's header; `number` -1 for any."""
        block = self._reader.read(self.file, at, FRAME_BYTES)
        if len(block) < FRAME_BYTES or not _is_sealed(block):
            raise self._damaged(at, "header", "no intact frame begins here")
        found, _, _, place, plain, length, crc, _ = _FRAME.unpack(block)
        if found != kind or (number >= 0 and place != number):
            raise self._damaged(at, "misdirected", f"frame {place} of kind {found} stands here, not {number} of kind {kind}")
        if not 0 <= plain <= (CHUNK_BYTES_MAX if kind == _CHUNK else CLOSING_BYTES_MAX):
            raise self._damaged(at, "length", f"a frame of {plain} bytes is longer than any")
        return Frame(at, found, place, plain, length, crc)

    def _payload(self, frame: Frame) -> bytes:
        start = frame.at + FRAME_BYTES
        packed = self._reader.read(self.file, start, frame.length)
        if len(packed) != frame.length or google_crc32c.value(packed) != frame.crc:
            raise self._damaged(start, "payload", f"the {frame.length} bytes of frame {frame.number} are not the ones that were written")
        try:
            claimed = zstandard.frame_content_size(packed)
            data = zstandard.ZstdDecompressor().decompress(packed) if claimed == frame.plain else b""
        except zstandard.ZstdError as error:
            raise self._damaged(start, "payload", f"frame {frame.number} cannot be unpacked: {error}") from None
        if len(data) != frame.plain:
            raise self._damaged(start, "payload", f"frame {frame.number} unpacks to {claimed} bytes, not {frame.plain}")
        return data

    def _damaged(self, offset: int, kind: str, detail: str) -> StateDamaged:
        return StateDamaged(file=self.file, offset=offset, kind=kind, detail=detail)


def check(reader: Reader, cell: bytes | None = None) -> list[Problem]:
    """What is wrong with the snapshots of a directory; `cell`: whose they have to be, if that is known."""
    problems: list[Problem] = []
    for slot in slots(reader.names()):
        try:
            problems += File(reader, slot, cell).problems()
        except StateDamaged as error:
            problems.append(Problem(error.file, error.offset, error.kind, error.detail))
    return problems
