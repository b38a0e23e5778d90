"""Parts for tests of a node: a disk in memory, a cell of nodes whose messages travel by hand, free ports."""

import contextlib
import itertools
import random
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from gaios import api, entry, errors
from gaios.locks import LockService
from gaios.log import Copies, Options, RecordKind, encode
from gaios.log.codec import GONE, OFFER, PART, WANT, Message
from gaios.log.records import State
from gaios.log.snapshots import Handle, encode_handle, read_closing
from gaios.machine import Machine
from gaios.server import config
from gaios.server.effects import Effects, Limits
from gaios.server.node import Node
from gaios.storage import Create, Identity, Operation, Record, Remove, Rename, Write, create
from gaios.storage.snapshot import File
from gaios.transport import Answer, Decoder, Kind, decode_answer, encode_peer, encode_submit

CELL = bytes(range(16))
MS = 1_000_000
S = 1_000 * MS


class MemoryDisk:
    """Files in memory; what is executed is there."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return len(self._file(name))

    def read(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self._file(name)[offset : offset + length])

    def _file(self, name: str) -> bytearray:
        if name not in self.files:
            raise errors.StateMissing(directory="memory", what=name)
        return self.files[name]

    def execute(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, Create):
                self.files[operation.name] = bytearray(operation.size)
            elif isinstance(operation, Write):
                self.files[operation.name][operation.offset : operation.offset + len(operation.data)] = operation.data
            elif isinstance(operation, Rename):
                self.files[operation.new] = self.files.pop(operation.old)
            elif isinstance(operation, Remove):
                del self.files[operation.name]


class HandStore:
    """Snapshots that were put by, and what replicas asked for."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, bytes], list[bytes]] = {}
        """Parts by slot and digest, oldest first."""
        self.asked: list[tuple[int, Message]] = []
        """By member."""
        self.is_silent = False

    def put(self, disk: MemoryDisk, slot: int) -> Handle:
        """Put by what stands in a replica's file."""
        file = File(disk, slot)
        handle = read_closing(file.closing()).handle
        self.kept[handle.slot, handle.digest] = [file.closing(), *file.chunks()]
        return handle

    def answers(self, member: int, message: Message) -> list[Message]:
        """What it says to a replica."""
        self.asked.append((member, message))
        if self.is_silent:
            return []
        if message[0] == WANT:
            newest = [read_closing(parts[0]).handle for (slot, _), parts in self.kept.items() if slot >= message[1]][-1:]
            return [(OFFER, encode_handle(handle)) for handle in newest]
        _, slot, digest, part = message
        parts = self.kept.get((slot, digest))
        return [(GONE, slot, digest) if parts is None else (PART, slot, digest, part, parts[part])]


