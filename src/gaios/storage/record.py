"""The records of the write-ahead log, as bytes.  [PML §4.2; SAFETY 7, 15]

    record  = header (64 bytes, little-endian) · payload, `length` bytes · zeros up to a multiple of 8
    header  = "gr" · version u8 · kind u8 · length u32 · slot u64 · ballot u64 · batch u64 · sequence u64 ·
              segment u32 · offset u32 · left u32 · crc of payload u32 · crc of the previous header u32 · crc of this header u32

Rule 1. Header and payload are checksummed apart, so that a record's identity (kind, slot, ballot, length) survives a rotten payload.
Rule 2. A header says where it stands (segment, offset) and whose it is (its crc is seeded with cell and member), so a well-formed
record in the wrong place, or of another replica, is not intact there.
Rule 3. A header covers the one before it (`previous`), and `sequence` grows by one from record to record: nothing can be missing.
Rule 4. `batch` numbers the syncs. A batch is written after the sync of the one before has returned, so an intact record of batch b
proves that all of batch b-1 was durable. `left` says how many records of the batch follow; `OPEN` says that it is not known yet.

Checksums are CRC-32C (Castagnoli), which finds every single burst of up to 32 bits; they are no defence against an adversary.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple, cast

import google_crc32c

from gaios.errors import StateDamaged
from gaios.storage.words import Identity, Place, Reader, Record

VERSION = 1
MARK = 0
"""A record of this room's own: `slot` is the batch that was synced, the payload is empty."""
STATE = 1
"""The caller's full state; the first record of every segment."""
REPAIR = 7
"""Names bytes of this log that are damaged and not needed any more: what they held was appended anew, or matters no more."""
OPEN = 0xFFFFFFFF
ALIGNMENT = 8
PAYLOAD_BYTES_MAX = 256 << 20
"""No header may make a reader allocate more. A batch of values is a few MiB; a state record grows with what is not yet truncated."""
MAGIC = b"gr"
_START = MAGIC + bytes([VERSION])
_HEADER = struct.Struct("<2sBBIQQQQIIIIII")
_UNSEALED = struct.Struct("<2sBBIQQQQIIIII")
_U32 = struct.Struct("<I")
_PLACE = struct.Struct("<III")
_MAGIC_FIRST, _MAGIC_SECOND = MAGIC
_crc, _value = google_crc32c.extend, google_crc32c.value
HEADER_BYTES = _HEADER.size
_SEALED_BYTES = _UNSEALED.size
_PADDING = [bytes(-length % ALIGNMENT) for length in range(ALIGNMENT)]


class Header(NamedTuple):
    """A header whose own checksum is right."""

    magic: bytes
    version: int
    kind: int
    length: int
    slot: int
    ballot: int
    batch: int
    sequence: int
    segment: int
    offset: int
    left: int
    payload_crc: int
    previous: int
    crc: int


_new_header = cast("Callable[[type[Header], tuple[object, ...]], Header]", tuple.__new__)


class Location(NamedTuple):
    """Where a record stands."""

    file: str
    segment: int
    offset: int
    """Of its header."""
    length: int
    """Of its payload, in bytes."""

    @property
    def place(self) -> Place:
        """The bytes that it takes up."""
        return Place(self.segment, self.offset, self.offset + size(self.length))


def seed(identity: Identity) -> int:
    """What the headers' checksums of this cell's member start from."""
    crc: int = google_crc32c.value(identity.cell + _U32.pack(identity.member))
    return crc


def size(length: int) -> int:
    """Bytes that a record with a payload of `length` bytes takes up in a segment."""
    return HEADER_BYTES + length + -length % ALIGNMENT


def total(records: Iterable[tuple[int, int, int, bytes]]) -> int:
    """Bytes that these (kind, slot, ballot, payload) take up one behind the other."""
    return sum([HEADER_BYTES + len(payload) + -len(payload) % ALIGNMENT for _, _, _, payload in records])


class Encoder:
    """Puts records one behind the other into one segment.

    Invariants:
        1. `offset` is where the next record will stand; `sequence` and `previous` are the last one's number and crc.
    """

    __slots__ = ("offset", "previous", "seed", "segment", "sequence")

    def __init__(self, *, seed: int, segment: int, offset: int, sequence: int, previous: int) -> None:
        self.seed = seed
        self.segment = segment
        self.offset = offset
        self.sequence = sequence
        self.previous = previous

    def add(self, parts: list[bytes], kind: int, slot: int, ballot: int, payload: bytes, batch: int, left: int) -> None:
        """Append a record's bytes to `parts`. Called for every record of every batch: it is kept flat."""
        length = len(payload)
        sequence = self.sequence + 1
        header = _UNSEALED.pack(
            MAGIC,
            VERSION,
            kind,
            length,
            slot,
            ballot,
            batch,
            sequence,
            self.segment,
            self.offset,
            left,
            _value(payload),
            self.previous,
        )
        crc = _crc(self.seed, header)
        parts += (header, _U32.pack(crc), payload)
        if length % ALIGNMENT:
            parts.append(_PADDING[length % ALIGNMENT])
        self.previous = crc
        self.sequence = sequence
        self.offset += HEADER_BYTES + length + -length % ALIGNMENT


