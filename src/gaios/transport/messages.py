"""What frames mean: the layout of every message, as pairs of functions that are each other's inverse.

    dialler → listener  HELLO                    listener → dialler  WELCOME | GOODBYE      (first, once; maps in msgpack: they may grow)
    client  → replica   SUBMIT  request u64 · entry                        one write (`gaios.entry`)
                        READ    request u64 · question                     one read (`api.Question`)
                        WATCH   request u64 · msgpack [key, end, from]     events from revision `from` on
                        CANCEL  request u64                                ends a watch
                        STATUS  request u64                                this replica's own facts
                        PING    request u64                                are you there, and do you serve?
                        CHANGE  request u64 · configuration            these shall be the members (`gaios.configuration`)
                        KEEPALIVE request u64 · …                          a session is alive (keepalive.py)
    replica → client    ANSWER  request u64 · status u8 · slot u64 · index u32 · body
                        EVENTS  request u64 · next revision u64 · msgpack [event, …]
                        WATCH_END request u64 · error                      the watch is over
                        PONG    request u64 · serving u8 · master          the answer to PING; with request 0 also unasked
                        MEMBERS configuration u64 · msgpack [HOST:PORT, …] where the replicas are, of a cell whose members changed
    replica ↔ replica   PEER    the body is log's business

Rule 1. A request's number is the sender's choice; it names the request on its connection only, and no two open ones there share it.
Rule 2. Every decoder here takes any bytes: it returns what the encoder was given, or raises `ProtocolError`.
Rule 3. Integers are little-endian. The hot path (SUBMIT, READ, ANSWER) is fixed headers; the client's bytes behind them are not looked at.
Rule 4. ANSWER's body is the reply when the status is DONE; else it is `errors.pack` of the reason (for IN_DOUBT it may be empty).

`encode_*` give the whole frame, `decode_*` take its body.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec

from gaios import errors
from gaios.api import NUMBER_MAX, Event
from gaios.errors import Error, ProtocolError
from gaios.transport.frame import encode

VERSION_MIN: Final = 1
VERSION_MAX: Final = 1
"""The versions of this protocol that this code speaks."""
ADDRESS_BYTES_MAX: Final = 261
"""The longest `HOST:PORT`: a name of 255 bytes."""


class Kind(IntEnum):
    """A frame's first byte."""

    HELLO = 1
    WELCOME = 2
    GOODBYE = 3
    SUBMIT = 16
    READ = 17
    WATCH = 18
    CANCEL = 19
    STATUS = 20
    PING = 21
    KEEPALIVE = 22
    CHANGE = 23
    ANSWER = 32
    EVENTS = 33
    WATCH_END = 34
    PONG = 35
    MEMBERS = 36
    PEER = 64


class Status(IntEnum):
    """What an ANSWER says of its attempt. The numbers are those of `log.answers`."""

    DONE = 0
    """Carried out; the body is the reply."""
    REFUSED = 1
    """Carried out, and the machine refused: the body is the error, the same at every replica."""
    NOT_MASTER = 2
    """This attempt had no effect; the body is a `NotMaster`, which may name the master."""
    OVERLOADED = 3
    """This attempt had no effect; try again later."""
    IN_DOUBT = 4
    """It was proposed and mastership was lost: it may have taken effect, or may still."""
    UNKNOWN_SESSION = 5
    """The cell does not know the client's identity; this attempt had no effect."""
    STALE = 6
    """The client said before that it has this answer."""
    INVALID = 7
    """The command cannot be understood, exceeds a limit, or finds full disks; this attempt had no effect."""
    UNAVAILABLE = 8
    """A read that this replica may not answer now: it holds no lease."""


_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Revision = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]
_Address = Annotated[str, msgspec.Meta(max_length=ADDRESS_BYTES_MAX)]
_Key = Annotated[bytes, msgspec.Meta(max_length=1025)]
"""One byte longer than a key: a range may end right behind the last one."""
_CellId = Annotated[bytes, msgspec.Meta(max_length=16)]


