"""What travels, in words that a reader of a run understands: frames, values, requests, ballots.

Rule 1. Any bytes have words: what is damaged says so, and raises nothing.
Rule 2. A word that is searched for is always spelt the same: `ballot 3.1`, `slot 12`, `call 7`.
"""

from collections.abc import Iterable
from typing import Final

from gaios import api, errors, lock_api
from gaios.entry import Entry, entries
from gaios.entry import Kind as EntryKind
from gaios.log import codec, feature
from gaios.paxos import core
from gaios.transport import CLIENT_BYTES_MAX, PEER_BYTES_MAX, Decoder, Kind, Status, decode_answer, decode_events, decode_submit
from gaios.transport.frame import MAGIC

ELECTIONS: Final = "elections"
VALUES: Final = "values"
CATCH_UP: Final = "catch-up"
LEASES: Final = "leases"
REQUESTS: Final = "requests"
ANSWERS: Final = "answers"
_GROUPS: Final = {
    codec.POLL: ELECTIONS,
    codec.POLLED: ELECTIONS,
    codec.OFFER: CATCH_UP,
    codec.ASK: CATCH_UP,
    codec.PART: CATCH_UP,
    codec.GONE: CATCH_UP,
    codec.TAKEN: CATCH_UP,
    codec.WANT: CATCH_UP,
    core.PREPARE: ELECTIONS,
    core.PROMISE: ELECTIONS,
    core.ACCEPT: VALUES,
    core.ACCEPTED: VALUES,
    core.LEARN: VALUES,
    core.FETCH: CATCH_UP,
    core.CHOSEN: CATCH_UP,
}
"""What a message is about; all others are about leases."""
_ORDER: Final = (ELECTIONS, VALUES, CATCH_UP, LEASES)
_OTHERS: Final = {
    codec.ROOM: "room on my disk: {1} (0 is plenty)",
    codec.NEWS: "the members are others now",
    codec.STAND: "know slot {1}, ailments {2}",
    codec.OFFER: "that slot was truncated here: take my snapshot",
    codec.ASK: "give me part {3} of the snapshot behind slot {1}",
    codec.PART: "part {3} of the snapshot behind slot {1}",
    codec.GONE: "the snapshot behind slot {1} is not here",
    codec.TAKEN: "my snapshot behind slot {1} is durable",
    codec.WANT: "offer me a proved snapshot behind slot {1} or later",
}
_LOCKS: Final = b"\x70"
"""The second byte of a command: from here on it is the lock service's."""
_SHORT: Final = 24
_MOST: Final = 8
"""Parts of one frame or value that are told; the rest are counted."""
Told = tuple[str, str]
"""What it is about, and what it says."""


def ballot(number: int) -> str:
    """A ballot as (round, member)."""
    return f"{number // core.ROUND}.{number % core.ROUND}"


def peer_frame(frame: bytes) -> Told:
    """A frame between replicas."""
    try:
        ((_, body),) = Decoder(PEER_BYTES_MAX, magic=False).feed(frame)
        messages = codec.decode(body, feature.LEVEL_END)[3]
    except (errors.ProtocolError, ValueError):
        return LEASES, "a damaged frame"
    groups = {_GROUPS.get(message[0], LEASES) for message in messages}
    return min(groups, key=_ORDER.index, default=LEASES), joined(_message(message) for message in messages)


def _message(message: codec.Message) -> str:
    """One message of the core, of elections, or of comparisons."""
    tag = message[0]
    if tag == codec.POLL:
        return f"poll: would you promise? I have promised ballot {ballot(message[2])}, know slot {message[3]}"
    if tag == codec.POLLED:
        return f"polled: {'yes' if message[2] else 'no'}, promised ballot {ballot(message[3])}, know slot {message[4]}"
    if tag == codec.BOOT:
        return f"boot {message[1][-1][0]} begins"
    if tag == codec.BOOTED:
        known = ", ".join(f"member {row[0]} in boot {row[1]}" for row in message[3][:_MOST])
        return f"booted: {f'told boot {message[1]}, ' if message[1] else ''}know {known}"
    if tag == codec.SUM:
        return f"slot {message[1]} came to {message[3]:016x}/{message[4]:016x}{', and yours?' if message[5] else ''}"
    if tag == codec.FEATURE:
        return f"feature levels through {message[2]} are supported" if message[2] else "which feature level is supported?"
    if tag in _OTHERS:
        return _OTHERS[tag].format(*message)
    name = core.EVENT_NAMES[tag].lower()
    if tag == core.FETCH:
        return f"fetch slot {message[1]}"
    if tag == core.CHOSEN:
        return f"chosen slot {message[1]}, ballot {ballot(message[2])}: {value(message[3])}"
    said = f"{name} ballot {ballot(message[1])}"
    if tag == core.PROMISE:
        held = ", ".join(f"slot {slot} of ballot {ballot(at)}" for slot, (at, _) in sorted(message[4].items())[:_MOST])
        return f"{said}, know slot {message[3]}{', hold ' + held if held else ''}"
    if tag == core.ACCEPT:
        return f"{said}, slot {message[3]}: {value(message[4])}"
    if tag in (core.ACCEPTED, core.LEARN):
        return f"{said}, slot {message[3]}"
    if tag in (core.HEARTBEAT, core.GRANT):
        return f"{said}, for {message[4] / 1e6:g} ms"
    return said


