"""The time without writes is measured from the kill to a write that began after it, on a whole cell.

With processes: test_end_to_end_together.py.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gaios import errors
from gaios.cli import failover
from gaios.client.status import CellStatus, ReplicaStatus
from gaios.server import control, local
from tests.servers import PATIENCE_S


class Writer:
    """A cell that does not answer writes for `gap_s` after its master was killed: a process that is killed does nothing more."""

    def __init__(self, killed: list[float], gap_s: float) -> None:
        self.killed, self.gap_s, self.noticed = killed, gap_s, 0.0
        self.began: list[float] = []

    async def put(self, key: bytes, value: bytes) -> None:
        began = time.monotonic()
        self.began.append(began)
        await asyncio.sleep(0.002)
        while True:
            if self.killed and not self.noticed:
                self.noticed = time.monotonic()
            if not self.noticed or time.monotonic() >= self.noticed + self.gap_s:
                return
            await asyncio.sleep(0.002)


@pytest.fixture
def master() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


async def test_a_trial_measures_the_gap(master: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "SETTLE_S", 0.1)
    killed: list[float] = []
    kill = os.kill

    def timed(pid: int, number: int) -> None:
        killed.append(time.monotonic())
        kill(pid, number)

    monkeypatch.setattr(os, "kill", timed)
    cells: list[Any] = [Writer(killed, 0.3) for _ in range(failover.WRITERS)]
    took = await failover.one_trial(cells, (1, master.pid))
    ended = time.monotonic()
    assert master.wait(PATIENCE_S) == -signal.SIGKILL
    assert 0.3 <= took / 1e9 <= ended - killed[0]


async def test_a_write_that_was_under_way_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead master may have acknowledged it."""
    monkeypatch.setattr(failover, "SETTLE_S", 0.1)
    killed = 0.0

    def kill(pid: int, number: int) -> None:
        nonlocal killed
        killed = time.monotonic()

    monkeypatch.setattr(os, "kill", kill)

    async def put(key: bytes, value: bytes) -> None:
        # What began before the kill is acknowledged at once after it; what began after it takes a while.
        if killed:
            await asyncio.sleep(0.2)
        else:
            await asyncio.sleep(0.01)

    cells: list[Any] = [SimpleNamespace(put=put)]
    assert await failover.one_trial(cells, (1, 1)) >= 200_000_000


def told(applied: tuple[int, int], role: str = "replica", pid: int | None = 42) -> CellStatus:
    one = ReplicaStatus(id=1, role="master", pid=pid, chosen=10, applied=applied[0])
    return CellStatus(master=1, replicas=(one, ReplicaStatus(id=2, role=role, pid=43, chosen=10, applied=applied[1])))


async def test_a_cell_is_whole_when_everyone_has_applied_what_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [told((10, 10), "unreachable"), told((10, 3)), told((10, 9)), told((11, 10)), told((11, 11))]
    looked = 0

    async def status() -> CellStatus:
        nonlocal looked
        looked += 1
        return answers[looked - 1]

    cell: Any = SimpleNamespace(status=status)
    assert await failover.until_whole(cell, 2) == (1, 42)
    assert looked == 4


async def test_a_cell_that_does_not_get_whole_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "WHOLE_S", 0.2)

    async def status() -> CellStatus:
        return told((10, 3))

    cell: Any = SimpleNamespace(status=status)
    with pytest.raises(errors.Unavailable, match="2 of 2 replicas answered, or one did not catch up"):
        await failover.until_whole(cell, 2)


async def test_nothing_is_killed_where_nobody_would_restart_it(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="there is no cell"):
        await failover.run_trials(str(tmp_path), 1)
    made = local.create(tmp_path / "cell", local.founders(3, 29_000))
    assert not control.is_supervised(made)
    with pytest.raises(errors.ConfigurationError, match="nobody supervises"):
        await failover.run_trials(str(made.dir), 1)
