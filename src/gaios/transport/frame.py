"""Frames: how messages lie in a stream of bytes.

    stream  = MAGIC (8 bytes), frame, frame, …                          (each way; the dialler speaks first)
    frame   = length u32 · crc32c u32 · payload of `length` bytes       (little-endian)
    payload = kind u8 · body                                            (the checksum covers the payload)

Rule 1. A length is checked against the limit when its four bytes are there; nothing is set aside for a frame before its bytes arrive, so
a stranger who claims a gigabyte costs nothing.  [SAFETY 28]
Rule 2. Bytes that break these rules raise `ProtocolError` and nothing else. The decoder stays broken: there is no way to find the next
frame in a stream that lied once. Good frames that came in the same piece are dropped with it, as if they had been lost on the way.
Rule 3. The work is linear in the bytes, however they are cut into pieces.

Left out on purpose: what a body means (messages.py), who may speak first (handshake.py), sockets (the shells).
"""

import struct
from typing import Final

import google_crc32c

from gaios.errors import ProtocolError

MAGIC: Final = b"\x89gaios\r\n"
"""What every native connection opens with. The first byte is in no text protocol; the last two show that line ends were changed."""

_HEADER = struct.Struct("<II")
_HEADER_AND_KIND = struct.Struct("<IIB")
HEADER_BYTES: Final = _HEADER.size
_LEAST_BYTES: Final = _HEADER_AND_KIND.size

HANDSHAKE_BYTES_MAX: Final = 4 << 10
"""A payload's limit for a listener until it knows who speaks: a HELLO has less than 300 bytes."""
CLIENT_BYTES_MAX: Final = (2 << 20) + (64 << 10)
"""A payload's limit for what a client sends: a command has at most 1.5 MiB."""
PEER_BYTES_MAX: Final = 64 << 20
"""A payload's limit among replicas, and for what a replica answers to a client."""

_crc = google_crc32c.extend
_CRC_OF_KIND: Final = tuple(google_crc32c.value(bytes((kind,))) for kind in range(256))


def encode(kind: int, body: bytes) -> bytes:
    """One frame. `body` is bytes (no view), and shorter than the other side's limit: who makes it answers for that."""
    return _HEADER_AND_KIND.pack(len(body) + 1, _crc(_CRC_OF_KIND[kind], body), kind) + body


class Decoder:
    """The frames in a stream that arrives in pieces.

    `limit` is the longest payload allowed, in bytes; set it anew when the handshake is over. It counts for frames whose header is read
    from then on.
    """

    __slots__ = ("_broken", "_greeted", "_held", "_need", "limit")

    def __init__(self, limit: int = HANDSHAKE_BYTES_MAX, *, magic: bool = True) -> None:
        self.limit = limit
        self._greeted = not magic
        self._held = bytearray()
        self._need = 0
        """Bytes that must be held before decoding can go on."""
        self._broken = ""

    @property
    def held_bytes(self) -> int:
        """How many bytes of an unfinished frame wait here."""
        return len(self._held)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take the next piece of the stream; give the frames that it completes, as (kind, body).

        Raises:
            ProtocolError: the stream breaks the rules, now or before.
        """
        if self._broken:
            raise ProtocolError(reason=self._broken)
        if not self._held and self._greeted and len(data) >= _LEAST_BYTES:
            # One whole frame is what comes most often, by far.
            length, checksum, kind = _HEADER_AND_KIND.unpack_from(data)
            if HEADER_BYTES + length == len(data) and length <= self.limit:
                body = data[_LEAST_BYTES:]
                if _crc(_CRC_OF_KIND[kind], body) == checksum:
                    return [(kind, body)]
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return []
            data = bytes(self._held)
            self._held = bytearray()
        at = 0
        size = len(data)
        if not self._greeted:
            if not MAGIC.startswith(data[:8]):
                raise self._break(f"the stream opens with {data[:8]!r}, not with gaios's eight bytes")
            if size < 8:
                self._hold(data, 8)
                return []
            self._greeted = True
            at = 8
        frames: list[tuple[int, bytes]] = []
        need = _LEAST_BYTES
        while size - at >= _LEAST_BYTES:
            length, checksum, kind = _HEADER_AND_KIND.unpack_from(data, at)
            if not 0 < length <= self.limit:
                raise self._break(f"a frame claims {length} bytes; 1 to {self.limit} are allowed")
            end = at + HEADER_BYTES + length
            if end > size:
                need = end - at
                break
            body = data[at + _LEAST_BYTES : end]
            if _crc(_CRC_OF_KIND[kind], body) != checksum:
                raise self._break(f"a frame of {length} bytes does not match its checksum")
            frames.append((kind, body))
            at = end
        if at < size:
            self._hold(data[at:], need)
        return frames

    def _hold(self, data: bytes, need: int) -> None:
        self._held += data
        self._need = need

    def _break(self, reason: str) -> ProtocolError:
        self._broken = reason
        self._held = bytearray()
        return ProtocolError(reason=reason)
