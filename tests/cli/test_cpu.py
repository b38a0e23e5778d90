"""CPU an operation is the figure that goals are set on: a reading that is missing must not pass for a small one."""

import asyncio

import pytest

from gaios.cli import cpu
from gaios.client.status import CellStatus, ReplicaStatus
from tests.servers import PATIENCE_S, serving

METRICS = b"HTTP/1.1 200 OK\r\n\r\n# TYPE gaios_process_cpu_seconds_total counter\ngaios_process_cpu_seconds_total 1.25\nother 3\n"


class Admin:
    """An admin port that answers what it is told to."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    async def __aenter__(self) -> str:
        self.server = serving(self.serve)
        return await self.server.__aenter__()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__(None, None, None)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that does not tell in time does not tell; these here do."""
    monkeypatch.setattr(cpu, "TIMEOUT_S", PATIENCE_S)


async def test_the_replicas_are_added_up() -> None:
    admin = Admin(METRICS)
    async with admin as first, Admin(METRICS) as second:
        gone = ReplicaStatus(id=3, role="unreachable", admin="127.0.0.1:1")
        replicas = (ReplicaStatus(id=1, role="master", admin=first), ReplicaStatus(id=2, role="replica", admin=second), gone)
        meter = cpu.Meter.of(CellStatus(replicas=replicas))
        assert await meter.read() == 2.5
    assert admin.asked[0].startswith(b"GET /metrics HTTP/1.1\r\n")


async def test_one_replica_that_does_not_tell_leaves_the_sum_unknown() -> None:
    async with Admin(METRICS) as first, Admin(b"HTTP/1.1 500 No\r\n\r\n") as second:
        assert await cpu.Meter([first, second]).read() is None
        assert await cpu.Meter([first, "127.0.0.1:1"]).read() is None
    assert await cpu.Meter([]).read() is None


async def test_what_is_no_number_is_not_read() -> None:
    async with Admin(b"gaios_process_cpu_seconds_total many\n") as admin:
        assert await cpu.cpu_seconds(admin) is None
