"""What replicas say to each other, as bytes.  [SAFETY 4]

    frame = [member, boot, configuration number, [message, …]]      (msgpack)
    message = [tag, field, …]: those of the core (paxos/), and the two of elections below

Rule 1. Decoding is total: bytes become checked messages or a `ProtocolError`, nothing else.
"""

from typing import Any, Final

import msgspec

from gaios.errors import ProtocolError
from gaios.paxos.codec import check_message

POLL: Final = 100
"""(POLL, number, promised, chosen): would you promise me? Changes nothing.  [SAFETY 9]"""
POLLED: Final = 101
"""(POLLED, number, yes, promised, chosen): the answer, and how far the answerer is."""
FRAME_MESSAGES_MAX: Final = 4_096
_WORD: Final = 1 << 63

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
    return member, boot, config, [_check(message) for message in raw]


def _check(message: object) -> Message:
    if isinstance(message, list) and message and message[0] in (POLL, POLLED):
        if not all(type(field) is int and 0 <= field < _WORD for field in message):
            raise ProtocolError(reason="a poll's field is not a number in range")
        if len(message) != (4 if message[0] == POLL else 5):
            raise ProtocolError(reason=f"a poll of {len(message)} fields")
        return tuple(message)
    return check_message(message)
