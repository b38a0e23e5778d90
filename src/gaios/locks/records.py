"""What stands under each of the lock service's keys, as msgpack.

A revision is never written down: a key has one. A node's instance, a handle's and a session's number, and a sequencer's revision are
those at which their keys were created.
"""

from hashlib import sha256
from typing import Final

import msgspec

from gaios.errors import ProtocolError
from gaios.lock_api import Sequencer
from gaios.locks import keys
from gaios.nouns import Noun

DIGEST_BYTES: Final = 16


class Node(Noun, frozen=True, gc=False):
    """`n/`: see `lock_api.Stat`."""

    directory: bool
    ephemeral: bool = False
    acl: tuple[str, str, str] = ("", "", "")
    content_generation: int = 0
    lock_generation: int = 0
    acl_generation: int = 1
    checksum: int = 0
    length: int = 0


class Session(Noun, frozen=True, gc=False):
    """`s/`"""

    digest: bytes
    """Of its token: whoever sees the state, or a backup of it, has not seen the token."""
    lease_ms: int
    caching: bool
    client: str
    principal: str
    charge: int
    """The number of the newest charge when it was opened."""
    ending: int = 0
    """`explanation.CLOSED` or `LOST`: its handles are being closed, by later charges too."""


class Handle(Noun, frozen=True):
    """`o/`"""

    instance: int
    write: bool
    events: int
    lock_delay_ms: int
    sequencer: Sequencer | None = None


class Holder(Noun, frozen=True, gc=False):
    """`l/`"""

    session: int
    shared: bool


class Waiter(Noun, frozen=True, gc=False):
    """`q/`"""

    session: int
    handle: int
    shared: bool


class Delay(Noun, frozen=True, gc=False):
    """`d/`"""

    until_ms: int
    """Nobody gets the lock before that time of the sessions' clock."""


class Charge(Noun, frozen=True):
    """`c/`"""

    clock_ms: int
    """The sessions' clock after it."""
    heard: bytes
    """As in `lock_api.Charge`."""
    opened: tuple[int, ...]
    """Sessions that were opened since the charge before: to open one is to be heard."""


class Clock(Noun, frozen=True, gc=False):
    """`t`"""

    clock_ms: int = 0
    charge: int = 0
    """The newest charge's number."""


class Generation(Noun, frozen=True, gc=False):
    """`g`"""

    restores: int = 0


Record = Node | Session | Handle | Holder | Waiter | Delay | Charge | Clock | Generation

_KINDS: Final[dict[bytes, type[Record]]] = {
    b"n": Node, b"s": Session, b"o": Handle, b"l": Holder, b"q": Waiter, b"d": Delay, b"c": Charge, b"t": Clock, b"g": Generation,
}  # fmt: skip
_decoders = {kind: msgspec.msgpack.Decoder(record) for kind, record in _KINDS.items()}
encode = msgspec.msgpack.Encoder().encode
"""A record's bytes."""


def decode(key: bytes, value: bytes) -> Record:
    """The record under a key. Raises `ProtocolError`: there is none such."""
    kind = key[keys.KIND : keys.KIND + 1]
    try:
        record: Record = _decoders[kind].decode(value)
    except (KeyError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"not a record of the lock service under {key!r:.80}: {error}") from None
    return record


def digest(token: bytes) -> bytes:
    """What is kept of a session's token."""
    return sha256(token).digest()[:DIGEST_BYTES]
