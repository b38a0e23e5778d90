"""What a session that caches, and its cell, say to each other of what is kept.  [CHUBBY §2.7; SAFETY 24]

    Cached      a question whose answer the session would like to keep
    MayCache    the answer, and whether it may
    INVALIDATE  the notice to forget it
    FindNode    the question whether there is a node: also its absence can be kept

Left out on purpose: who may keep what (locks/gate.py), what is kept (client/cache.py).
"""

from typing import Final

import msgspec

from gaios.errors import InvalidCommand, ProtocolError
from gaios.nouns import Noun, decode

INVALIDATE: Final = 128
"""A notice's `what`: forget what you keep of the node at its `name`; of every node, where that is empty."""


class FindNode(Noun, frozen=True, tag=152):
    """Is there a node?"""

    session: int
    token: bytes
    path: str


class Cached(Noun, frozen=True, tag=153):
    """A question for the master, who says whether its answer may be kept."""

    question: bytes
    """Of `GetContentsAndStat`, `ReadDir` or `FindNode`."""


class Found(Noun, frozen=True, tag=168):
    """To `FindNode`."""

    there: bool


class MayCache(Noun, frozen=True, tag=169):
    """To `Cached`. It may be kept until the session is told to forget it, hears of another master, or its lease is over."""

    may: bool
    answer: bytes


encode = msgspec.msgpack.Encoder().encode
"""A word's bytes."""
CACHED_PREFIX: Final = encode(Cached(b""))[:3]
"""How an encoded `Cached` begins."""
_cached = msgspec.msgpack.Decoder(Cached)
_may_cache = msgspec.msgpack.Decoder(MayCache)


def decode_cached(data: bytes) -> bytes:
    """The question in a `Cached`. Raises `InvalidCommand`."""
    return decode(_cached, data, InvalidCommand).question


def decode_may_cache(data: bytes) -> tuple[bool, bytes]:
    """Whether an answer may be kept, and the answer. Raises `ProtocolError`."""
    found = decode(_may_cache, data, ProtocolError)
    return found.may, found.answer