def decode(data: bytes, at: int, crc_seed: int) -> Header | None:
    """The header at `at`, None unless it is whole and its checksum is right. Total: any bytes, any `at` from 0 on."""
    if len(data) - at < HEADER_BYTES or data[at] != _MAGIC_FIRST or data[at + 1] != _MAGIC_SECOND:
        return None
    header = _new_header(Header, _HEADER.unpack_from(data, at))  # a start makes one for each record: `_make` takes twice as long
    return header if header[-1] == _crc(crc_seed, data[at : at + _SEALED_BYTES]) else None


def mended(data: bytes, at: int, crc_seed: int, segment: int, sequence: int) -> Header | None:
    """The header that stood at `at` before one of its bits flipped; None where no single bit explains what is there.

    Only a header that says where it stands and which number comes next is taken: besides its checksum, some twenty of its bytes are known
    beforehand. Whose value was meant is thereby certain; its bytes on the disk stay as they are.
    """
    header = bytearray(data[at : at + HEADER_BYTES])
    if len(header) < HEADER_BYTES:
        return None
    crc = int.from_bytes(header[_SEALED_BYTES:], "little")
    bit = _flips().get(crc ^ _crc(crc_seed, bytes(header[:_SEALED_BYTES])))
    if bit is None:
        return None
    header[bit >> 3] ^= 1 << (bit & 7)
    found = decode(bytes(header), 0, crc_seed)
    is_next = found is not None and (found.version, found.segment, found.offset, found.sequence) == (VERSION, segment, at, sequence)
    return found if is_next else None


@cache
def _flips() -> dict[int, int]:
    """For what one flipped bit of a header makes of the checksum: which bit it was. Checksums are linear, so nothing else matters."""
    whole = _value(bytes(_SEALED_BYTES))
    found = {1 << bit: 8 * _SEALED_BYTES + bit for bit in range(32)}
    for bit in range(8 * _SEALED_BYTES):
        flipped = bytearray(_SEALED_BYTES)
        flipped[bit >> 3] = 1 << (bit & 7)
        found[whole ^ _value(bytes(flipped))] = bit
    return found


def payload_is_intact(data: bytes, at: int, header: Header) -> bool:
    """Is the payload of the record whose header stands at `at` in `data` the one that the header names?"""
    start = at + HEADER_BYTES
    payload = data[start : start + header.length]
    return len(payload) == header.length and _value(payload) == header.payload_crc


def candidates(data: bytes, at: int, crc_seed: int, segment: int, base: int = 0) -> list[Header]:
    """Intact headers of this format from `at` on that stand where they say; `data` begins at `base` in the segment.

    What lies inside the payload of a record that has an intact header is that record's business, and is skipped.
    """
    return list(following(data, at, crc_seed, segment, base))


def following(data: bytes, at: int, crc_seed: int, segment: int, base: int = 0) -> Iterator[Header]:
    """The same, one after the other: whoever needs the next one alone does not look through the rest of a segment."""
    at = data.find(_START, at)
    while at >= 0:
        header = decode(data, at, crc_seed) if (base + at) % ALIGNMENT == 0 else None
        if header is not None and header.segment == segment and header.offset == base + at:
            yield header
            at = data.find(_START, at + size(header.length))
        else:
            at = data.find(_START, at + 1)


def read(reader: Reader, crc_seed: int, where: Location) -> Record:
    """The record that stands there, checked.

    Raises:
        StateDamaged: it is not intact, or another record stands there.
    """
    data = reader.read(where.file, where.offset, HEADER_BYTES + where.length)
    header = decode(data, 0, crc_seed)
    if header is None or (header.version, header.segment, header.offset) != (VERSION, where.segment, where.offset):
        raise StateDamaged(file=where.file, offset=where.offset, kind="header", detail="no intact record of this replica stands there")
    if header.length != where.length or not payload_is_intact(data, 0, header):
        raise StateDamaged(file=where.file, offset=where.offset, kind="payload", detail=describe(header) + " has a rotten payload")
    return Record(header.kind, header.slot, header.ballot, data[HEADER_BYTES:])


def describe(header: Header) -> str:
    """A record's identity, for people."""
    return f"record {header.sequence} (kind {header.kind}, slot {header.slot}, ballot {header.ballot}, batch {header.batch})"


def decode_places(payload: bytes) -> list[Place]:
    """What a `REPAIR` record names: segment u32 · start u32 · end u32, for each place. Total: what is left over is ignored."""
    return [Place(*_PLACE.unpack_from(payload, at)) for at in range(0, len(payload) - _PLACE.size + 1, _PLACE.size)]
