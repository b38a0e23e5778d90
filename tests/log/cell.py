"""A few replicas of the log in one process, with a clock that a test moves, links that it cuts, and records that are durable at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from gaios import entry
from gaios.configuration import Configuration
from gaios.errors import InvalidCommand, NotANumber, Removed
from gaios.log import (
    OTHERS,
    Answer,
    Copies,
    Options,
    Output,
    RecordKind,
    Recovered,
    Replica,
    Rotten,
    Status,
    codec,
    encode,
    recover,
    recover_damaged,
)
from gaios.log.applier import Applier
from gaios.log.codec import Message
from gaios.log.options import MS
from gaios.log.records import Record
from gaios.machine import Context, Machine


class Register(Machine):
    """Appends what it is told; `fail` is a deterministic error, `bad` is malformed, `del` makes room."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.contexts: list[Context] = []

    def validate(self, command: bytes) -> None:
        if command == b"bad":
            raise InvalidCommand(reason="bad")

    def grows(self, command: bytes) -> bool:
        return command != b"del"

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        if command == b"fail":
            raise NotANumber(key=b"k", reason="told to fail")
        self.log.append(command)
        self.contexts.append(context)
        return b"did " + command, [command]

    def query(self, question: bytes) -> bytes:
        return question + b":" + b",".join(self.log)

    def checksum(self) -> int:
        return len(self.log)

    def snapshot(self) -> Iterator[bytes]:
        return iter(tuple(self.log))

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.log = list(chunks)


class Node:
    """A replica, and what its disk holds."""

    def __init__(self, cell: "Cell", me: int, told: Configuration | None = None) -> None:
        self.cell, self.me, self.boot, self.lot, self.told = cell, me, 0, 0, told
        self.copies = encode(Copies())
        self.records: list[Record] = []
        self.pending: list[Output] = []
        self.answers: dict[Any, Answer] = {}
        self.effects: list[Any] = []
        self.disk_works = True
        self.applier: type[Applier] = Applier
        """Which version it is."""
        self.removed: Removed | None = None
        """Why it stopped, if it did because it is no member any more."""
        self.up = True
        self.forgot_boots = False
        """Whether the next start is told that records of boots may have rotted."""
        self.rotten: list[int] = []
        """Slots whose records the next start cannot read."""
        cell.nodes[me] = self
        self.start()

    def start(self) -> None:
        """A new process on what the disk holds."""
        self.boot += 1
        self.up = True
        self.pending = []
        self.machine = Register()
        recovered = self.recovered() if self.boot > 1 else Recovered(Copies())
        recovered.forgot_boots = self.forgot_boots
        recovered.directory = str(self.me)
        self.replica = Replica(
            me=self.me,
            members={member: member for member in self.cell.members},
            boot=self.boot,
            nonce=self.nonce(self.boot),
            recovered=recovered,
            machine=self.machine,
            options=self.cell.options,
            now=self.cell.now,
            applier=self.applier,
            told=self.told,
        )
        self.drain()

    def recovered(self) -> Recovered:
        """What a start makes of the disk."""
        if not self.rotten:
            return recover(self.copies, self.records)
        whole = [record for record in self.records if record[0] != RecordKind.ACCEPT or record[1] not in self.rotten]
        lost = [record for record in self.records if record not in whole]
        places = [Rotten(self.records.index(each) - n, (1, n, n + 1), each[:3], 1) for n, each in enumerate(lost)]
        return recover_damaged(self.copies, whole, places)

    def nonce(self, boot: int) -> int:
        """Of its boot of this number; other lots draw others."""
        return self.lot * 100_000 + self.me * 1_000 + boot

    def drain(self) -> None:
        """Carry out everything that the replica wants done."""
        while (output := self.replica.output(self.cell.now)) is not None:
            self.cell.send(self.me, output.at_once)
            self.answers.update(output.answers)
            self.effects.extend(output.effects)
            self.pending.append(output)
            for member, slot in output.reads:
                newest = (record[2:] for record in reversed(self.records) if record[:2] == (RecordKind.ACCEPT, slot))
                ballot, value = next(newest)
                self.replica.supply(self.cell.now, member, slot, ballot, value)
            self.sync()

    def sync(self) -> None:
        """The disk catches up, if it works."""
        if not self.disk_works:
            return
        pending, self.pending = self.pending, []
        for output in pending:
            if output.copies is not None:
                self.copies = output.copies
            self.records.extend(output.records)
            self.cell.send(self.me, output.after)
            self.replica.synced(self.cell.now, output.number)


