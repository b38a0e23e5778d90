"""Real shells for tests: replicas in this process on free loopback ports, and a client that speaks frames."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest import mock

from gaios import entry
from gaios.log import Options
from gaios.machine import Machine
from gaios.server import config, directory, turns
from gaios.server.doors import Doors
from gaios.server.logs import Logger
from gaios.server.replica import Replica
from gaios.transport import MAGIC, Answer, Dialler, Hello, Kind, Welcome, decode_answer, encode_request, encode_submit
from tests.server.parts import places
from tests.servers import PATIENCE_S

CELL = config.Cell(id="c" * 32)
FAST = Options(term_ms=2_000, beat_ms=60)
"""What a lease loses to a slow machine, `Clock` gives back."""
LONG = Options(term_ms=60_000, beat_ms=60)
"""No lease runs out while a test lasts."""
STEP_NS = 10_000_000
"""A round of heartbeats takes some ten looks at the clock, or twenty on a busy machine: a lease of `FAST` outlasts ten."""


class Clock:
    """The replicas' clock, without what the machine took from this process: between two looks at most `STEP_NS` pass.

    The replicas of a test share one loop. A pause stops them all, and without this every lease would have run out when they wake. While
    they work it goes as the real one does; while they only wait, it does as long as somebody looks (`until`).
    """

    def __init__(self) -> None:
        self._real = self._now = turns.clock()
        self._clock = turns.clock

    def __call__(self) -> int:
        real = self._clock()
        self._now += min(real - self._real, STEP_NS)
        self._real = real
        return self._now

    async def passes(self, nanoseconds: int) -> None:
        """Until so much has passed for the replicas."""
        end = self._now + nanoseconds
        await until(lambda: self._now >= end)


CLOCK = Clock()
"""One for all that run at once."""


def make(tmp_path: Path, replicas: int = 1, **more: Any) -> list[config.Settings]:
    """Settings and created directories of a cell."""
    founders = places(replicas)
    made = [
        config.Settings(cell=CELL, replica=founders, id=place.id, dir=str(tmp_path / f"replica-{place.id}"), **{"log": FAST, **more})
        for place in founders
    ]
    for each in made:
        directory.create(each)
    return made


def quiet() -> Logger:
    """A logger that keeps its lines for a test to read: `._stream`."""
    return Logger(stream=io.StringIO())


@contextlib.asynccontextmanager
async def running(*settings: config.Settings, machine: type[Machine] | None = None) -> AsyncIterator[list[Replica]]:
    """These replicas, started; stopped at the end."""
    replicas = [Replica(each, machine=machine() if machine else None, log=quiet()) for each in settings]
    clocks = [mock.patch(f"gaios.server.{where}.clock", CLOCK) for where in ("turns", "replica", "doors")]
    with clocks[0], clocks[1], clocks[2]:
        try:
            for replica in replicas:
                await replica.start()
            yield replicas
        finally:
            for replica in replicas:
                await replica.stop()
            await until(lambda: all(is_quiet(replica) for replica in replicas))


def is_quiet(replica: Replica) -> bool:
    """Whether a stopped replica has no connection any more. What does not end by itself is ended."""
    doors: Doors | None = getattr(replica, "_doors", None)
    if doors is None:
        return True
    for connection in list(doors.clients.values()):
        if connection.transport is not None:
            connection.transport.abort()
    return not (doors.clients or doors._inbound or doors._admins)


async def master_of(replicas: list[Replica]) -> Replica:
    """The master, once there is one."""
    await until(lambda: any(replica.node.replica.is_serving for replica in replicas))
    return next(replica for replica in replicas if replica.node.replica.is_serving)


async def master_of_all(replicas: list[Replica]) -> Replica:
    """The master, once every replica reaches every other and none promised a newer ballot than its: a majority may then do without any."""

    def agree() -> bool:
        logs = [replica.node.replica for replica in replicas]
        reach = all(link.is_up for replica in replicas for link in replica.links.values())
        return reach and len({(log.master, log.ballot) for log in logs}) == 1 and any(log.is_serving for log in logs)

    await until(agree)
    return await master_of(replicas)


def lines(replica: Replica) -> str:
    """What a replica logged."""
    stream = replica.log._stream
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


class Client:
    """One connection to a client port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames: list[tuple[int, bytes]] = []
        self.dialler = Dialler(Hello(role="client"))
        self._requests = 0

    @classmethod
    async def connect(cls, address: str) -> "Client":
        """Dial and be welcomed."""
        self = cls(*await asyncio.open_connection(*config.address(address)))
        self.writer.write(self.dialler.opening)
        async with asyncio.timeout(PATIENCE_S):
            while self.dialler.welcome is None:
                await self._read()
        return self

    @property
    def welcome(self) -> Welcome:
        """What the replica said of itself."""
        assert self.dialler.welcome is not None
        return self.dialler.welcome

    async def _read(self) -> None:
        data = await self.reader.read(1 << 16)
        if not data:
            raise ConnectionResetError
        self.frames += self.dialler.feed(data)

    async def next(self, kind: int) -> bytes:
        """The next frame of a kind; others are put aside."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index, (found, body) in enumerate(self.frames):
                    if found == kind:
                        del self.frames[index]
                        return body
                await self._read()

    async def ask(self, data: bytes) -> Answer:
        """Submit an entry; its answer."""
        self._requests += 1
        self.writer.write(encode_submit(self._requests, data))
        return decode_answer(await self.next(Kind.ANSWER))

    async def request(self, kind: int, number: int) -> None:
        """PING, STATUS or CANCEL."""
        self.writer.write(encode_request(kind, number))

    async def register(self) -> entry.Identity:
        """A session."""
        answer = await self.ask(entry.register())
        assert answer.status == 0, answer
        return entry.Identity(answer.slot, answer.index)

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def client(address: str) -> AsyncIterator[Client]:
    """A connected client, closed at the end."""
    made = await Client.connect(address)
    try:
        yield made
    finally:
        await made.close()


async def until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until something holds. Meanwhile time passes for replicas of this process, also for those that only wait."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
            CLOCK()


async def talk(address: str, data: bytes, *, magic: bool = True) -> bytes:
    """Send bytes to a port; everything that comes back until it hangs up."""
    host, port = config.address(address)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write((MAGIC if magic else b"") + data)
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                return await reader.read()
        return b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def get(address: str, path: str, *, raw: bytes | None = None) -> tuple[int, bytes]:
    """A request to an admin port: the status and the body."""
    host, port = config.address(address)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(raw if raw is not None else f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]) if head else 0, body
