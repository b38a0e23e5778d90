"""Connections of a real client over the simulated network."""

import asyncio
from typing import Any, cast

import pytest

from gaios.client.shell import Connection
from gaios.testing import SimulatedCell
from gaios.testing.transport import FULL_BYTES, RETRANSMIT_S, SimulatedTransport


def transports(client: Any) -> list[SimulatedTransport]:
    connections: dict[str, Connection] = client._shell._connections
    return [cast("SimulatedTransport", connection._transport) for connection in connections.values()]


def test_a_killed_replica_refuses_and_resets() -> None:
    cell = SimulatedCell(replicas=3)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for replica in (2, 3):
            cell.kill(replica)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 7421)
        lost: list[Exception | None] = []

        class Protocol(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.append(exc)

        transport, _ = await loop.create_connection(Protocol, "127.0.0.1", 7420)
        cell.kill(1)
        await asyncio.sleep(1)
        assert isinstance(lost[0], ConnectionResetError)
        assert transport.is_closing()
        transport.write(b"nobody hears this")
        transport.abort()
        await asyncio.sleep(1)
        assert len(lost) == 1

    cell.run(main())


def test_a_dial_waits_for_a_link_that_is_cut() -> None:
    cell = SimulatedCell(replicas=1)

    async def main() -> None:
        cell.partition([1])
        asyncio.get_running_loop().call_later(10, cell.heal)
        began = cell.now_s
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", 7420)
        assert 10 <= cell.now_s - began <= 10 + RETRANSMIT_S + 0.1
        transport.abort()

    cell.run(main())


def test_what_was_written_before_a_close_arrives() -> None:
    cell = SimulatedCell(replicas=1)

    async def main() -> None:
        async with cell.connect() as client:
            await client.put("k", "1")
            (transport,) = transports(client)
            assert isinstance(transport.get_protocol(), Connection)
            heard: list[bytes] = []
            take = transport._connection.on_bytes[1]
            assert take is not None
            transport._connection.on_bytes[1] = heard.append
            transport.write(b"last words")
            transport.close()
            transport.close()
            await asyncio.sleep(0.02)
            assert b"".join(heard) == b"last words"
            transport._connection.on_bytes[1] = take

    cell.run(main())


def test_a_replica_hears_that_a_paused_program_takes_nothing_and_takes_again() -> None:
    """[SAFETY 28] Else what waits for it would grow for as long as it is paused."""
    cell = SimulatedCell(replicas=1)

    async def reader(events: list[int]) -> None:
        async with cell.connect() as client, client.watch("k", prefix=True) as watch:
            events.append(0)
            async for _ in watch:
                events.append(1)
                if sum(events) == 80:
                    break

    async def main() -> None:
        events: list[int] = []
        program = cell.program(reader(events), "reader")
        async with cell.connect() as client:
            await asyncio.sleep(1)
            assert events == [0]
            cell.pause(program, 5)
            for number in range(80):
                await client.put(f"k{number}", b"x" * 60_000)
            assert cell._world.sometimes["a client that took nothing was paused"] == 1
            assert 2 * FULL_BYTES < 80 * 60_000
            await program
            assert sum(events) == 80

    cell.run(main())
