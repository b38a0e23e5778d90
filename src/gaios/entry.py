"""What one slot's value is made of: a batch of entries, as bytes that nobody re-encodes.  [PML §4.2; SAFETY 17, 19]

    value   = b"" (a no-op)  |  batch header, entry, entry, …
    batch   = version u8 · 0 u8 · 0 u16 · count u32 · time_ms u64             (16 bytes, little-endian)
    entry   = version u8 · kind u8 · member u16 · length u32 · client slot u64 · client index u32 · round u32 ·
              sequence u64 · acknowledged u64                                 (40 bytes) · command, `length` bytes

Rule 1. A client encodes its entry once. The master checks it, puts it behind others, and changes nothing but round and member.
Rule 2. `time_ms` is the master's clock, made to grow from batch to batch. It is advice: safety never rests on it.
Rule 3. A client's identity is (slot, index) of the entry that registered it; `sequence` counts its commands from 1; it has seen
the answers of all through `acknowledged`.
Rule 4. (round, member) is 0, or the ballot of the reign to which its master bound a command: under another epoch it does nothing, and is
not remembered. So what a deposed master proposed, and a later reign recovers, is not carried out behind that reign's own.  [PML §5.3]
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from gaios.errors import InvalidCommand, NewerFormat, ProtocolError

VERSION = 1
_BATCH = struct.Struct("<BBHIQ")
_ENTRY = struct.Struct("<BBHIQIIQQ")
_unpack_entry = _ENTRY.unpack_from
_tuple = tuple.__new__
BATCH_HEADER_BYTES = _BATCH.size
ENTRY_HEADER_BYTES = _ENTRY.size
NOOP = b""
"""The value that fills a gap. It holds no entry."""


class Kind(IntEnum):
    """What an entry is for."""

    COMMAND = 1
    """A client's command to the machine, once."""
    REGISTER = 2
    """A client asks for an identity; the reply is empty, the identity is where the entry stands."""
    EPOCH = 3
    """A new master's first own value; `client slot` holds its ballot.  [SAFETY 14]"""
    MASTER = 4
    """A command that a master itself originates; `client slot` holds its ballot, and under another epoch it does nothing.  [SAFETY 14]"""
    CONFIG = 5
    """A configuration, alone in its slot; `client slot` holds the ballot in which it was proposed first.  [SAFETY 18]"""
    SNAPSHOT = 6
    """A master asks for a snapshot behind this slot; `client slot` holds its ballot, as above.  [SAFETY 14, 26]"""
    CHECK = 7
    """A master asks all to compare their states behind this slot; `client slot` as above.  [PML §6.2; SAFETY 14, 25]"""
    FEATURE = 8
    """From behind this entry the cell has a higher feature level, `sequence`; `client slot` as above.  [SAFETY 14, 17]"""


_COMMAND = int(Kind.COMMAND)
"""An enumeration's member costs more to compare with than a number, and this one is compared with at every entry."""


class Identity(NamedTuple):
    """Who a client is: where its registration stands in the log."""

    slot: int
    index: int  # type: ignore[assignment] # the literature's word; tuple.index is not used


NOBODY = Identity(0, 0)
"""Who asks for an identity."""


class Entry(NamedTuple):
    """One entry, decoded."""

    kind: int
    identity: Identity
    sequence: int
    acknowledged: int
    command: bytes
    reign: int = 0
    """The ballot of the reign that it is bound to; 0: none."""


Plain = tuple[int, tuple[int, int], int, int, bytes, int]
"""An `Entry`'s fields in their order, without the classes."""


REGISTRATION = Entry(Kind.REGISTER, NOBODY, 0, 0, b"")


def encode(kind: int, identity: Identity, sequence: int, acknowledged: int, command: bytes) -> bytes:
    """An entry's bytes."""
    return _ENTRY.pack(VERSION, kind, 0, len(command), identity[0], identity[1], 0, sequence, acknowledged) + command


def register() -> bytes:
    """The entry with which a client asks for an identity."""
    return encode(*REGISTRATION[:5])


def epoch(ballot: int) -> bytes:
    """The entry with which a master opens its epoch."""
    return encode(Kind.EPOCH, Identity(ballot, 0), 0, 0, b"")


def master(ballot: int, command: bytes) -> bytes:
    """The entry in which a master puts a command of its own."""
    return encode(Kind.MASTER, Identity(ballot, 0), 0, 0, command)


def snapshot(ballot: int) -> bytes:
    """The entry in which a master asks every replica for a snapshot behind its slot."""
    return encode(Kind.SNAPSHOT, Identity(ballot, 0), 0, 0, b"")


def check(ballot: int) -> bytes:
    """The entry with which a master has all replicas compare themselves."""
    return encode(Kind.CHECK, Identity(ballot, 0), 0, 0, b"")


def feature(ballot: int, level: int) -> bytes:
    """The entry with which a master raises the cell's feature level."""
    return encode(Kind.FEATURE, Identity(ballot, 0), level, 0, b"")