class Cell:
    """Replicas 1…n and the links between them."""

    def __init__(self, size: int = 3, **options: int) -> None:
        self.options = Options(**options)
        self.members = range(1, size + 1)
        self.now = 1_000_000 * MS
        self.wire: deque[tuple[int, int, int, bytes]] = deque()
        self.cut: Callable[[int, int, Message], bool] = lambda _from, _to, _message: False
        self.nodes: dict[int, Node] = {}
        for member in self.members:
            self.nodes[member] = Node(self, member)

    def send(self, me: int, said: Iterable[tuple[int, Message]]) -> None:
        """What leaves together is one frame to each, through the real codec; a cut link takes messages out of it."""
        frames: dict[int, list[Message]] = {}
        for to, message in said:
            for member in self.nodes[me].replica.peers if to == OTHERS else [to]:
                if member == me or not self.cut(me, member, message):
                    frames.setdefault(member, []).append(message)
        for member, messages in frames.items():
            boot = self.nodes[me].boot
            replica = self.nodes[me].replica
            self.wire.append((me, member, boot, codec.encode(me, boot, replica.config, messages, replica.applier.feature)))

    def settle(self) -> None:
        """Deliver until nothing moves."""
        for _ in range(100_000):
            if not self.wire:
                return
            me, to, boot, data = self.wire.popleft()
            node = self.nodes.get(to)
            if node is None or not node.up or (me == to and boot != node.boot):
                continue
            member, boot, config, messages = codec.decode(data, node.applier.highest)
            try:
                if config > node.replica.told.number:
                    node.replica.overtaken(self.now, member, boot, self.nodes[member].nonce(boot), config)
                node.replica.receive(self.now, member, boot, self.nodes[member].nonce(boot), messages)
            except Removed as error:
                node.up, node.removed = False, error
                continue
            node.replica.check()
            node.drain()
        raise AssertionError("the cell never comes to rest")

    def run(self, ms: int, step_ms: int = 5) -> None:
        """Let time pass."""
        end = self.now + ms * MS
        self.settle()
        while self.now < end:
            self.now += step_ms * MS
            for node in self.nodes.values():
                if node.up and self.now >= node.replica.deadline_ns():
                    node.replica.tick(self.now)
                    node.replica.check()
                    node.drain()
            self.settle()

    @property
    def masters(self) -> list[int]:
        """Who serves."""
        return [member for member, node in self.nodes.items() if node.up and node.replica.is_serving]

    def elect(self, within_ms: int = 3_000) -> Node:
        """Run until exactly one serves."""
        for _ in range(within_ms // 5):
            self.run(5)
            holders = [member for member in self.masters if self.nodes[member].replica.lease_ns(self.now)]
            if len(holders) == 1:
                return self.nodes[holders[0]]
        raise AssertionError(f"no master within {within_ms} ms: {self.masters}")

    def submit(self, node: Node, data: bytes, token: Any = None) -> Answer:
        """An entry's answer; it must come."""
        token = token if token is not None else object()
        node.replica.submit(self.now, token, data)
        node.drain()
        self.settle()
        return node.answers[token]

    def read(self, node: Node, question: bytes = b"?") -> Answer | None:
        """A question's answer, if it came."""
        token = object()
        node.replica.read(self.now, token, question)
        node.drain()
        self.settle()
        return node.answers.get(token)


class Client:
    """A client with an identity."""

    def __init__(self, cell: Cell, node: Node) -> None:
        answer = cell.submit(node, entry.register())
        assert answer.status == Status.DONE
        self.identity = entry.Identity(answer.slot, answer.index)
        self.sequence = 0

    def command(self, command: bytes, *, sequence: int | None = None, acknowledged: int | None = None) -> bytes:
        """The next command's entry, or one again."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        return entry.encode(entry.Kind.COMMAND, self.identity, sequence, sequence - 1 if acknowledged is None else acknowledged, command)
