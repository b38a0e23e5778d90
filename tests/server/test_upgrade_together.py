"""A rolling upgrade, a roll-back and a refusal, with real processes under load and kills."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import gaios
from gaios.client import Cell
from gaios.log.feature import LEVEL
from gaios.server import config
from gaios.sim.next_version import NEXT
from tests.server.shells import make
from tests.servers import PATIENCE_S

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = "gaios.server", "tests.server.next_version"
REPLICAS = 3


class Processes:
    """Three replicas, each of one of two versions."""

    def __init__(self, path: Path) -> None:
        self.settings = make(path, REPLICAS)
        self.manifest = path / "manifest.toml"
        self.manifest.write_text(config.manifest_text(self.settings[0].cell, self.settings[0].replica))
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.endpoints = [founder.client for founder in self.settings[0].replica]
        self._path = path

    def log(self, replica: int) -> Path:
        """What one says, in whichever version: the others go on talking."""
        return self._path / f"log-{replica}"

    def start(self, replica: int, version: str) -> subprocess.Popen[bytes]:
        """A process; what it says goes to its log."""
        command = [sys.executable, "-m", version, "--config", str(self.manifest), "--id", str(replica)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GAIOS_")}
        with self.log(replica).open("ab") as log:
            process = subprocess.Popen(
                [*command, "--dir", self.settings[replica - 1].dir], stdout=log, stderr=log, cwd=ROOT, env=environment
            )
        self.running[replica] = process
        return process

    def end(self, replica: int, how: signal.Signals) -> None:
        """Stop one, and wait until it is gone."""
        process = self.running.pop(replica)
        process.send_signal(how)
        process.wait(PATIENCE_S)

    def end_all(self) -> None:
        for replica in list(self.running):
            self.end(replica, signal.SIGKILL)


@pytest.fixture
def processes(tmp_path: Path) -> Any:
    made = Processes(tmp_path)
    yield made
    made.end_all()


class Load:
    """A counter that is incremented all the time."""

    def __init__(self) -> None:
        self.done = self.unknown = 0


@contextlib.asynccontextmanager
async def loaded(cell: Cell) -> AsyncIterator[Load]:
    load, stopping = Load(), asyncio.Event()

    async def work() -> None:
        while not stopping.is_set():
            try:
                await cell.increment("count")
                load.done += 1
            except gaios.Error as error:
                load.unknown += not error.definite
            await asyncio.sleep(0.002)

    task = asyncio.create_task(work())
    yield load
    stopping.set()
    await task


async def until(cell: Cell, holds: Callable[[Any], bool]) -> Any:
    """The cell's state once it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(gaios.Error):
                told = await cell.status()
                if told.master and holds(told):
                    return told
            await asyncio.sleep(0.05)


def levels(told: Any) -> list[int | None]:
    return [replica.feature for replica in told.replicas]


async def more(load: Load) -> None:
    """Until the load got on."""
    before = load.done
    async with asyncio.timeout(PATIENCE_S):
        while load.done < before + 20:  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.01)


async def test_two_versions_side_by_side_and_back_until_the_level_is_raised(processes: Processes) -> None:
    """[SAFETY 17] Nothing that was acknowledged is lost, and whoever is too old says what to install."""
    for replica in range(1, REPLICAS + 1):
        processes.start(replica, BEFORE)
    async with gaios.connect(processes.endpoints) as cell, loaded(cell) as load:
        told = await until(cell, lambda told: levels(told) == [LEVEL] * REPLICAS)
        assert told.feature == LEVEL
        # Up with two of them, back with one: the level stays, so the way back is open.
        for replica, how in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
            processes.end(replica, how)
            processes.start(replica, AFTER)
            await until(cell, lambda told: None not in levels(told))
            await more(load)
        processes.end(1, signal.SIGKILL)
        processes.start(1, BEFORE)
        told = await until(cell, lambda told: None not in levels(told))
        assert levels(told) == [LEVEL] * REPLICAS
        assert [replica.feature_max for replica in told.replicas] == [LEVEL, NEXT, LEVEL]
        await more(load)
        # All of them: the level rises by itself.
        for replica, how in ((1, signal.SIGKILL), (3, signal.SIGTERM)):
            processes.end(replica, how)
            processes.start(replica, AFTER)
            await until(cell, lambda told: None not in levels(told))
        await until(cell, lambda told: levels(told) == [NEXT] * REPLICAS)
        await more(load)
        # No way back: the version before says why, and leaves as one whose state is not for it.
        processes.end(3, signal.SIGKILL)
        refused = processes.start(3, BEFORE)
        assert await asyncio.to_thread(refused.wait, PATIENCE_S) == 4
        said = processes.log(3).read_text().splitlines()[-1]
        assert "TooOld" in said
        assert f"feature level {NEXT}, and this version supports levels up to {LEVEL}" in said
        assert "install the newer one" in said
        processes.start(3, AFTER)
        await until(cell, lambda told: levels(told) == [NEXT] * REPLICAS)
        await more(load)
    async with gaios.connect(processes.endpoints) as cell:
        entry = await cell.get("count")
        assert entry is not None
        assert load.done <= int(entry.value) <= load.done + load.unknown
        told = await until(cell, lambda told: len({replica.applied for replica in told.replicas}) == 1)
    assert all(process.poll() is None for process in processes.running.values())
