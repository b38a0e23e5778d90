"""KeepAlives: how a session stays, and how it hears of what happened to it.  [CHUBBY §2.8]

    client  → replica   KEEPALIVE  request u64 · session u64 · number u64 · epoch u64 · told u64 · token, 16 bytes
    replica → client    ANSWER     with status DONE and a `KeptAlive` as msgpack; NOT_MASTER where the session has to ask another replica

Rule 1. The master holds a KeepAlive until a charge that lists the session is chosen, or until it has something to tell.
Rule 2. Notices are counted within a reign; a KeepAlive names the reign that it heard of last, and how far it was told in it. What it was
not told is told again, so an answer that is lost loses nothing.
Rule 3. A KeepAlive that names another reign is told of this one first: whoever waits asks again what it wants to know.  [CHUBBY §2.9]
Rule 4. An answer that says a newer KeepAlive to be listed, which extends the session's lease, tells all notices that there are by then,
or that some were lost. A client carries them out before it believes in that lease: what it was told to forget may change.  [SAFETY 24]
"""

import struct
from typing import Annotated, Final, NamedTuple

import msgspec

from gaios.errors import ProtocolError
from gaios.lock_api import TOKEN_BYTES, Notice
from gaios.transport.frame import encode
from gaios.transport.messages import Kind

NOTICES_MAX: Final = 256
"""In one answer; more are told with the next."""

_KEEPALIVE = struct.Struct(f"<QQQQQ{TOKEN_BYTES}s")
_Natural = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class KeepAlive(NamedTuple):
    """A KEEPALIVE, decoded."""

    request: int
    session: int
    number: int
    """The session's KeepAlives count from 1; the same number is sent again where it is not known whether it came."""
    epoch: int
    """The reign that the session heard of last; 0: of none."""
    told: int
    """It was told all notices of that reign through this one."""
    token: bytes


class KeptAlive(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a KeepAlive is answered."""

    lease_ms: _Natural
    """The session's lease; 0 when it has ended, and then nothing else means anything."""
    listed: _Natural = 0
    """The newest KeepAlive that a chosen charge lists; 0: none of this reign."""
    epoch: _Natural = 0
    """The reign."""
    told: _Natural = 0
    """All notices of this reign through this one are told here, or were before."""
    lost: bool = False
    """Some are not: there were too many. Ask again what you want to know."""
    notices: Annotated[tuple[Notice, ...], msgspec.Meta(max_length=NOTICES_MAX)] = ()


EXPIRED: Final = KeptAlive(0)

_kept: msgspec.msgpack.Decoder[KeptAlive] = msgspec.msgpack.Decoder(KeptAlive)
encode_kept_alive = msgspec.msgpack.Encoder().encode
"""The body of the ANSWER."""


def encode_keepalive(keepalive: KeepAlive) -> bytes:
    """KEEPALIVE."""
    return encode(Kind.KEEPALIVE, _KEEPALIVE.pack(*keepalive))


def decode_keepalive(body: bytes) -> KeepAlive:
    """KEEPALIVE."""
    if len(body) != _KEEPALIVE.size:
        raise ProtocolError(reason=f"a KEEPALIVE has {_KEEPALIVE.size} bytes, not {len(body)}")
    return KeepAlive._make(_KEEPALIVE.unpack(body))


def decode_kept_alive(body: bytes) -> KeptAlive:
    """The body of the ANSWER."""
    try:
        return _kept.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"a KEEPALIVE's answer: {error}") from None
