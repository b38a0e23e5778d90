"""Chosen values of the log, in pieces.  [SAFETY 16]

    piece = zstd of: "gaiosarc" · version u16 · 0 u16 · count u32 · first slot u64 (little-endian) · value …
    value = length u32 · bytes

Rule 1. A piece holds consecutive slots, and is proved by the digest of its plain bytes before one of them is used.
Rule 2. It is closed behind the value that takes it to `PIECE_BYTES`, so that nobody holds much more than that.
"""

import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import zstandard

from gaios.errors import BackupDamaged

VERSION: Final = 1
PIECE_BYTES: Final = 4 << 20
"""Plain bytes at which a piece is closed."""
PLAIN_BYTES_MAX: Final = 64 << 20
"""A piece, and the largest value that may close it."""
_MAGIC = b"gaiosarc"
_HEADER = struct.Struct("<8sHHIQ")
_LENGTH = struct.Struct("<I")


class Packed(NamedTuple):
    """A piece on its way to a store."""

    first: int
    last: int
    digest: str
    data: bytes


def digest(plain: bytes) -> str:
    """Of a piece's plain bytes."""
    return blake2b(plain, digest_size=32).hexdigest()


def compress(plain: bytes) -> bytes:
    """What is stored for these bytes."""
    return zstandard.ZstdCompressor(level=1).compress(plain)


def expand(data: bytes, limit: int, what: str) -> bytes:
    """What was compressed, of at most `limit` bytes.

    Raises:
        BackupDamaged: it is not what `compress` made.
    """
    try:
        claimed = zstandard.frame_content_size(data)
        if not 0 <= claimed <= limit:
            raise BackupDamaged(what=what, reason=f"it claims {claimed} bytes; {limit} are the most")
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise BackupDamaged(what=what, reason=f"it cannot be unpacked: {error}") from None


def pack(values: Iterable[tuple[int, bytes]]) -> Iterator[Packed]:
    """Pieces of values that come in the order of their slots."""
    held: list[bytes] = []
    first, size = 0, 0
    for slot, value in values:
        if not held:
            first = slot
        held += (_LENGTH.pack(len(value)), value)
        size += _LENGTH.size + len(value)
        if size >= PIECE_BYTES:
            yield _close(first, held)
            held, size = [], 0
    if held:
        yield _close(first, held)


def _close(first: int, held: list[bytes]) -> Packed:
    count = len(held) // 2
    plain = b"".join([_HEADER.pack(_MAGIC, VERSION, 0, count, first), *held])
    return Packed(first, first + count - 1, digest(plain), compress(plain))


def unpack(data: bytes, first: int, last: int, expected: str, what: str) -> Iterator[tuple[int, bytes]]:
    """A piece's slots and values.

    Raises:
        BackupDamaged: it is not the piece that has this digest.
    """
    plain = expand(data, PLAIN_BYTES_MAX, what)
    if digest(plain) != expected:
        raise BackupDamaged(what=what, reason="it is not the piece of the log that the manifest names")
    magic, version, _, count, begins = _HEADER.unpack_from(plain.ljust(_HEADER.size, b"\0"))
    if (magic, version, begins, begins + count - 1) != (_MAGIC, VERSION, first, last):
        raise BackupDamaged(what=what, reason=f"it does not hold slots {first} to {last} in format {VERSION}")
    at = _HEADER.size
    for slot in range(first, last + 1):
        (length,) = _LENGTH.unpack_from(plain, at) if at + _LENGTH.size <= len(plain) else (len(plain),)
        at += _LENGTH.size
        if at + length > len(plain):
            raise BackupDamaged(what=what, reason=f"it ends within the value of slot {slot}")
        yield slot, plain[at : at + length]
        at += length
