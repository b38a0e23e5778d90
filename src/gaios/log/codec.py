"""What replicas say to each other, as bytes.  [SAFETY 4]

    frame = [feature level, member, boot, configuration number, [message, …]]      (msgpack)
    message = [tag, field, …]: those of the core (paxos/), and those of log/ below

Rule 1. Decoding is total: bytes become checked messages or a `ProtocolError`, nothing else.
Rule 2. A frame of a higher level than this version supports may hold anything: it is not looked into, and whoever got it stops (`TooOld`).
Rule 3. What only the owner of a ballot may say is taken from nobody else, and numbers that no cell reaches in its life are refused: one of
them, made durable, would outlive every restart.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gaios import configuration
from gaios.errors import ProtocolError
from gaios.log import feature
from gaios.log.gauge import AILMENTS_MAX
from gaios.log.options import MS, TERM_MS_MAX
from gaios.log.records import CHAIN_BYTES
from gaios.log.space import Room
from gaios.paxos import core
from gaios.paxos.codec import check_message

POLL: Final = 100
"""(POLL, number, promised, chosen): would you promise me? Changes nothing.  [SAFETY 9]"""
POLLED: Final = 101
"""(POLLED, number, yes, promised, held): the answer, and through which slot the answerer has, durably, all that is chosen."""
BOOT: Final = 102
"""(BOOT, [(boot, nonce), …]): the boots of the sender's directory since the last that was registered; its own is the last.  [SAFETY 3]"""
BOOTED: Final = 103
"""(BOOTED, boot, nonce, [(member, boot, nonce, seen, ballot, slot), …]): what the sender has recorded of members, as `records.Boot`. It
answers the BOOT that told this boot and nonce, and what it says of its receiver is durable. Both are 0 where it answers none; if it has no
rows either, the sender may not know its receiver's boot, and asks to be told that, and what the receiver has recorded of all others."""
SUM: Final = 104
"""(SUM, slot, chain, checksum, trail, asks): what my state came to behind that slot; 1: tell me yours.  [PML §6.2; SAFETY 25]"""
OFFER: Final = 106
"""(OFFER, handle): what you ask for was truncated here; this snapshot covers it.  [PML §5.5]"""
ASK: Final = 107
"""(ASK, slot, digest, part): give me a part of that snapshot; 0 is its closing, n is chunk n - 1."""
PART: Final = 108
"""(PART, slot, digest, part, bytes): here it is."""
GONE: Final = 109
"""(GONE, slot, digest): I do not have that snapshot."""
TAKEN: Final = 110
"""(TAKEN, slot, digest, asks): this is my snapshot behind that slot, and it is durable; 1: tell me yours.  [SAFETY 25, 26]"""
WANT: Final = 111
"""(WANT, slot): offer me a snapshot that is proved, behind that slot or a later one."""
TRANSFERS: Final = frozenset({OFFER, ASK, PART, GONE, TAKEN, WANT})
_TRANSFER_FIELDS: Final = {
    OFFER: (bytes,),
    ASK: (int, bytes, int),
    PART: (int, bytes, int, bytes),
    GONE: (int, bytes),
    TAKEN: (int, bytes, int),
    WANT: (int,),
}
NEWS: Final = 113
"""(NEWS, configuration, settled): these are the members, whoever does not know it yet talks to them too; 1: whom it removed may go.
[SAFETY 18]"""
ROOM: Final = 117
"""(ROOM, room): what the sender's disk has left for the log, see `space.Room`."""
STAND: Final = 118
"""(STAND, chosen, ailments): how the sender is, for its master's gauge, see `gauge.Ailment`."""
FEATURE: Final = 119
"""(FEATURE, stamp, highest): with 0 for `highest`, which feature level do you support? Else the answer, with its question's stamp."""

