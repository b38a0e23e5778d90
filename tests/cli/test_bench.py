"""bench leaves no trace but its figures. With processes: test_end_to_end_together.py."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from gaios import api, errors
from gaios.cli import bench
from gaios.cli.parameters import Client
from tests.cli.conftest import Done, FakeCell

Cli = Callable[..., Done]


def written(cell: FakeCell) -> set[bytes]:
    return {
        operation.key
        for command in cell.sent
        if isinstance(command, api.MultiOp)
        for operation in command.then
        if isinstance(operation, api.Put)
    }


@pytest.mark.parametrize("words", [["bench"], ["bench", "put"]], ids=" ".join)
def test_puts_are_measured_and_cleared_away(cell: FakeCell, cli: Cli, words: list[str]) -> None:
    done = cli(*words, "--clients", "3", "--seconds", "0.5", "--value-bytes", "10", "--json")
    assert done.code == 0
    assert set(done.json) == {"ops_per_s", "p50_ms", "p90_ms", "p99_ms", "worst_ms", "cpu_us_per_op"}
    assert done.json["ops_per_s"] > 0
    # Nobody has an admin port here: what is not known is not 0.
    assert done.json["cpu_us_per_op"] is None
    assert cell.database.look().keys == 0
    assert all(key.startswith(b"gaios-bench/") for key in written(cell))


def test_gets_read_what_is_there(cell: FakeCell, cli: Cli) -> None:
    done = cli("bench", "get", "--clients", "2", "--seconds", "0.5")
    assert done.code == 0
    assert b"a second; p50" in done.out
    reads = {question.key for question in cell.sent if isinstance(question, api.Range)}
    assert reads
    assert reads <= written(cell)
    assert len(written(cell)) == bench.KEYS
    assert cell.database.look().keys == 0


async def test_large_values_are_filled_in_several_commands(cell: FakeCell) -> None:
    """Each within what a command may hold."""
    await bench.fill(cell, b"p/", b"x" * 100_000)
    assert cell.database.look().keys == bench.KEYS


async def test_clients_share_as_few_connections_as_asked_for(cell: FakeCell) -> None:
    client = Client()
    for clients, connections, expected in ((8, None, 8), (8, 2, 2), (2, 8, 2)):
        async with bench.connected(client, clients, connections) as cells:
            assert len(cells) == expected


def test_a_cell_that_fails_meanwhile_is_told(cell: FakeCell, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cell.put
    count = 0

    async def put(*arguments: bytes) -> object:
        nonlocal count
        count += 1
        if count > 5:
            raise errors.Unknown(reason="r")
        return await real(*arguments)

    monkeypatch.setattr(cell, "put", put)
    done = cli("bench", "--clients", "1", "--seconds", "5", "--json")
    assert (done.code, done.out, done.error["type"]) == (3, b"", "Unknown")


def test_runs_do_not_share_keys() -> None:
    assert bench.new_prefix() != bench.new_prefix()
    assert bench.key_of(b"p/", 7) == b"p/00000007"
    assert bench.key_of(b"p/", 7 + bench.KEYS) == b"p/00000007"


def test_failover_prints_what_the_trials_took(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace()

    async def run_trials(directory: str, trials: int) -> list[int]:
        asked.directory, asked.trials = directory, trials
        return [500_000_000, 700_000_000, 600_000_000]

    monkeypatch.setattr("gaios.cli.failover.run_trials", run_trials)
    done = cli("bench", "failover", "--dir", "d", "--trials", "3", "--json")
    assert done.json == {"trials": 3, "p50_ms": 600.0, "worst_ms": 700.0, "each_ms": [500.0, 700.0, 600.0]}
    assert (asked.directory, asked.trials) == ("d", 3)
    assert cli("bench", "failover", "--dir", "d").out == b"3 fail-overs: median 600.0 ms, worst 700.0 ms\n"
    assert asked.trials == 30
