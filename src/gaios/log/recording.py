"""A recording: every transition of one life of a replica, as bytes for whoever checks them later.  [DESIGN §3; SAFETY 5, 30]

    file  = header (16 bytes: "gaiosrec" · version u8 · how it ended u8 · zeros) · frame …
    frame = length u32 · crc of payload u32 · payload
    payload = msgpack [number of its first entry, true time, now, [entry, …], essence of the core's state behind them]
    entry = START what a start found | STEP of the core, with what it wrote and sent | CAME a peer's frame | HANDED a batch to the disk |
            DONE that batch is durable | LEFT frames to peers

Rule 1. A frame is handed to the file system before anything that it tells of is carried out, so a killed process has said nothing that
its recording does not hold. A torn last frame was not carried out: it is where the recording ends.
Rule 2. A value stands as its digest, but for configurations (in news, too): the core looks into no others. The empty value stays empty.
Rule 3. Entries are numbered from 1 and none is left out; a recording that had to stop says so in its header.

Left out on purpose: clients, and what is applied; the simulator's checkers look at those.
"""

import struct
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import google_crc32c
import msgspec

from gaios.configuration import is_configuration
from gaios.errors import ProtocolError
from gaios.log.codec import NEWS
from gaios.paxos import core

MAGIC: Final = b"gaiosrec"
VERSION: Final = 1
HEADER_BYTES: Final = 16
ENDED_AT: Final = 9
"""Where in the header stands how it ended; one byte that is overwritten takes no room on a full disk."""
ENDED_WITH_ITS_PROCESS: Final = 0
STOPPED: Final = 1
"""The file reached its bound, or could not be written: the process went on."""
FRAME_BYTES_MAX: Final = 1 << 30
DIGEST_BYTES: Final = 16
_FRAME = struct.Struct("<II")