_members = msgspec.msgpack.Decoder(Annotated[list[_Address], msgspec.Meta(max_length=64)])


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who dials, and what it speaks. A client leaves all but the first two at their defaults, and `cell` until it knows it.  [SAFETY 4]

    Nobody fills `software` yet, here and in `Welcome`, nor the `config` of a `Welcome`: frames of peers say theirs.
    """

    role: Literal["client", "peer"]
    versions: tuple[_Natural, _Natural] = (VERSION_MIN, VERSION_MAX)
    """The lowest and the highest version that the dialler speaks."""
    cell: _CellId = b""
    member: _Natural = 0
    boot: _Natural = 0
    nonce: _Natural = 0
    config: _Natural = 0
    software: _Text = ""


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who listens, and what both speak from now on."""

    version: _Natural
    cell: _CellId
    replica: _Natural = 0
    """The operator's number of this replica's place."""
    member: _Natural = 0
    boot: _Natural = 0
    nonce: _Natural = 0
    config: _Natural = 0
    frame_bytes_max: _Natural = 0
    """The longest payload that the listener takes from this dialler."""
    serving: bool = False
    """Whether it is the master, epoch applied."""
    master: _Address = ""
    """The client address of the master, as far as it knows; its own when it serves."""
    software: _Text = ""