def client_bytes(data: bytes) -> Told:
    """What leaves a client or is answered to one, whole frames."""
    try:
        frames = Decoder(max(CLIENT_BYTES_MAX, len(data)), magic=data.startswith(MAGIC)).feed(data)
        words = [_frame(kind, body) for kind, body in frames]
    except (errors.Error, ValueError):
        return REQUESTS, "damaged bytes"
    is_answer = any(kind in _ANSWERS for kind, _ in frames)
    return ANSWERS if is_answer else REQUESTS, joined(words)


_ANSWERS: Final = frozenset({Kind.WELCOME, Kind.GOODBYE, Kind.ANSWER, Kind.EVENTS, Kind.WATCH_END, Kind.PONG})


def _frame(kind: int, body: bytes) -> str:
    name = Kind(kind).name.lower().replace("_", " ")
    if kind == Kind.ANSWER:
        answer = decode_answer(body)
        where = f", slot {answer.slot}.{answer.index}" if answer.slot else ""
        return f"answer {answer.request}: {Status(answer.status).name.lower().replace('_', ' ')}{where}"
    if kind == Kind.EVENTS:
        told = decode_events(body)
        return f"{len(told.events)} events below revision {told.next_revision}"
    if kind in {Kind.SUBMIT, Kind.READ}:
        return f"{name} {decode_submit(body)[0]}"
    return name


def value(data: bytes) -> str:
    """A slot's value."""
    if not data:
        return "no-op"
    try:
        return joined(map(_entry, entries(data)))
    except (errors.Error, ValueError):
        return f"{len(data)} bytes"


def _entry(entry: Entry) -> str:
    if entry.kind == EntryKind.COMMAND:
        return command(entry.command)
    if entry.kind == EntryKind.MASTER:
        return f"{command(entry.command)}, ballot {ballot(entry.identity.slot)}"
    if entry.kind == EntryKind.CHECK:
        return f"a check of the reign {ballot(entry.identity.slot)}"
    if entry.kind == EntryKind.EPOCH:
        return f"epoch ballot {ballot(entry.identity.slot)}"
    if entry.kind == EntryKind.FEATURE:
        return f"feature level {entry.sequence}, by {ballot(entry.identity.slot)}"
    return EntryKind(entry.kind).name.lower() if entry.kind in set(EntryKind) else f"an entry of kind {entry.kind}"


def command(data: bytes) -> str:
    """A command of the database or of the lock service, as bytes."""
    try:
        return request(api.decode_command(data)) if data[1:2] < _LOCKS else lock_request(lock_api.decode_command(data))
    except errors.Error:
        return f"{len(data)} bytes"


def request(asked: object) -> str:
    """A client's request."""
    match asked:
        case api.MultiOp():
            guard = " and ".join(_operation(test) for test in asked.guard)
            return f"{f'if {guard}: ' if guard else ''}{joined(map(_operation, asked.then))}"
        case api.Range():
            everything = not asked.key and asked.end is not None
            return "get all" if everything else f"get {text(asked.key)}{f' to {text(asked.end)}' if asked.end else ''}"
        case api.Compact():
            return f"compact revision {asked.revision}"
        case _:
            return type(asked).__name__


def lock_request(asked: lock_api.LockCommand | lock_api.LockQuestion) -> str:
    """A command or a question of the lock service."""
    if isinstance(asked, lock_api.Charge):
        return f"charge {asked.elapsed_ms} ms"
    of = [f"{name} {value}" for name in ("session", "handle", "path") if (value := getattr(asked, name, None)) is not None]
    return " ".join([type(asked).__name__, *of])


def _operation(operation: object) -> str:
    match operation:
        case api.Put():
            return f"put {text(operation.key)}={text(operation.value)}"
        case api.Test():
            if operation.field in {"absent", "present"}:
                return f"{text(operation.key)} is {operation.field}"
            to = text(operation.to) if isinstance(operation.to, bytes) else operation.to
            return f"{text(operation.key)}.{operation.field} {operation.op} {to}"
        case api.Get() | api.Delete():
            return f"{type(operation).__name__.lower()} {text(operation.key)}"
        case api.Increment():
            return f"increment {text(operation.key)} by {operation.by}"
        case _:
            return repr(operation)


def text(data: bytes) -> str:
    """A key or a value, not too long."""
    shown = data[:_SHORT].decode(errors="backslashreplace")
    return shown if len(data) <= _SHORT else f"{shown}… ({len(data)} bytes)"


def joined(words: Iterable[str]) -> str:
    """Several in one; equal ones once, with their number."""
    counted: dict[str, int] = {}
    for each in words:
        counted[each] = counted.get(each, 0) + 1
    parts = [each if count == 1 else f"{count} × {each}" for each, count in counted.items()]
    return "; ".join(parts[:_MOST]) + (f"; and {len(parts) - _MOST} more" if len(parts) > _MOST else "")
