"""A node that tells every transition that it takes.  [DESIGN §3; SAFETY 5]

It is the production `Node` with an ear at five places: the core's steps, the frames that come, the batches for the disk, their ends, the
frames that leave. Nothing of that is there when nothing is recorded: other classes are built, and the hot paths test nothing.

The compiler can emit a core that tells its steps by itself; that one is for tests. Here the core that runs is the committed one, and most
of what SAFETY 5 speaks of happens after a step: the ear has to be around the node anyhow.

Rule 1. It is as pure as `Node`: what was told since the last turn is handed on as one frame, before the turn's effects are given to
whoever carries them out.
Rule 2. What is told is a copy: nothing that changes later is held.
"""

import inspect
from functools import partial
from typing import Any, Protocol

import msgspec

from gaios.configuration import is_configuration
from gaios.log import RecordKind, Replica, codec
from gaios.log.codec import Message
from gaios.log.recording import Came, Done, Entry, Frame, Handed, Left, Start, Step, digest, essence, fingerprint, slim, slim_message
from gaios.log.records import Copies, State
from gaios.paxos import core
from gaios.server.commit import GroupCommit, Waiting
from gaios.server.effects import Effects
from gaios.server.node import Node
from gaios.server.outbox import Outbox
from gaios.storage import Create, Operation, Remove, Rename, Sync, SyncDirectory, Write

_copies = msgspec.msgpack.Decoder(Copies)
_WHOLE = frozenset({RecordKind.BOOT, RecordKind.TRUNCATE})
"""Records whose payloads the checker needs as they are: they hold no client's values."""
_state = msgspec.msgpack.Decoder(State)
_WORDS = {Write: "write", Sync: "sync", Create: "create", Remove: "remove", Rename: "rename", SyncDirectory: "sync directory"}


class Sink(Protocol):
    """Where a recording goes; the shell's."""

    clock: str
    """What `true_ns` counts on: times of recordings with the same name can be compared."""

    def true_ns(self, now: int) -> int:
        """True time when the replica's clock shows `now`."""
        ...

    def begin(self, member: int, boot: int, nonce: int) -> None:
        """A recording begins."""
        ...

    def put(self, frame: Frame) -> None:
        """Keep a frame, so that it outlives this process."""
        ...


