"""A cell in the test's own process: real sockets, real transport, a real machine, one log and no consensus.

Every replica answers from the same state; which of them is the master, which answer at all, and which do not even greet, says the test.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self, cast

from gaios import caching, entry, errors
from gaios.entry import NOBODY
from gaios.errors import Error, NotMaster, ProtocolError
from gaios.locks import LockService, Steward, is_lock_command
from gaios.log.applier import Applier
from gaios.log.sessions import Bounds, Sessions
from gaios.server.watches import Watches
from gaios.transport import (
    Kind,
    Listener,
    Status,
    decode_keepalive,
    decode_read,
    decode_request,
    decode_submit,
    decode_watch,
    encode_answer,
    encode_goodbye,
    encode_pong,
    refuse,
)
from tests import servers
from tests.server.parts import free_ports

CELL = b"a cell in memory"
NAME = "harbour"


class FakeCell:
    """`async with FakeCell(3) as fake`: `fake.endpoints` is what `gaios.connect` takes."""

    def __init__(self, replicas: int = 3) -> None:
        self.machine = LockService()
        self.applier = Applier(self.machine, Sessions(Bounds(sessions=100)))
        self.epoch = 65_537
        self.applier.apply(1, entry.batch([entry.epoch(self.epoch)], 0))
        self.steward = Steward(self.machine, self.propose)
        self.now_ns = 1_000_000_000
        """The master's clock; a test moves it: see `pass_ms`."""
        self.watches = Watches(self.applier.machine, 100)
        self.replicas = [FakeReplica(self, number) for number in range(1, replicas + 1)]
        self.master = 1
        self.lose_answers = 0
        """So many answers to writes from now on never leave, though the writes are carried out."""
        self.refusals: list[tuple[Status, Error]] = []
        """What the next writes are answered, without being carried out."""
        self.submits = self.questions = 0
        self.waiting: dict[Any, Callable[[bytes], None]] = {}
        """Lock commands at the gate."""
        self.pieces = 0
        """How often bytes came."""
        self.loads = 0
        """How often writes were among them."""

    async def __aenter__(self) -> Self:
        for replica in self.replicas:
            await replica.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for replica in self.replicas:
            await replica.stop()

    @property
    def endpoints(self) -> str:
        return ",".join(replica.address for replica in self.replicas)

    @property
    def master_address(self) -> str:
        return self.replicas[self.master - 1].address if self.master else ""

    def connections(self) -> list["FakeConnection"]:
        return [connection for replica in self.replicas for connection in replica.connections]

    def submit(self, data: bytes) -> tuple[int, int, int, bytes]:
        """One entry, one slot."""
        self.submits += 1
        (answer,), effects = self.applier.apply(self.applier.applied + 1, entry.batch([data], 0))
        self.happened(effects)
        return answer

    def happened(self, effects: list[Any]) -> None:
        """Tell who listens."""
        if effects:
            self.watches.applied(effects)
            self.steward.applied(effects)
        asyncio.get_running_loop().call_soon(self.deliver)

    def propose(self, number: int, command: bytes) -> None:
        """A charge: chosen at once."""
        asyncio.get_running_loop().call_soon(self.charge, number, entry.master(self.epoch, command))

    def charge(self, number: int, data: bytes) -> None:
        """It is applied."""
        (answer,), effects = self.applier.apply(self.applier.applied + 1, entry.batch([data], 0))
        self.happened(effects)
        self.steward.charged(self.now_ns, number, answer.status, answer.body)

    async def pass_ms(self, ms: int) -> None:
        """Let the master's clock go on, a charge at a time."""
        end_ns = self.now_ns + ms * 1_000_000
        while self.now_ns < end_ns:
            due_ns = self.steward.due_ns()
            self.now_ns = min(end_ns, max(due_ns, self.now_ns + 1))
            self.deliver()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def fail_over(self, master: int = 0) -> None:
        """A new reign: whatever the old master knew alone is lost."""
        self.epoch += 65_536
        self.master = master or self.master
        self.applier.apply(self.applier.applied + 1, entry.batch([entry.epoch(self.epoch)], 0))
        self.deliver()

    def deliver(self) -> None:
        """Events to whoever watches, answers to KeepAlives."""
        for number, frame in self.watches.take(0):
            self.say(number, frame)
        for _ in range(100):
            for (number, request), status, body in self.steward.take(self.now_ns, self.epoch if self.master else 0):
                error = NotMaster(replica=1, master=self.master_address) if status == Status.NOT_MASTER else None
                self.say(number, encode_answer(request, status, 0, 0, errors.pack(error) if error else body))
            for token, data in self.steward.gate.take(self.now_ns):
                self.go_on(token, data)
            if self.steward.due_ns() > 0:
                break

    def go_on(self, token: Any, data: bytes) -> None:
        """A lock command passed the gate: it is bound to the reign, and chosen at once."""
        self.waiting.pop(token)(entry.bind(data, self.epoch))
        self.steward.gate.answered(token)

    def say(self, number: int, frame: bytes) -> None:
        """To a connection, if it is there."""
        for connection in self.connections():
            if connection.number == number and not connection.replica.is_frozen:
                connection.say(frame)

    def forget_sessions(self) -> None:
        """As if all had been evicted."""
        self.applier.sessions.restore(iter(()))


