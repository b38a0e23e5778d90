"""Claims about frames between replicas: total decoding.  [SAFETY 4]"""

import contextlib
import random

import msgspec
import pytest

from gaios.configuration import founders
from gaios.errors import ProtocolError, TooOld
from gaios.log import codec
from gaios.log.codec import FEATURE, NEWS, POLL, POLLED, ROOM, STAND, SUM, TAKEN, WANT
from gaios.paxos import core

MESSAGES: list[codec.Message] = [
    (core.PREPARE, 1 << 16 | 1, 1),
    (core.PROMISE, 1 << 16 | 1, 1, 5, {6: (1 << 16 | 2, b"v")}, {}),
    (core.ACCEPT, 1 << 16 | 1, 1, 7, b"value"),
    (core.ACCEPTED, 1 << 16 | 1, 1, 7),
    (core.LEARN, 1 << 16 | 1, 1, 7),
    (core.FETCH, 3),
    (core.CHOSEN, 3, 1 << 16 | 1, b"value"),
    (core.HEARTBEAT, 1 << 16 | 1, 1, 123, 600),
    (core.GRANT, 1 << 16 | 1, 1, 123, 600),
    (core.RELEASE, 1 << 16 | 1, 1),
    (POLL, 1, 2, 3),
    (POLLED, 1, 1, 2, 3),
    (ROOM, 2),
    (FEATURE, 1 << 40, 3),
    (STAND, 7, 3),
    (TAKEN, 7, bytes(32), 1),
    (WANT, 7),
    (NEWS, founders({1: 1, 2: 2}).encode(), 1),
    (SUM, 7, bytes(16), (1 << 64) - 1, 0, 1),
]
FUZZED = 100_000


def test_every_message_comes_back_as_it_was() -> None:
    """Round trip."""
    assert codec.decode(codec.encode(1, 4, 1, MESSAGES)) == (1, 4, 1, MESSAGES)


BALLOT = 1 << 16 | 1


@pytest.mark.parametrize(
    "message",
    [
        (core.PREPARE, 1 << 16 | 2, 1),
        (core.HEARTBEAT, 1 << 16 | 2, 1, 123, 600),
        (core.LEARN, 1 << 16 | 2, 1, 7),
        (core.PREPARE, 1 << 62 | 1, 1),
        (core.LEARN, BALLOT, 1, 1 << 62),
        (core.HEARTBEAT, BALLOT, 1, 123, 1 << 60),
        (core.GRANT, BALLOT, 1, 123, 1 << 60),
        (core.PROMISE, BALLOT, 1, 5, {1 << 40: (BALLOT, b"v")}, {}),
        (core.PROMISE, BALLOT, 1, 5, {5: (BALLOT, b"v")}, {}),
        (POLL, 1, 1 << 62, 3),
        (POLLED, 1, 1, 2, 1 << 62),
        (STAND, 1 << 62, 0),
        (STAND, 1, 1 << 16),
        (STAND, 1, -1),
        (STAND, 1),
        (STAND, "1", 0),
        (SUM, 0, bytes(16), 1, 2, 0),
        (SUM, 1 << 62, bytes(16), 1, 2, 0),
        (SUM, 7, bytes(15), 1, 2, 0),
        (SUM, 7, "text", 1, 2, 0),
        (SUM, 7, bytes(16), 1, -1, 0),
        (SUM, 7, bytes(16), 1, 2, 2),
        (SUM, 7, bytes(16), 1, 2),
    ],
)
def test_what_no_correct_member_says_is_refused(message: object) -> None:
    """Rule 2: another's ballot; a ballot, a slot, a term that would outlive every restart; reports of slots that nobody accepts."""
    with pytest.raises(ProtocolError):
        codec.decode(msgspec.msgpack.encode((1, 1, 1, 1, [message])))


@pytest.mark.parametrize(
    "message",
    [
        (core.BOOT,),
        (core.PROPOSE, b"v"),
        (core.CAMPAIGN, 1 << 16 | 1),
        (99,),
        (),
        5,
        [],
        (POLL, 1, 2),
        (ROOM,),
        (TAKEN, 7, bytes(32)),
        (TAKEN, 7, bytes(32), -1),
        (TAKEN, 7, 8, 1),
        (WANT, -1),
        (WANT, b""),
        (ROOM, 3),
        (ROOM, -1),
        (ROOM, "1"),
        (ROOM, 1, 1),
        (FEATURE, 1),
        (FEATURE, -1, 1),
        (FEATURE, 1, 1 << 16),
        (FEATURE, 1, b"1"),
        (POLLED, 1, 1, 2, -3),
        (POLL, 1, 2, "3"),
    ],
)
def test_what_is_not_a_message_is_refused(message: object) -> None:
    """Inputs of the core, unknown tags, wrong fields."""
    with pytest.raises(ProtocolError):
        codec.decode(msgspec.msgpack.encode((1, 1, 1, 1, [message])))


@pytest.mark.parametrize(
    "frame",
    [
        (1, 0, 1, 1, []),
        (1, 1 << 16, 1, 1, []),
        (1, 1, -1, 1, []),
        (1, 1, 1, 1),
        (1, 1, 1, 1, 5),
        (1, "1", 1, 1, []),
        (-1, 1, 1, 1, []),
        (1 << 16, 1, 1, 1, []),
        (),
    ],
)
def test_what_is_not_a_frame_is_refused(frame: object) -> None:
    """Members, boots and configurations are numbers in range."""
    with pytest.raises(ProtocolError):
        codec.decode(msgspec.msgpack.encode(frame))


@pytest.mark.parametrize("rest", [(1, 1, 1, [(250, b"new")]), (b"of another form",), ()])
def test_a_frame_of_a_higher_level_is_not_looked_into(rest: tuple[object, ...]) -> None:
    """Whatever it holds, this version cannot know it: its replica stops, and the error says what to do."""
    with pytest.raises(TooOld, match=r"feature level 3, and this version supports levels up to 2.*install the newer one"):
        codec.decode(msgspec.msgpack.encode((3, *rest)), 2)


def test_a_frame_tells_the_level_of_its_sender() -> None:
    """What is within what this version supports is read as ever."""
    assert codec.decode(codec.encode(1, 4, 1, MESSAGES, 2), 2) == (1, 4, 1, MESSAGES)


@pytest.mark.seeds(1)
def test_random_and_mutated_bytes_raise_only_our_error(seed: int) -> None:
    """10^5 inputs: half of them frames with a few bytes changed."""
    dice = random.Random(seed)
    frames = [codec.encode(1, 1, 1, [message]) for message in MESSAGES] + [codec.encode(1, 1, 1, MESSAGES)]
    for count in range(FUZZED):
        if count % 2:
            data = bytearray(dice.choice(frames))
            for _ in range(dice.randint(1, 4)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        else:
            data = bytearray(dice.randbytes(dice.randint(0, 40)))
        with contextlib.suppress(ProtocolError, TooOld):
            codec.decode(bytes(data))