def configuration(ballot: int, command: bytes) -> bytes:
    """The entry in which a master puts a configuration."""
    return encode(Kind.CONFIG, Identity(ballot, 0), 0, 0, command)


def bind(data: bytes, ballot: int) -> bytes:
    """A client's entry, bound to a reign."""
    bound = bytearray(data)
    bound[2:4], bound[20:24] = (ballot & 0xFFFF).to_bytes(2, "little"), (ballot >> 16).to_bytes(4, "little")
    return bytes(bound)


def check_submitted(data: bytes) -> Entry:
    """The one entry that a client sent.

    Raises:
        InvalidCommand: it is not exactly one well-formed entry of a kind that clients may send.
    """
    try:
        entry, end = _decode(data, 0)
    except ProtocolError as error:
        raise InvalidCommand(reason=error.reason) from None
    if end != len(data):
        raise InvalidCommand(reason=f"{len(data) - end} bytes follow the entry")
    kind, _, sequence, acknowledged, _, reign = entry
    if reign:
        raise InvalidCommand(reason="a client binds its entry to no reign")
    if kind == _COMMAND:
        if not acknowledged < sequence:
            raise InvalidCommand(reason=f"sequence {sequence} is not above acknowledged {acknowledged}")
    elif kind != Kind.REGISTER:
        raise InvalidCommand(reason=f"a client may not send entries of kind {kind}")
    elif entry != REGISTRATION:
        raise InvalidCommand(reason="a registration carries nothing")
    return entry


def batch(entries: Sequence[bytes], time_ms: int) -> bytes:
    """A slot's value: these entries behind one header."""
    return _BATCH.pack(VERSION, 0, 0, len(entries), time_ms) + b"".join(entries)


def batch_time_ms(value: bytes) -> int:
    """The master's advisory time of a batch; 0 for a no-op.

    Raises:
        ProtocolError: the value is not a batch of this format.
    """
    return _batch_header(value)[1] if value else 0


def entries(value: bytes) -> list[Entry]:
    """The entries of a slot's value, in order; none for a no-op.

    Raises:
        ProtocolError: the value is not a batch of this format.
    """
    return [as_entry(plain) for plain in opened(value)[1]]


def as_entry(plain: Plain) -> Entry:
    """The same with the classes."""
    kind, identity, sequence, acknowledged, command, reign = plain
    return Entry(kind, Identity(*identity), sequence, acknowledged, command, reign)


def opened(value: bytes) -> tuple[int, list[Plain]]:
    """As `batch_time_ms` and `entries`, at a third of the price: every replica comes here for every entry."""
    if not value:
        return 0, []
    count, time_ms = _batch_header(value)
    found: list[Plain] = []
    at, size = BATCH_HEADER_BYTES, len(value)
    for _ in range(count):
        start = at + ENTRY_HEADER_BYTES
        if start > size:
            break
        version, kind, member, length, slot, index, number, sequence, acknowledged = _unpack_entry(value, at)
        at = start + length
        if version != VERSION or at > size:
            at = start - ENTRY_HEADER_BYTES
            break
        found.append((kind, (slot, index), sequence, acknowledged, value[start:at], number << 16 | member))
    if len(found) < count:
        _decode(value, at)  # says what is wrong
    if at != size:
        raise ProtocolError(reason=f"{size - at} bytes follow the batch's last entry")
    return time_ms, found


def _batch_header(value: bytes) -> tuple[int, int]:
    """Number of entries, and time."""
    if len(value) < BATCH_HEADER_BYTES:
        raise ProtocolError(reason=f"a batch of {len(value)} bytes is shorter than its header")
    version, zero, zeros, count, time_ms = _BATCH.unpack_from(value)
    if version != VERSION:
        raise _unknown("batch", version)
    if zero or zeros:
        raise ProtocolError(reason="a batch's header has bits that this version does not know")
    return count, time_ms


def _unknown(what: str, version: int) -> ProtocolError:
    kind = NewerFormat if version > VERSION else ProtocolError
    return kind(reason=f"{what} format {version} is not known; this version reads {VERSION}")


def _decode(data: bytes, at: int) -> tuple[Entry, int]:
    start = at + ENTRY_HEADER_BYTES
    if len(data) < start:
        raise ProtocolError(reason=f"{len(data) - at} bytes are shorter than an entry's header")
    version, kind, member, length, slot, index, number, sequence, acknowledged = _unpack_entry(data, at)
    if version != VERSION:
        raise _unknown("entry", version)
    end = start + length
    if len(data) < end:
        raise ProtocolError(reason=f"an entry claims {length} bytes of command; {len(data) - start} are there")
    # Past the named tuples' own constructors: the master comes here for every command.
    return _tuple(Entry, (kind, _tuple(Identity, (slot, index)), sequence, acknowledged, data[start:end], number << 16 | member)), end