LINEAGE_MAX: Final = 256
"""Boots that a member may have begun since the last that was registered: with their nonces they fit into a copy and a frame."""
CONFIGURATION_BYTES_MAX: Final = 4_096
FRAME_MESSAGES_MAX: Final = 4_096
"""Four times what a sender puts into one (server/outbox.py)."""
_WORD: Final = 1 << 63
"""Numbers on the wire are below this, and so fit everybody's integers."""
BALLOT_END: Final = 1 << 62
SLOT_END: Final = 1 << 62
"""No cell reaches such a ballot, or such a slot, in its life (rule 3)."""
_OWNERS: Final = frozenset({core.PREPARE, core.ACCEPT, core.LEARN, core.HEARTBEAT, core.RELEASE})
"""What only the owner of a ballot says."""
_SLOT_THIRD: Final = frozenset({core.PROMISE, core.ACCEPT, core.ACCEPTED, core.LEARN})
"""What has a slot for its third field, behind ballot and configuration."""
_TERMED: Final = frozenset({core.HEARTBEAT, core.GRANT})
"""What tells of a lease, with its term for the fourth field."""

Message = tuple[Any, ...]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, int, int, list[Any]])
_level_of = msgspec.msgpack.Decoder(list[msgspec.Raw])
_number = msgspec.msgpack.Decoder(int)


def encode(member: int, boot: int, config: int, messages: list[Message], level: int = feature.FIRST) -> bytes:
    """A frame's bytes; its messages are such as come with that feature level, or a lower one."""
    return _encoder.encode((level, member, boot, config, messages))


def decode(data: bytes, highest: int = feature.LEVEL) -> tuple[int, int, int, list[Message]]:
    """A frame: member, boot, configuration number, messages; for whoever supports feature levels up to `highest`.

    Raises:
        ProtocolError: these bytes are not a frame.
        TooOld: it has a higher level.
    """
    try:
        level, member, boot, config, raw = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        _check_level(_level(data), highest)
        raise ProtocolError(reason=f"not a frame of messages: {error}") from None
    if not 0 <= level <= highest:
        _check_level(level, highest)
    if not (0 < member < 1 << 16 and 0 <= boot < _WORD and 0 <= config < _WORD):
        raise ProtocolError(reason=f"a frame from member {member}, boot {boot}, configuration {config}")
    if len(raw) > FRAME_MESSAGES_MAX:
        raise ProtocolError(reason=f"{len(raw)} messages in a frame; at most {FRAME_MESSAGES_MAX} are allowed")
    return member, boot, config, [_check(member, message) for message in raw]


def _level(data: bytes) -> int:
    """The level of a frame whose form is not known; 0: it is none."""
    try:
        first = _level_of.decode(data)[:1]
        return _number.decode(first[0]) if first else 0
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return 0


def _check_level(level: int, highest: int) -> None:
    if not 0 <= level < feature.LEVEL_END:
        raise ProtocolError(reason=f"a frame of feature level {level}")
    feature.check(level, highest, "a peer's frame")


def _check(member: int, message: object) -> Message:
    if type(message) is list and message and type(tag := message[0]) is int and tag in OWN:
        return OWN[tag](message)
    checked = check_message(message)
    tag = checked[0]
    if tag == core.FETCH:
        return checked
    ballot, slot = (checked[2], checked[1]) if tag == core.CHOSEN else (checked[1], checked[3] if tag in _SLOT_THIRD else 0)
    if ballot >= BALLOT_END or slot >= SLOT_END:
        raise ProtocolError(reason=f"a message of ballot {ballot}, slot {slot}: no cell reaches that")
    if tag in _OWNERS and ballot % core.ROUND != member:
        raise ProtocolError(reason=f"member {member} speaks for ballot {ballot}, which is not its own")
    if tag == core.PROMISE and any(not slot < at <= slot + core.WINDOW for at in (*checked[4], *checked[5])):
        raise ProtocolError(reason="a promise reports slots that nobody accepts")
    if tag in _TERMED and checked[4] > TERM_MS_MAX * MS:
        raise ProtocolError(reason=f"a lease of {checked[4]} ns is longer than any")
    return checked


def _check_poll(message: list[Any]) -> Message:
    if not all(type(field) is int and 0 <= field < _WORD for field in message):
        raise ProtocolError(reason="a poll's field is not a number in range")
    if len(message) != (4 if message[0] == POLL else 5):
        raise ProtocolError(reason=f"a poll of {len(message)} fields")
    if message[-2] >= BALLOT_END or message[-1] >= SLOT_END:
        raise ProtocolError(reason="a poll tells of a ballot, or a slot, that no cell reaches")
    return tuple(message)


