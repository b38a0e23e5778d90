"""A snapshot: the log's part and the machine's, as one stream of bytes that every replica makes alike.  [PML §5.5; SAFETY 16, 19, 26, 27]

    stream  = piece, piece, …        piece = length u64 (little-endian) · bytes
    pieces  = `Part` · the exactly-once table's, `Part.sessions` of them · the machine's, to the end
    chunks  = the stream, cut every `CHUNK_BYTES`; the last is shorter
    digest  = blake2b(32) of all chunks' blake2b(32)
    closing = msgpack [`Handle`, the chunks' digests, one behind the other]

    capture = applier.capture(…)        behind a slot that the log names; costs nothing
    capture.take() -> chunks            as often as there is time; some, or none yet
    capture.handle(cell), capture.closing(cell)                     once `capture.is_done`

    read_closing(bytes) -> Closing      the handle and what it is proved by; ProtocolError
    Closing.check(number, chunk)        ProtocolError: that is not the chunk
    unpack(closing, chunks) -> Unpacked                             the part, the table's pieces, the machine's

Rule 1. A snapshot's name is its digest, over canonical and uncompressed chunks: replicas that are equal at a slot have the same one there,
however each compresses it. The cell is no part of it, and stands in the handle.
Rule 2. Whoever has a handle that it trusts can take its digests, and each chunk, from anybody: nothing is used before it is proved.
Rule 3. Whatever the bytes are, reading raises `ProtocolError`, and keeps no more of them than a chunk and a piece.
"""

from collections.abc import Generator, Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from gaios.errors import NewerFormat, ProtocolError
from gaios.log.records import CHAIN_BYTES

VERSION: Final = 1
CHUNK_BYTES: Final = 1 << 18
"""256 KiB: hashed in half a millisecond, compressed in another, and a small part of a peer's frame."""
SLICE_BYTES: Final = 1 << 16
"""What is made in one go, so that nothing waits for longer than two milliseconds."""
DIGEST_BYTES: Final = 32
_PIECE_COST: Final = 64
"""What a piece costs beside its bytes, in bytes: small ones take their time too."""
_LENGTH_BYTES: Final = 8
_encode = msgspec.msgpack.Encoder().encode


class Part(msgspec.Struct, array_like=True, frozen=True):
    """The log's part of a snapshot: all that it knows behind the slot, but for the exactly-once table."""

    version: int
    slot: int
    chain: bytes
    """The hash of the log through that slot."""
    time_ms: int
    epoch: int
    """The ballot of the newest reign that the log knows there."""
    config: int
    """The number of the configuration that governs the slot."""
    members: bytes
    """That configuration, encoded: each member's number and its replica's."""
    feature: int
    """The cell's feature level."""
    sessions: int
    """Clients in the exactly-once table: so many pieces follow."""
    trail: int = 0
    """The hash of everything that was ever answered.  [SAFETY 25]"""
    checked: int = 0
    """The slot of the newest check."""


class Handle(msgspec.Struct, array_like=True, frozen=True):
    """What names a snapshot, and is recorded, offered and compared: whose it is, behind which slot, and its digest."""

    version: int
    cell: bytes
    slot: int
    config: int
    chain: bytes
    epoch: int
    time_ms: int
    size: int
    """Bytes of the stream."""
    digest: bytes

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.size // CHUNK_BYTES)


_handle = msgspec.msgpack.Decoder(Handle)
_part = msgspec.msgpack.Decoder(Part)
_closing = msgspec.msgpack.Decoder(tuple[Handle, bytes])


def digest(data: bytes) -> bytes:
    """Of a chunk, or of the digests of all."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def encode_handle(handle: Handle) -> bytes:
    """A handle's bytes."""
    return _encode(handle)


def read_handle(data: bytes) -> Handle:
    """A handle.

    Raises:
        ProtocolError: these bytes are none of this version.
    """
    try:
        return _checked(_handle.decode(data))
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"not a snapshot's handle: {error}") from None


def _checked(handle: Handle) -> Handle:
    if handle.version != VERSION:
        kind = NewerFormat if handle.version > VERSION else ProtocolError
        raise kind(reason=f"a snapshot of format {handle.version}; this version reads {VERSION}")
    numbers = (handle.slot, handle.config, handle.epoch, handle.time_ms, handle.size)
    if min(numbers) < 0 or not handle.slot or not handle.size:
        raise ProtocolError(reason="a snapshot's handle has a number out of range")
    if (len(handle.chain), len(handle.digest)) != (CHAIN_BYTES, DIGEST_BYTES):
        raise ProtocolError(reason="a snapshot's handle has a hash of the wrong length")
    return handle


class Closing(NamedTuple):
    """A handle, with the digests that prove each chunk."""

    handle: Handle
    digests: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return _encode((self.handle, self.digests))

    def check(self, number: int, chunk: bytes) -> None:
        """Is this the chunk of that number?

        Raises:
            ProtocolError: it is not.
        """
        expected = self.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
        if digest(chunk) != expected:
            raise ProtocolError(
                reason=f"chunk {number} of the snapshot behind slot {self.handle.slot} is not the one that its digest names"
            )