class Start(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A process starts: who it is, and what it found."""

    text: bytes
    """Which text the core was generated from, see `fingerprint`."""
    cell: bytes
    member: int
    boot: int
    nonce: int
    config: int
    voters: int
    """The founders, as a bit mask."""
    clock: str
    """What true times count on: only times of the same clock can be compared."""
    began_ns: int
    """The true time of the start."""
    wall_ms: int
    """What the machine's own clock said then: advice, for starts that no clock compares."""
    promised: int
    longest: int
    chosen: int
    truncated: int
    accepted: list[tuple[int, int, bytes]]
    """slot, ballot, value."""
    faulty: list[tuple[int, int]] = []
    """slot, ballot at the most, where what was accepted cannot be read."""
    silent_through: int = 0
    """Nobody can tell what was accepted up to there."""
    is_damaged: bool = False
    """Some of the log could not be read: marks may be missing, too."""
    governs: tuple[int, bytes] = (0, b"")
    """The configuration that records say governs, as a value, and behind which slot; a newer one may stand in `accepted`."""
    is_unsure: bool = False
    """A newer one than that may have stood in what could not be read."""
    told: bytes = b""
    """The configuration that whoever invited this member told it; empty: nobody did."""


class Step(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """One step of the core."""

    now: int
    src: int
    fired: bool
    event: Any
    writes: Any
    sends: Any
    """Pairs of a destination (0: all others) and a message."""


class Came(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """A peer's frame came."""

    now: int
    member: int
    boot: int
    messages: Any


class Handed(msgspec.Struct, array_like=True, frozen=True, tag=4):
    """A batch was handed to the disk."""

    operations: list[tuple[str, str]]
    """What is done to which file."""
    copies: tuple[int, int, int, int] | None
    """promised, longest, boot, nonce."""
    state: tuple[int, int, int, int, list[tuple[int, int, bytes]], tuple[int, bytes]] | None
    """promised, longest, chosen, truncated, accepted, and what governs at `chosen`, of the state record that opens a segment."""
    records: list[tuple[int, int, int, bytes]]


class Done(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """The batch that was handed over is durable."""

    now: int


class Left(msgspec.Struct, array_like=True, frozen=True, tag=6):
    """Frames leave to peers: for each the members, and the messages."""

    now: int
    frames: list[tuple[list[int], Any]]


Entry = Start | Step | Came | Handed | Done | Left


class Frame(NamedTuple):
    """What was recorded in one turn."""

    first: int
    """Number of its first entry; they count from 1."""
    true_ns: int
    now: int
    entries: list[Entry]
    essence: list[int]
    """Of the core's state behind them."""


@lru_cache(maxsize=512)
def digest(value: bytes) -> bytes:
    """What stands for a value."""
    return blake2b(value, digest_size=DIGEST_BYTES).digest() if value else b""


def slim(fields: tuple[Any, ...]) -> tuple[Any, ...]:
    """A message, an input or a write, with its values replaced."""
    return tuple([_slim(field) if type(field) is not int else field for field in fields])


def slim_message(message: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same of what peers say to each other: news of the members stand as they are, for they tell whose word counts."""
    return message if message[0] == NEWS else slim(message)


def _slim(field: object) -> object:
    if type(field) is bytes:
        return field if is_configuration(field) else digest(field)
    if type(field) is dict:
        return {key: _slim(item) for key, item in field.items()}
    return slim(field) if isinstance(field, tuple) else field


FIELDS = tuple(name for name in core.Participant.__slots__ if not name.startswith("_") and name not in {"me", "founders", "acc"})


def essence(participant: Any) -> list[int]:  # noqa: ANN401 (a participant, generated, listening or made in memory)
    """The core's state in a few numbers: what differs in a field differs here, but for `acc`, of which log/ keeps a part only."""
    return [_weight(getattr(participant, name)) for name in FIELDS]


def _weight(value: Any) -> int:  # noqa: ANN401 (a number, a set as a bit mask, or a map of numbers or records)
    if type(value) is int:
        return value
    return sum([key + (item if type(item) is int else item[0]) for key, item in value.items()])


def fingerprint(module: Any = core) -> bytes:  # noqa: ANN401 (a module, the generated one or one made in memory)
    """Which text a core was generated from: its events, its rules and where they stand, its numbers."""
    told = (module.EVENT_NAMES, module.FIELD_NAMES, module.RULES, module.ROUND, module.WINDOW, module.DRIFT_PPM)
    return blake2b(repr(told).encode(), digest_size=8).digest()


# ------------------------------------------------------------------------------------------------------------------ bytes

HEADER: Final = MAGIC + bytes([VERSION, ENDED_WITH_ITS_PROCESS]) + bytes(HEADER_BYTES - 10)
HEAD_BYTES: Final = _FRAME.size
encode = msgspec.msgpack.Encoder().encode
"""An entry's or a message's bytes; the same bytes are the same message."""


def encode_frame(frame: Frame) -> bytes:
    """A frame's bytes."""
    payload = encode(frame)
    return _FRAME.pack(len(payload), google_crc32c.value(payload)) + payload


def read_header(data: bytes) -> bool:
    """Whether the recording ends where its process ended; False: it was stopped before.

    Raises:
        ProtocolError: these are not the first bytes of a recording, or a newer version wrote them.
    """
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        raise ProtocolError(reason="it does not begin like a recording")
    if data[len(MAGIC)] != VERSION:
        raise ProtocolError(reason=f"it has format {data[len(MAGIC)]}; this version reads {VERSION}")
    return data[ENDED_AT] == ENDED_WITH_ITS_PROCESS


_decoder = msgspec.msgpack.Decoder(Frame)


def read_frame(data: bytes) -> Frame:
    """A frame of its payload.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"a frame cannot be read: {error}") from None


def frame_length(head: bytes) -> int:
    """Bytes of the payload behind a frame's first `HEAD_BYTES`.

    Raises:
        ProtocolError: no frame is that long.
    """
    length: int = _FRAME.unpack(head)[0]
    if length > FRAME_BYTES_MAX:
        raise ProtocolError(reason=f"a frame of {length} bytes")
    return length


def is_intact(head: bytes, payload: bytes) -> bool:
    """Whether a payload is the one that its frame's head speaks of."""
    length, crc = _FRAME.unpack(head)
    return bool(length == len(payload) and crc == google_crc32c.value(payload))