class Notes:
    """What was told since the last turn."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.found: dict[str, Any] = {}
        """What the core was given at its start: those fields of a `Start`."""
        self.told = 0
        """Entries told in earlier turns."""

    def take(self, true_ns: int, now: int, participant: core.Participant) -> Frame:
        """All of it, as a frame."""
        frame = Frame(self.told + 1, true_ns, now, self.entries, essence(participant))
        self.told += len(self.entries)
        self.entries = []
        return frame


def listening(kind: type[Any], notes: Notes) -> type[Any]:
    """A participant whose steps are told; `kind` is the generated one, or one with a planted bug."""

    class Listening(kind):  # type: ignore[misc]  # known when it is made
        __slots__ = ()

        def step(self, event: Message, src: int, now: int, out: Any) -> bool:  # noqa: ANN401 (the generated module's own)
            fired: bool = super().step(event, src, now, out)
            sends = [(to, slim(message)) for to, message in out.sends]
            notes.entries.append(Step(now, src, fired, slim(event), [slim(write) for write in out.writes], sends))
            return fired

    return Listening


class RecordedReplica(Replica):
    """A replica that tells its steps, and what came."""

    def __init__(self, *, notes: Notes, **arguments: Any) -> None:  # noqa: ANN401 (those of `Replica`)
        self.notes = notes
        kind = inspect.signature(Replica).parameters["participant"].default
        super().__init__(participant=listening(kind, notes), **arguments)
        participant = self.core  # a boot, all that may have happened to it, changes none of this
        accepted = [(slot, ballot, _shown(value)) for slot, (ballot, value) in sorted(participant.acc.items())]
        recovered = arguments["recovered"]
        notes.found = {
            "promised": participant.promised,
            "longest": participant.longest,
            "chosen": participant.chosen,
            "truncated": participant.truncated,
            "accepted": accepted,
            "faulty": sorted(participant.faulty.items()),
            "silent_through": self._steps.silent_through,
            "is_damaged": bool(recovered.waiting),
            "governs": (recovered.governs, recovered.configuration),
            "is_unsure": self._steps.is_unsure,
        }

    def receive(self, now: int, member: int, boot: int, nonce: int, messages: list[Message]) -> bool:
        """As `Replica.receive`."""
        if member != self.me:
            self.notes.entries.append(Came(now, member, boot, [slim_message(message) for message in messages]))
        return super().receive(now, member, boot, nonce, messages)


class RecordedCommit(GroupCommit):
    """A group commit that tells its batches."""

    def __init__(self, notes: Notes, *arguments: Any) -> None:  # noqa: ANN401 (those of `GroupCommit`)
        super().__init__(*arguments)
        self._notes = notes
        self._opened: State | None = None
        state = self._state

        def heard() -> tuple[int, int, int, bytes]:
            record = state()
            self._opened = _state.decode(record[3])
            return record

        self._state = heard

    def batch(self, now: int) -> list[Operation] | None:
        """As `GroupCommit.batch`."""
        copies, records = self._copies, self._records
        self._opened = None
        operations = super().batch(now)
        if self._lacking:  # all that gathered stays where it is
            copies, records, self._opened = None, [], None
        if operations is not None:
            # Beside what gathers stand the batches of the journal's own: a mark, old segments that go.
            own = self._flying_records is not records
            self._notes.entries.append(_handed(operations, None if own else copies, self._opened, [] if own else records))
        return operations

    def done(self, now: int) -> tuple[Waiting, int]:
        """As `GroupCommit.done`."""
        self._notes.entries.append(Done(now))
        return super().done(now)


def _shown(value: bytes) -> bytes:
    """What stands for a value: configurations stand as they are."""
    return value if is_configuration(value) else digest(value)


def _handed(operations: list[Operation], copies: bytes | None, opened: State | None, records: list[tuple[int, int, int, bytes]]) -> Handed:
    told = [(_WORDS[type(operation)], operation.new if isinstance(operation, Rename) else operation.name) for operation in operations]
    promise = state = None
    if copies is not None:
        found = _copies.decode(copies)
        promise = (found.promised, found.longest_ns, found.boot, found.nonce)
    if opened is not None:
        accepted = [(slot, ballot, _shown(value)) for slot, ballot, value in opened.accepted]
        state = (opened.promised, opened.longest_ns, opened.chosen, opened.truncated, accepted, opened.governs)
    written = [
        (kind, slot, ballot, _shown(data) if kind == RecordKind.ACCEPT else data if kind in _WHOLE else b"")
        for kind, slot, ballot, data in records
    ]
    return Handed(told, promise, state, written)


class RecordedNode(Node):
    """A node that tells what it does. Made by `start_recorded`."""

    _sink: Sink

    def __init__(self, *, replica: RecordedReplica, **arguments: Any) -> None:  # noqa: ANN401 (those of `Node`)
        super().__init__(replica=replica, make_commit=partial(RecordedCommit, replica.notes), **arguments)
        self._notes = replica.notes
        self._bodies: list[tuple[bytes, list[Message]]] = []
        self._outbox = Outbox(lambda: replica.peers, self._encode)

    def listen(self, sink: Sink, start: Start) -> None:
        """Tell from now on; `start` stands before all that the start itself did."""
        self._sink = sink
        self._notes.entries.insert(0, start)
        sink.begin(start.member, start.boot, start.nonce)

    def _encode(self, messages: list[Message]) -> bytes:
        body = codec.encode(self.replica.me, self.replica.boot, self.replica.config, messages, self.replica.applier.feature)
        self._bodies.append((body, messages))
        return body

    def drain(self, now: int) -> Effects:
        """As `Node.drain`; it is told first."""
        return self._told_of(now, super().drain(now))

    def release(self, now: int) -> Effects:
        """As `Node.release`; it is told first."""
        return self._told_of(now, super().release(now))

    def _told_of(self, now: int, effects: Effects) -> Effects:
        if effects.to_peers:
            self._notes.entries.append(Left(now, [self._left(body, messages, effects) for body, messages in self._bodies]))
        self._bodies.clear()
        if self._notes.entries:
            self._sink.put(self._notes.take(self._sink.true_ns(now), now, self.replica.core))
        return effects

    def _left(self, body: bytes, messages: list[Message], effects: Effects) -> tuple[list[int], Any]:
        return [member for member, sent, _ in effects.to_peers if sent is body], [slim_message(message) for message in messages]


def start_recorded(sink: Sink, *, cell: bytes, now: int, wall_ms: int, **arguments: Any) -> RecordedNode:  # noqa: ANN401 (those of `Node.start`)
    """As `Node.start`, and everything that the node does is told from its first step on.

    Raises:
        StateMissing, StateDamaged, AnotherCell: as `Node.start`.
    """
    notes, make = Notes(), arguments.pop("make", Replica)
    kind: type[RecordedReplica] = RecordedReplica if make is Replica else type("Recorded", (RecordedReplica, make), {})
    node = RecordedNode.start(cell=cell, now=now, wall_ms=wall_ms, make=partial(kind, notes=notes), **arguments)
    replica = node.replica
    start = Start(
        text=fingerprint(),
        cell=cell,
        member=replica.me,
        boot=replica.boot,
        nonce=replica.nonce,
        config=replica.config,
        voters=replica.core.founders,
        clock=sink.clock,
        began_ns=sink.true_ns(now),
        wall_ms=wall_ms,
        told=arguments["told"].encode() if arguments.get("told") is not None else b"",
        **notes.found,
    )
    node.listen(sink, start)
    return node
