"""Five real processes and `kill -9`: every acknowledged write is there afterwards.  [PML §5; SAFETY 5, 7, 19]"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest

import gaios
from gaios import errors
from gaios.server import control, local
from tests.server.parts import places
from tests.server.shells import get, until
from tests.servers import PATIENCE_S

WRITERS = 4
BACK_S = PATIENCE_S
"""A bound for a loaded machine, not a goal: those are `gaios bench failover`'s business."""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[local.LocalCell]:
    """A supervised cell of five, stopped at the end whatever happened to it."""
    made = local.create(tmp_path / "cell", places(5))
    control.detach(made)
    yield made
    control.stop(made)


class Writers:
    """Clients that write all the time and keep what they were told."""

    def __init__(self, cell: local.LocalCell) -> None:
        self._cell = cell
        self.acknowledged: dict[bytes, bytes] = {}
        self.tried: dict[bytes, bytes] = {}
        self.counted = 0
        """Increments that were acknowledged."""
        self.in_doubt = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(WRITERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def _write(self, number: int) -> None:
        async with gaios.connect(self._cell.endpoints, timeout=120) as client:
            at = 0
            while not self._stop:
                at += 1
                key, value = b"w%d/%d" % (number, at), b"%d" % time.monotonic_ns()
                self.tried[key] = value
                try:
                    await client.put(key, value)
                    self.acknowledged[key] = value
                    await client.increment(b"count")
                    self.counted += 1
                except errors.Unknown:
                    self.in_doubt += 1

    async def go_on(self, seconds: float = BACK_S) -> float:
        """Wait until new writes are acknowledged; how long that took."""
        began, before = time.monotonic(), len(self.acknowledged)
        await until(lambda: len(self.acknowledged) > before + WRITERS, seconds)
        return time.monotonic() - began


async def master(cell: local.LocalCell) -> int:
    """The replica that is master."""
    async with gaios.connect(cell.endpoints, timeout=120) as client:
        while True:
            with contextlib.suppress(errors.Unavailable):  # a loaded machine answers nobody for a second
                if master := (await client.status()).master:
                    return int(master)
            await asyncio.sleep(0.05)


def kill(cell: local.LocalCell, *replicas: int) -> None:
    for pid in [control.pid_of(cell, replica) for replica in replicas]:
        if pid:
            os.kill(pid, signal.SIGKILL)


async def check(cell: local.LocalCell, writers: Writers) -> None:
    """Nothing that was acknowledged is missing, nothing was carried out twice, and all replicas agree."""
    async with gaios.connect(cell.endpoints, timeout=120) as client:
        found = {entry.key: entry.value for entry in await client.range(prefix="w")}
        lost = {key for key, value in writers.acknowledged.items() if found.get(key) != value}
        assert not lost, f"{len(lost)} of {len(writers.acknowledged)} acknowledged writes are lost, {sorted(lost)[:3]}"
        assert all(writers.tried.get(key) == value for key, value in found.items()), "a value that nobody wrote"
        count = await client.get("count")
        assert count is not None
        assert writers.counted <= int(count.value) <= writers.counted + writers.in_doubt
    states: list[tuple[int, str, int]] = []

    async def agreed() -> bool:
        states[:] = []
        for place in cell.places:
            try:
                facts = msgspec.json.decode((await get(place.admin, "/status"))[1])
            except (OSError, msgspec.DecodeError):
                return False
            assert not facts["repairing"], facts["why"]
            states.append((facts["applied"], facts["chain"], facts["checksum"]))
        return len(set(states)) == 1

    async with asyncio.timeout(BACK_S):
        while not await agreed():  # noqa: ASYNC110 (processes have no event)
            await asyncio.sleep(0.1)


async def test_acknowledged_writes_outlive_the_master_another_and_then_all_five(cell: local.LocalCell) -> None:
    async with Writers(cell) as writers:
        await writers.go_on()
        for _ in range(3):
            first = await master(cell)
            kill(cell, first, first % 5 + 1)
            await writers.go_on()
            await until(lambda: all(control.pid_of(cell, replica) for replica in cell.ids))
        kill(cell, *cell.ids)
        await writers.go_on()
    await check(cell, writers)


async def test_writes_go_on_while_a_replica_is_paused_and_after_it_wakes(cell: local.LocalCell) -> None:
    """SIGSTOP: the others elect, and the zombie finds out that it is master no more."""
    async with Writers(cell) as writers:
        await writers.go_on()
        paused = await master(cell)
        os.kill(control.pid_of(cell, paused), signal.SIGSTOP)
        for _ in range(5):
            await writers.go_on()
        os.kill(control.pid_of(cell, paused), signal.SIGCONT)
        await writers.go_on()
    await check(cell, writers)