class HandCell:
    """Nodes whose disk batches and messages are carried out when a test says so; time moves when it says so."""

    def __init__(
        self,
        replicas: int = 3,
        *,
        machine: type[Machine] = LockService,
        limits: Limits | None = None,
        options: Options | None = None,
        segment_bytes: int = 1 << 20,
        version: Mapping[str, Any] | None = None,
        store: "HandStore | None" = None,
    ) -> None:
        """`version`: what `Node.start` is told beside the rest, to be another version."""
        self.version, self.store = version or {}, store
        self.now = 10 * S
        self._machine, self._limits, self._options, self._segment_bytes = machine, limits, options, segment_bytes
        self.members = {member: member for member in range(1, replicas + 1)}
        self.disks = {member: MemoryDisk() for member in self.members}
        state = Record(RecordKind.STATE, 0, 0, encode(State(promised=0, longest_ns=0, chosen=0, truncated=0, accepted=[])))
        for member, disk in self.disks.items():
            disk.execute(create(Identity(CELL, member, 0), encode(Copies()), state, segment_bytes=segment_bytes))
        self.nodes: dict[int, Node] = {}
        self.pending: dict[int, list[Operation]] = {}
        """A node's batch that is not carried out yet, while `hold_disks`."""
        self.hold_disks = False
        self.full: set[int] = set()
        """Whose disks have no room for a snapshot."""
        self.wire: deque[tuple[int, int, bytes]] = deque()
        self.frames: dict[int, dict[int, list[tuple[int, bytes]]]] = {}
        """What clients were sent: by member and connection."""
        self.local: list[Any] = []
        self.spares = 0
        self.due_ns: dict[int, int] = {}
        """When each node last wanted its next turn."""
        self.cut: set[int] = set()
        """Members that hear nothing and are not heard."""
        for member in self.members:
            self.start(member)

    def start(self, member: int) -> Node:
        self.wire = deque(item for item in self.wire if item[0] != member)
        self.pending.pop(member, None)
        self.frames[member] = {}
        self.nodes[member] = Node.start(
            cell=CELL,
            member=member,
            members=self.members,
            clients={member: f"h:{member}" for member in self.members},
            reader=self.disks[member],
            machine=self._machine(),
            nonce=member * 7_919,
            now=self.now,
            wall_ms=1_000,
            options=self._options,
            limits=self._limits,
            segment_bytes=self._segment_bytes,
            **self.version,
        )
        self.nodes[member].snapshots.has_store = self.store is not None
        self.drain(member)
        return self.nodes[member]

    def drain(self, member: int) -> Effects:
        node = self.nodes[member]
        effects = node.drain(self.now)
        node.check()
        self.due_ns[member] = effects.deadline_ns
        if effects.disk is not None:
            self.pending[member] = effects.disk
        if effects.spare is not None:
            self.disks[member].execute(effects.spare)
            node.spare_done(self.now)
            self.spares += 1
        if effects.snapshot is not None and member in self.full:
            node.snapshots.no_room(self.now)
        elif effects.snapshot is not None:
            self.disks[member].execute(effects.snapshot)
            node.snapshot_done(self.now)
        if effects.scrub is not None:
            node.scrubbed(self.now, effects.scrub())
            self.due_ns[member] = 0
        for message in effects.asked:
            assert self.store is not None
            for answer in self.store.answers(member, message):
                node.store_said(self.now, answer)
                self.due_ns[member] = 0
        self._send(member, effects)
        for connection, data in effects.to_clients:
            self.frames[member].setdefault(connection, []).extend(Decoder(1 << 30, magic=False).feed(data))
        self.local += effects.local
        return effects

    def _send(self, member: int, effects: Effects) -> None:
        for to, body, _ in effects.to_peers:
            if member not in self.cut and to not in self.cut:
                self.wire.append((to, member, body))

    def sync(self, member: int) -> None:
        """Carry a node's batch out."""
        self.disks[member].execute(self.pending.pop(member))
        news = self.nodes[member].disk_done(self.now)
        if not news:
            effects = self.nodes[member].release(self.now)
            self.due_ns[member] = min(self.due_ns[member], effects.deadline_ns)
            self._send(member, effects)
        self._turn(member, news=news)

    def _turn(self, member: int, *, news: bool) -> None:
        """A turn; without `news` it must not have been worth while."""
        due_ns, effects = self.due_ns[member], self.drain(member)
        if not news and self.now < due_ns:
            assert not any((effects.disk, effects.to_peers, effects.to_clients, effects.local))
            assert effects.deadline_ns >= due_ns

    def settle(self) -> None:
        """Let disks and messages go on until nothing moves."""
        while self.wire or (self.pending and not self.hold_disks):
            while self.wire:
                to, member, body = self.wire.popleft()
                assert Decoder(1 << 30, magic=False).feed(encode_peer(body)) == [(Kind.PEER, body)]
                if to in self.nodes:
                    news = self.nodes[to].peer_frame(self.now, member, self.nodes[member].replica.nonce, body)
                    self._turn(to, news=news)
            if not self.hold_disks:
                for member in list(self.pending):
                    self.sync(member)

    def run(self, duration_ns: int) -> None:
        """Let time pass in steps of 5 ms."""
        end = self.now + duration_ns
        while self.now < end:
            self.now += 5 * MS
            for member, node in self.nodes.items():
                node.tick(self.now)
                self.drain(member)
            self.settle()

    def elect(self) -> int:
        """Run until there is a master."""
        for _ in range(1_000):
            serving = [member for member, node in self.nodes.items() if node.replica.is_serving and member not in self.cut]
            if serving:
                return serving[0]
            self.run(5 * MS)
        raise AssertionError([node.status(self.now) for node in self.nodes.values()])

    def ask(self, member: int, connection: int, request: int, data: bytes) -> None:
        """A client submits an entry."""
        body = Decoder(1 << 30, magic=False).feed(encode_submit(request, data))[0][1]
        self.nodes[member].client_frame(self.now, connection, Kind.SUBMIT, body)
        self.drain(member)

    def answers(self, member: int, connection: int) -> list[Answer]:
        return [decode_answer(body) for kind, body in self.frames[member].get(connection, []) if kind == Kind.ANSWER]


def put(identity: tuple[int, int], sequence: int, key: bytes, value: bytes) -> bytes:
    """An entry that puts a key."""
    command = api.encode(api.MultiOp(then=(api.Put(key, value),)))
    return entry.encode(entry.Kind.COMMAND, entry.Identity(*identity), sequence, 0, command)


_ports = itertools.cycle(range(10_000, 20_000))
for _ in range(random.SystemRandom().randrange(10_000)):
    next(_ports)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, none twice soon, and none that the system gives to whoever dials."""
    ports: list[int] = []
    while len(ports) < count:
        port = next(_ports)
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            ports.append(port)
    return ports


def places(replicas: int) -> tuple[config.Founder, ...]:
    """Founders on free ports."""
    ports = [f"127.0.0.1:{port}" for port in free_ports(3 * replicas)]
    return tuple(config.Founder(id=i + 1, client=ports[3 * i], peer=ports[3 * i + 1], admin=ports[3 * i + 2]) for i in range(replicas))
