"""Locks among real processes, which are killed and stopped.  [CHUBBY §2.8, §2.9; SAFETY 21-23]"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import gaios
from gaios.client import Cell
from gaios.client.held import Held
from gaios.server import control, local
from tests.server.parts import places
from tests.server.shells import until
from tests.servers import PATIENCE_S

HOLDER = """
import sys
import gaios
with gaios.sync.connect(sys.argv[1], timeout=60) as cell, cell.session(lease=3) as session, session.lock("job") as held:
    print(held.sequencer, flush=True)
    sys.stdin.readline()
    try:
        held.check()
    except gaios.LockLost:
        print("found out", flush=True)
    else:
        print("went on", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[local.LocalCell]:
    """A supervised cell of three, stopped at the end whatever happened to it."""
    made = local.create(tmp_path / "cell", places(3))
    control.detach(made)
    yield made
    control.stop(made)


def is_told_of_a_reign_after(held: Held, epoch: int) -> bool:
    return held._lease.epoch > epoch


def is_extended(held: Held, end_ns: int) -> bool:
    return held._lease.end_ns > end_ns


async def kill_master(client: Cell) -> int:
    """Kill whoever is master; its epoch."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await client.status()
            for replica in status.replicas:
                if replica.role == "master" and replica.pid and status.epoch:
                    os.kill(replica.pid, signal.SIGKILL)
                    return status.epoch
            await asyncio.sleep(0.05)


async def test_a_lock_outlives_the_masters_that_granted_it(cell: local.LocalCell) -> None:
    """[CHUBBY §2.9] `kill -9`, twice; the session is kept by each master that follows, and the sequencer holds."""
    async with gaios.connect(cell.endpoints, timeout=120) as client:
        async with client.session(lease=24).lock("job") as held:
            for _ in range(2):
                epoch = await kill_master(client)
                await until(partial(is_told_of_a_reign_after, held, epoch))
                held.check()
                assert await client.check(held.sequencer)
                await client.put("used", str(held.sequencer))
            # And it is kept alive: a charge of the newest master lists it.
            end_ns = held._lease.end_ns
            await until(partial(is_extended, held, end_ns))
            assert not held.lost.is_set()
        assert not await client.check(held.sequencer)


async def test_a_holder_that_is_stopped_beyond_its_lease_finds_out_before_it_acts(cell: local.LocalCell) -> None:
    """[SAFETY 22, 23] Somebody else has the lock by then, with a greater sequencer; whoever is shown the old one can tell."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, ",".join(cell.endpoints), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        async with gaios.connect(cell.endpoints, timeout=120) as client:
            first = (await asyncio.wait_for(holder.stdout.readline(), PATIENCE_S)).decode().strip()
            os.kill(holder.pid, signal.SIGSTOP)
            async with client.session(lease=60).lock("job") as held:
                assert not await client.check(first, "job")
                assert held.sequencer.revision > int(first.partition(".")[2])
                os.kill(holder.pid, signal.SIGCONT)
                holder.stdin.write(b"\n")
                assert await asyncio.wait_for(holder.stdout.readline(), PATIENCE_S) == b"found out\n"
                held.check()
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        holder.kill()
        await holder.wait()