class Watch(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which events: of `key` alone (`end` None) or of `[key, end)`, of revision `from_revision` and later (0: after the present one)."""

    key: _Key
    end: _Key | None
    from_revision: _Revision


class Answer(NamedTuple):
    """An ANSWER, decoded. `slot` and `index` say where the entry stands in the log; 0 where that means nothing."""

    request: int
    status: int
    slot: int
    index: int  # type: ignore[assignment]  # nobody searches this tuple
    body: bytes


class Pong(NamedTuple):
    """A PONG, decoded."""

    request: int
    serving: bool
    master: str


class Events(NamedTuple):
    """An EVENTS, decoded: all that happened before `next_revision` has now been told."""

    request: int
    next_revision: int
    events: tuple[Event, ...]


_SUBMIT, _READ, _ANSWERED = int(Kind.SUBMIT), int(Kind.READ), int(Kind.ANSWER)
"""Plain numbers: an enumeration's member costs more to encode, and these are encoded at every request."""
_REQUEST = struct.Struct("<Q")
_ANSWER = struct.Struct("<QBQI")
_PONG = struct.Struct("<QB")
_EVENTS = struct.Struct("<QQ")
T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()
_hellos = msgspec.msgpack.Decoder(Hello)
_welcomes = msgspec.msgpack.Decoder(Welcome)
_watches = msgspec.msgpack.Decoder(Watch)
_events = msgspec.msgpack.Decoder(tuple[Event, ...])


def encode_hello(hello: Hello) -> bytes:
    """HELLO."""
    return encode(Kind.HELLO, _encoder.encode(hello))


def decode_hello(body: bytes) -> Hello:
    """HELLO."""
    hello = _decode(_hellos, body, "HELLO")
    low, high = hello.versions
    if low > high:
        raise ProtocolError(reason=f"HELLO offers versions {low} to {high}")
    return hello


def encode_welcome(welcome: Welcome) -> bytes:
    """WELCOME."""
    return encode(Kind.WELCOME, _encoder.encode(welcome))


def decode_welcome(body: bytes) -> Welcome:
    """WELCOME."""
    return _decode(_welcomes, body, "WELCOME")


def encode_goodbye(error: Error) -> bytes:
    """GOODBYE: the last frame of a connection, and why."""
    return encode(Kind.GOODBYE, errors.pack(error))


def decode_goodbye(body: bytes) -> Error:
    """GOODBYE."""
    return errors.unpack(body)


def encode_submit(request: int, entry: bytes) -> bytes:
    """SUBMIT."""
    return encode(_SUBMIT, _REQUEST.pack(request) + entry)


def encode_change(request: int, configuration: bytes) -> bytes:
    """CHANGE."""
    return encode(Kind.CHANGE, _REQUEST.pack(request) + configuration)


def encode_read(request: int, question: bytes) -> bytes:
    """READ."""
    return encode(_READ, _REQUEST.pack(request) + question)


def decode_submit(body: bytes) -> tuple[int, bytes]:
    """SUBMIT: the request's number and the entry, unchecked."""
    if len(body) < 8:
        raise _short("SUBMIT or READ", body)
    return _REQUEST.unpack_from(body)[0], body[8:]


decode_read = decode_submit
"""READ: the request's number and the question, unchecked."""


def encode_watch(request: int, watch: Watch) -> bytes:
    """WATCH."""
    return encode(Kind.WATCH, _REQUEST.pack(request) + _encoder.encode(watch))


def decode_watch(body: bytes) -> tuple[int, Watch]:
    """WATCH."""
    request, rest = decode_submit(body)
    return request, _decode(_watches, rest, "WATCH")


def encode_request(kind: int, request: int) -> bytes:
    """CANCEL, STATUS or PING: nothing but a request's number."""
    return encode(kind, _REQUEST.pack(request))


def decode_request(body: bytes) -> int:
    """CANCEL, STATUS or PING."""
    if len(body) != 8:
        raise ProtocolError(reason=f"a request's number has 8 bytes, not {len(body)}")
    number: int = _REQUEST.unpack(body)[0]
    return number


def encode_answer(request: int, status: int, slot: int, index: int, body: bytes) -> bytes:
    """ANSWER."""
    return encode(_ANSWERED, _ANSWER.pack(request, status, slot, index) + body)


def decode_answer(body: bytes) -> Answer:
    """ANSWER. A status that this version does not know is left to the reader: it proves nothing."""
    if len(body) < 21:
        raise _short("ANSWER", body)
    request, status, slot, index = _ANSWER.unpack_from(body)
    return Answer(request, status, slot, index, body[21:])


def encode_events(request: int, next_revision: int, events: Sequence[Event]) -> bytes:
    """EVENTS."""
    return encode(Kind.EVENTS, _EVENTS.pack(request, next_revision) + _encoder.encode(events))


def decode_events(body: bytes) -> Events:
    """EVENTS."""
    if len(body) < 16:
        raise _short("EVENTS", body)
    request, next_revision = _EVENTS.unpack_from(body)
    if next_revision > NUMBER_MAX:
        raise ProtocolError(reason=f"EVENTS goes on at revision {next_revision}, which is none")
    return Events(request, next_revision, _decode(_events, body[16:], "EVENTS"))


def encode_watch_end(request: int, error: Error) -> bytes:
    """WATCH_END."""
    return encode(Kind.WATCH_END, _REQUEST.pack(request) + errors.pack(error))


def decode_watch_end(body: bytes) -> tuple[int, Error]:
    """WATCH_END."""
    request, rest = decode_submit(body)
    return request, errors.unpack(rest)


def encode_members(configuration: int, clients: Sequence[str]) -> bytes:
    """MEMBERS."""
    return encode(Kind.MEMBERS, _REQUEST.pack(configuration) + msgspec.msgpack.encode(list(clients)))


def decode_members(body: bytes) -> tuple[int, list[str]]:
    """The configuration's number, and its members' client addresses.

    Raises:
        ProtocolError: it is none.
    """
    try:
        (number,) = _REQUEST.unpack(body[: _REQUEST.size])
        return number, _members.decode(body[_REQUEST.size :])
    except (struct.error, msgspec.DecodeError) as error:
        raise ProtocolError(reason=f"who the members are cannot be read: {error}") from None


def encode_pong(request: int, serving: bool, master: str) -> bytes:
    """PONG. `master` is a client address, or empty; `serving` means: it is me, my epoch is applied, send me work."""
    return encode(Kind.PONG, _PONG.pack(request, serving) + master.encode())


def decode_pong(body: bytes) -> Pong:
    """PONG."""
    if len(body) < 9:
        raise _short("PONG", body)
    if len(body) > 9 + ADDRESS_BYTES_MAX:
        raise ProtocolError(reason=f"PONG names a master in {len(body) - 9} bytes; at most {ADDRESS_BYTES_MAX} are allowed")
    request, serving = _PONG.unpack_from(body)
    if serving > 1:
        raise ProtocolError(reason=f"PONG says {serving} where 0 or 1 is allowed")
    try:
        return Pong(request, bool(serving), body[9:].decode())
    except UnicodeDecodeError as error:
        raise ProtocolError(reason=f"PONG: {error}") from None


def encode_peer(body: bytes) -> bytes:
    """PEER."""
    return encode(Kind.PEER, body)


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes, what: str) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"{what}: {error}") from None


def _short(what: str, body: bytes) -> ProtocolError:
    return ProtocolError(reason=f"{what} of {len(body)} bytes is shorter than its header")
