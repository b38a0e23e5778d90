"""Typed commands from a client to a machine of one's own, in a simulated cell and over real sockets."""

import asyncio
from pathlib import Path

import pytest

import gaios
import gaios.sync
from gaios import errors
from gaios.testing import SimulatedCell
from tests.server.shells import make, master_of, running
from tests.typed.bank import Balance, Bank, Close, Deposit, First, Withdraw


def test_replies_and_refusals_are_typed_and_outlive_a_master() -> None:
    cell = SimulatedCell(machine=Bank)

    async def main() -> None:
        async with cell.connect() as client:
            assert await client.submit(Deposit("alice", 5)) == 5
            await cell.kill_master()
            assert await client.submit(Deposit("alice", 2)) == 7
            assert await client.query(Balance("alice")) == 7
            assert await client.query(First()) == "alice"
            with pytest.raises(errors.Refused, match="alice has 7, not 8"):
                await client.submit(Withdraw("alice", 8))
            with pytest.raises(errors.InvalidCommand, match="1 or more"):
                await client.submit(Deposit("alice", 0))
            with pytest.raises(errors.InvalidCommand, match="no command 'Close'"):
                await client.submit(Close("alice"))
            with pytest.raises(errors.InvalidCommand, match="no command ''"):
                await client.put("k", "v")

    cell.run(main())


def test_a_cell_that_keeps_the_database_knows_no_such_commands() -> None:
    cell = SimulatedCell(replicas=1)

    async def main() -> None:
        async with cell.connect() as client:
            with pytest.raises(errors.InvalidCommand, match=r"keeps the database, which knows no 'Deposit': call put, .* given a machine"):
                await client.submit(Deposit("alice", 5))
            with pytest.raises(errors.InvalidCommand, match="knows no 'Balance': call put, get"):
                await client.query(Balance("alice"))
            with pytest.raises(errors.InvalidCommand, match="not Put; of a cell that keeps the database call put"):
                await client.submit(gaios.Put("k", "v"))  # type: ignore[arg-type]  # as whoever has no type checker may

    cell.run(main())


async def test_real_sockets_and_the_twin_without_async_carry_them_too(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)

    def without_async() -> int | None:
        with gaios.sync.connect(settings.me.client) as cell:
            cell.submit(Deposit("bob", 3))
            return cell.query(Balance("bob"))

    async with running(settings, machine=Bank) as replicas:
        await master_of(replicas)
        async with gaios.connect(settings.me.client) as cell:
            assert await cell.submit(Deposit("bob", 4)) == 4
        assert await asyncio.to_thread(without_async) == 7