def _check_news(message: list[Any]) -> Message:
    if len(message) != 3 or type(message[1]) is not bytes or len(message[1]) > CONFIGURATION_BYTES_MAX or message[2] not in (0, 1):
        raise ProtocolError(reason="news of no configuration")
    configuration.decode(message[1])
    return tuple(message)


def _check_transfer(message: list[Any]) -> Message:
    if tuple(type(field) for field in message[1:]) != _TRANSFER_FIELDS[message[0]]:
        raise ProtocolError(reason="a message about a snapshot has other fields than that kind has")
    if not all(0 <= field < SLOT_END for field in message[1:] if type(field) is int):
        raise ProtocolError(reason="a message about a snapshot has a number out of range")
    return tuple(message)


def _check_room(message: list[Any]) -> Message:
    if len(message) != 2 or type(message[1]) is not int or not 0 <= message[1] <= max(Room):
        raise ProtocolError(reason="a disk has more or less room than there is")
    return tuple(message)


def _check_feature(message: list[Any]) -> Message:
    if len(message) != 3 or not all(type(field) is int for field in message) or not 0 <= message[1] < _WORD:
        raise ProtocolError(reason="a message about feature levels does not have its fields")
    if not 0 <= message[2] < feature.LEVEL_END:
        raise ProtocolError(reason="a message about feature levels names one that there is not")
    return tuple(message)


def _check_stand(message: list[Any]) -> Message:
    if not (len(message) == 3 and all(type(field) is int and field >= 0 for field in message)):
        raise ProtocolError(reason="a member says how it is in other fields than two numbers")
    if message[1] >= SLOT_END or message[2] > AILMENTS_MAX:
        raise ProtocolError(reason="a member says how it is in numbers out of range")
    return tuple(message)


def _check_sum(message: list[Any]) -> Message:
    if len(message) != 6:
        raise ProtocolError(reason=f"a sum of {len(message)} fields")
    _, slot, chain, checksum, trail, asks = message
    if not all(type(field) is int and field >= 0 for field in (slot, checksum, trail, asks)) or type(chain) is not bytes:
        raise ProtocolError(reason="a sum's field is of another kind")
    if not 0 < slot < SLOT_END or len(chain) != CHAIN_BYTES or max(checksum, trail) >= 1 << 64 or asks > 1:
        raise ProtocolError(reason="a sum's field is out of range")
    return tuple(message)


def _check_boots(message: list[Any]) -> Message:
    tag, *numbers, rows = message if len(message) == (2 if message[0] == BOOT else 4) else (0, None)
    width, most = (2, LINEAGE_MAX) if tag == BOOT else (6, 1 << 16)
    if type(rows) is not list or len(rows) > most or not all(type(row) is list and len(row) == width for row in rows):
        raise ProtocolError(reason="a message about boots does not have its fields")
    if not all(type(number) is int and 0 <= number < _WORD for row in (numbers, *rows) for number in row):
        raise ProtocolError(reason="a message about boots has a field that is not a number in range")
    if tag == BOOT:
        boots = [boot for boot, _ in rows]
        if not boots or any(after <= before for before, after in zip([0, *boots], boots, strict=False)):
            raise ProtocolError(reason="a member's boots do not rise")
    elif any(row[4] >= BALLOT_END or row[5] >= SLOT_END for row in rows):
        raise ProtocolError(reason="a message about boots tells of a ballot, or a slot, that no cell reaches")
    return (tag, *numbers, [tuple(row) for row in rows])


OWN: Final[Mapping[int, Callable[[list[Any]], Message]]] = {
    POLL: _check_poll,
    POLLED: _check_poll,
    BOOT: _check_boots,
    BOOTED: _check_boots,
    SUM: _check_sum,
    NEWS: _check_news,
    ROOM: _check_room,
    FEATURE: _check_feature,
    STAND: _check_stand,
    **dict.fromkeys(TRANSFERS, _check_transfer),
}
"""How the log's own messages are checked; all others are the core's."""