class FakeReplica:
    """One address."""

    def __init__(self, cell: FakeCell, number: int) -> None:
        self.cell = cell
        self.number = number
        (self.port,) = free_ports(1)
        self.server: asyncio.Server | None = None
        self.connections: set[FakeConnection] = set()
        self.is_frozen = False
        """As SIGSTOP: the kernel takes connections and bytes, nobody answers."""
        self.held: list[Callable[[], None]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, at the same port as before."""
        self.server = await asyncio.get_running_loop().create_server(lambda: FakeConnection(self), "127.0.0.1", self.port)

    async def stop(self) -> None:
        """As kill -9."""
        if self.server is not None:
            server, self.server = self.server, None
            await servers.end(server, lambda: [connection.transport for connection in self.connections])

    def thaw(self) -> None:
        """As SIGCONT."""
        self.is_frozen = False
        held, self.held = self.held, []
        for what in held:
            what()


class FakeConnection(asyncio.Protocol):
    """One client at one replica."""

    numbers = 0

    def __init__(self, replica: FakeReplica) -> None:
        FakeConnection.numbers += 1
        self.number = FakeConnection.numbers
        self.replica = replica
        self.cell = replica.cell
        self.listener = Listener(CELL)
        self.transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.replica.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.replica.connections.discard(self)
        self.cell.watches.gone(self.number)

    def data_received(self, data: bytes) -> None:
        self.cell.pieces += 1
        if self.replica.is_frozen:
            self.replica.held.append(lambda: self.data_received(data))
            return
        try:
            frames = self.listener.feed(data)
        except Error as error:
            self.transport.write(encode_goodbye(error) if self.listener.accepted else refuse(error))
            self.transport.close()
            return
        if not self.listener.accepted:
            serving = self.serves()
            self.say(self.listener.accept(replica=self.replica.number, serving=serving, master=self.cell.master_address))
        self.cell.loads += any(kind == Kind.SUBMIT for kind, _ in frames)
        for kind, body in frames:
            self.serve(kind, body)

    def serves(self) -> bool:
        return self.cell.master == self.replica.number

    def say(self, frame: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame)

    def serve(self, kind: int, body: bytes) -> None:
        if kind == Kind.PING:
            self.say(encode_pong(decode_request(body), self.serves(), self.cell.master_address))
        elif kind == Kind.STATUS:
            self.say(encode_answer(decode_request(body), Status.DONE, 0, 0, json.dumps(self.status()).encode()))
        elif kind == Kind.CANCEL:
            self.cell.watches.cancel(self.number, decode_request(body))
        elif kind == Kind.WATCH:
            request, watch = decode_watch(body)
            self.say(self.cell.watches.begin(0, self.number, request, watch))
            asyncio.get_running_loop().call_soon(self.cell.deliver)
        elif kind == Kind.KEEPALIVE:
            keepalive = decode_keepalive(body)
            reign = self.cell.epoch if self.serves() else 0
            self.cell.steward.keepalive((self.number, keepalive.request), keepalive, reign=reign, leased=True)
            asyncio.get_running_loop().call_soon(self.cell.deliver)
        elif kind == Kind.READ:
            self.read(*decode_read(body))
        elif kind == Kind.SUBMIT:
            self.submit(*decode_submit(body))
        else:
            raise ProtocolError(reason=f"a client sent kind {kind}")

    def submit(self, request: int, data: bytes) -> None:
        if not self.serves():
            self.refuse(request, Status.NOT_MASTER, NotMaster(replica=self.replica.number, master=self.cell.master_address))
        elif self.cell.refusals and entry.check_submitted(data).identity != NOBODY:
            self.refuse(request, *self.cell.refusals.pop(0))
        elif not is_lock_command(data[entry.ENTRY_HEADER_BYTES :]):
            self.carry_out(request, data)
        else:
            gate, token = self.cell.steward.gate, (self.number, request)
            gate.begin(self.cell.now_ns, self.cell.epoch)
            self.cell.waiting[token] = partial(self.carry_out, request)
            if gate.admit(self.cell.now_ns, token, data[entry.ENTRY_HEADER_BYTES :], data):
                self.cell.go_on(token, data)
            asyncio.get_running_loop().call_soon(self.cell.deliver)

    def carry_out(self, request: int, data: bytes) -> None:
        status, slot, index, body = self.cell.submit(data)
        if self.cell.lose_answers:
            self.cell.lose_answers -= 1
        else:
            self.say(encode_answer(request, status, slot, index, body))

    def read(self, request: int, question: bytes) -> None:
        if not self.serves():
            self.refuse(request, Status.NOT_MASTER, NotMaster(replica=self.replica.number, master=self.cell.master_address))
            return
        may = None
        if question.startswith(caching.CACHED_PREFIX):
            question, may = self.cell.steward.gate.fetch(self.cell.now_ns, self.cell.epoch, question)
        self.cell.questions += 1
        try:
            body = self.cell.applier.machine.query(question)
            if may is not None:
                body = caching.encode(caching.MayCache(may, body))
        except Error as error:
            self.refuse(request, Status.REFUSED, error)
        else:
            self.say(encode_answer(request, Status.DONE, self.cell.applier.applied, 0, body))

    def refuse(self, request: int, status: Status, error: Error) -> None:
        self.say(encode_answer(request, status, 0, 0, errors.pack(error)))

    def status(self) -> dict[str, Any]:
        replicas = self.cell.replicas
        return {
            "cell": CELL.hex(),
            "name": NAME,
            "id": self.replica.number,
            "member": self.replica.number,
            "role": "master" if self.serves() else "replica",
            "voting": True,
            "ballot": 65_537,
            "epoch": 65_537,
            "applied": self.cell.applier.applied,
            "members": [{"id": one.number, "member": one.number, "client": one.address} for one in replicas],
            "invented later": [1, 2, 3],
        }


async def told(ask: Callable[[float], Awaitable[object]], words: str = "") -> Error:
    """The definite error, with these words, of a call that ends at its time-out.

    On a slow machine the time may be up before what is to be told was heard, or while an attempt is under way, which proves nothing: then
    it is asked again, and given more time.
    """
    heard: list[Error] = []
    for timeout in (0.3, 0.3, 0.3, 1.3, 1.3, 1.3, 5.0, 5.0, 20.0):
        try:
            await ask(timeout)
        except Error as error:
            if error.definite and words in str(error):
                return error
            heard.append(error)
        else:
            raise AssertionError("it was done")
    raise ExceptionGroup("none of them says it", heard)
