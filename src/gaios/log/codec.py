"""What replicas say to each other, as bytes.  [SAFETY 4]

    frame = [member, boot, configuration number, [message, …]]      (msgpack)
    message = [tag, field, …]: those of the core (paxos/), and the three of log/ below

Rule 1. Decoding is total: bytes become checked messages or a `ProtocolError`, nothing else.
Rule 2. What only the owner of a ballot may say is taken from nobody else, and numbers that no cell reaches in its life are refused: one of
them, made durable, would outlive every restart.
"""

from typing import Any, Final

import msgspec

from gaios import configuration
from gaios.errors import ProtocolError
from gaios.log.options import MS, TERM_MS_MAX
from gaios.paxos import core
from gaios.paxos.codec import check_message

POLL: Final = 100
"""(POLL, number, promised, chosen): would you promise me? Changes nothing.  [SAFETY 9]"""
POLLED: Final = 101
"""(POLLED, number, yes, promised, chosen): the answer, and how far the answerer is."""
NEWS: Final = 113
"""(NEWS, configuration): these are the members. Whoever does not know it yet talks to them too.  [SAFETY 18]"""
CONFIGURATION_BYTES_MAX: Final = 4_096
FRAME_MESSAGES_MAX: Final = 4_096
_WORD: Final = 1 << 63
BALLOT_END: Final = 1 << 62
SLOT_END: Final = 1 << 62
_OWNERS: Final = frozenset({core.PREPARE, core.ACCEPT, core.LEARN, core.HEARTBEAT, core.RELEASE})
_SLOT_THIRD: Final = frozenset({core.PROMISE, core.ACCEPT, core.ACCEPTED, core.LEARN})
_TERMED: Final = frozenset({core.HEARTBEAT, core.GRANT})

Message = tuple[Any, ...]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, int, list[Any]])


def encode(member: int, boot: int, config: int, messages: list[Message]) -> bytes:
    """A frame's bytes."""
    return _encoder.encode((member, boot, config, messages))


def decode(data: bytes) -> tuple[int, int, int, list[Message]]:
    """A frame: member, boot, configuration number, messages.

    Raises:
        ProtocolError: these bytes are not a frame.
    """
    try:
        member, boot, config, raw = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"not a frame of messages: {error}") from None
    if not (0 < member < 1 << 16 and 0 <= boot < _WORD and 0 <= config < _WORD):
        raise ProtocolError(reason=f"a frame from member {member}, boot {boot}, configuration {config}")
    if len(raw) > FRAME_MESSAGES_MAX:
        raise ProtocolError(reason=f"{len(raw)} messages in a frame; at most {FRAME_MESSAGES_MAX} are allowed")
    return member, boot, config, [_check(member, message) for message in raw]


def _check(member: int, message: object) -> Message:
    if type(message) is list and message and message[0] == NEWS:
        if len(message) != 2 or type(message[1]) is not bytes or len(message[1]) > CONFIGURATION_BYTES_MAX:
            raise ProtocolError(reason="news of no configuration")
        configuration.decode(message[1])
        return tuple(message)
    if type(message) is list and message and message[0] in (POLL, POLLED):
        if not all(type(field) is int and 0 <= field < _WORD for field in message):
            raise ProtocolError(reason="a poll's field is not a number in range")
        if len(message) != (4 if message[0] == POLL else 5):
            raise ProtocolError(reason=f"a poll of {len(message)} fields")
        if message[-2] >= BALLOT_END or message[-1] >= SLOT_END:
            raise ProtocolError(reason="a poll tells of a ballot, or a slot, that no cell reaches")
        return tuple(message)
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