def read_closing(data: bytes) -> Closing:
    """A closing; its digests are those that the handle names.

    Raises:
        ProtocolError: it is none of this version, or contradicts itself.
    """
    try:
        handle, digests = _closing.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"not a snapshot's closing: {error}") from None
    _checked(handle)
    if len(digests) != handle.chunks * DIGEST_BYTES or digest(digests) != handle.digest:
        raise ProtocolError(reason=f"the digests of the snapshot behind slot {handle.slot} are not the ones that its handle names")
    return Closing(handle, digests)


class Capture:
    """A snapshot that is being made: of the moment of its call, whatever is applied meanwhile."""

    def __init__(self, part: Part, sessions: Iterator[bytes], machine: Iterator[bytes]) -> None:
        """`sessions` and `machine` are of this very moment."""
        self.part = part
        self._pieces = chain((_encode(part),), sessions, self._of(machine))
        self._rest = bytearray()
        self._digests = bytearray()
        self._size = 0
        self.is_done = False
        """Whether all chunks were taken."""
        self.is_right = True
        """Whether what the machine read in its memory is what it had summed up there, see `Machine.snapshot`."""

    def take(self, budget: int = SLICE_BYTES) -> list[bytes]:
        """Go on for about so many bytes; the chunks that became full, the last one when there is no more."""
        rest, spent = self._rest, 0
        while spent < budget:
            piece = next(self._pieces, None)
            if piece is None:
                self.is_done = True
                break
            spent += len(piece) + _PIECE_COST
            if piece:
                rest += len(piece).to_bytes(_LENGTH_BYTES, "little")
                rest += piece
            else:
                spent += budget // 2  # the machine looked for something, and found nothing yet
        chunks = []
        while len(rest) >= CHUNK_BYTES or (self.is_done and rest):
            chunks.append(bytes(rest[:CHUNK_BYTES]))
            del rest[:CHUNK_BYTES]
        for chunk in chunks:
            self._digests += digest(chunk)
            self._size += len(chunk)
        return chunks

    def _of(self, machine: Iterator[bytes]) -> Generator[bytes, None, None]:
        said: object = yield from machine  # type: ignore[func-returns-value]  # a generator says more
        self.is_right = said is not False

    def closing(self, cell: bytes) -> Closing:
        """What proves the chunks, once all were taken."""
        part, digests = self.part, bytes(self._digests)
        handle = Handle(VERSION, cell, part.slot, part.config, part.chain, part.epoch, part.time_ms, self._size, digest(digests))
        return Closing(handle, digests)


class Unpacked(NamedTuple):
    """What a snapshot holds."""

    part: Part
    sessions: list[bytes]
    """For `Sessions.restore`."""
    machine: Iterator[bytes]
    """For `Machine.restore`; it raises `ProtocolError` where a chunk is not the one that was named."""


def unpack(closing: Closing, chunks: Iterable[bytes]) -> Unpacked:
    """Take a snapshot apart.

    Raises:
        ProtocolError: the chunks are not the ones that the closing names, or no snapshot of this version.
    """
    handle = closing.handle
    pieces = _pieces(closing, chunks)
    try:
        part = _part.decode(next(pieces, b""))
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"not the log's part of a snapshot: {error}") from None
    told = (VERSION, handle.slot, handle.chain, handle.time_ms, handle.epoch, handle.config)
    if (part.version, part.slot, part.chain, part.time_ms, part.epoch, part.config) != told:
        raise ProtocolError(reason=f"the log's part of the snapshot behind slot {handle.slot} is not what its handle says")
    sessions = []
    for _ in range(part.sessions):
        piece = next(pieces, None)
        if piece is None:
            raise ProtocolError(reason=f"the snapshot behind slot {handle.slot} ends within the exactly-once table")
        sessions.append(piece)
    return Unpacked(part, sessions, pieces)


def _pieces(closing: Closing, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The stream's pieces, of chunks that are proved one by one."""
    handle, held, left, number = closing.handle, bytearray(), closing.handle.size, 0
    wanted = -1
    for number, chunk in enumerate(chunks, 1):
        if number > handle.chunks or len(chunk) != min(CHUNK_BYTES, left):
            raise ProtocolError(reason=f"chunk {number - 1} of the snapshot behind slot {handle.slot} has {len(chunk)} bytes")
        closing.check(number - 1, chunk)
        left -= len(chunk)
        held += chunk
        at = 0
        while True:
            if wanted < 0 and len(held) - at >= _LENGTH_BYTES:
                wanted = int.from_bytes(held[at : at + _LENGTH_BYTES], "little")
                at += _LENGTH_BYTES
                if not 0 < wanted <= len(held) - at + left:
                    raise ProtocolError(reason=f"a piece of {wanted} bytes is not within the snapshot behind slot {handle.slot}")
            if wanted < 0 or len(held) - at < wanted:
                break
            yield bytes(held[at : at + wanted])
            at, wanted = at + wanted, -1
        del held[:at]
    if number != handle.chunks or held or wanted >= 0:
        raise ProtocolError(reason=f"the snapshot behind slot {handle.slot} ends before its last piece does")
