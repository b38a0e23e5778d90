"""bench failover: how long a cell does not write when its master dies.  [INTERFACE `bench failover`; DESIGN §5]

    wait until every replica is back and caught up ─► kill -9 the master ─► time until the first acknowledged write that began after it

Rule 1. Only a write that began after the kill counts: one that was under way may have been acknowledged by the dead master.
Rule 2. Some clients write all the time, one after another; at the kill each also begins a fresh write, as a new request would.
Rule 3. A trial begins with a whole cell: a replica that is still catching up would make the next one another experiment.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from gaios.cli import output
from gaios.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from gaios.client import Cell
    from gaios.server.local import LocalCell

WRITERS = 4
PAUSE_S = 0.005
"""Between two writes of one writer: some hundreds of writes a second in all, a light load."""
SETTLE_S = 0.5
"""Load before each kill."""
WHOLE_S = 60.0
"""Within which a killed replica must be back and caught up."""
WRITE_S = 60.0
"""Within which a trial must see a write."""
PREFIX = b"gaios-bench/failover/"


async def run_trials(directory: str, trials: int) -> list[int]:
    """Nanoseconds of each trial.

    Raises:
        ConfigurationError: there is no local cell, or nobody who would restart what is killed.
        Unavailable: the cell did not write again, or was not whole again, within a minute.
    """
    from gaios.cli.bench import clear
    from gaios.server import control, local

    found = local.find(directory)
    if found is None:
        raise ConfigurationError(reason=f"there is no cell in {directory}", hint="gaios up --dir DIR makes one")
    if not control.is_supervised(found):
        raise ConfigurationError(reason=f"nobody supervises the cell in {directory}", hint="start it with gaios up --dir DIR")
    async with connected(found) as cells:
        watcher, writers = cells[0], cells[1:]
        took: list[int] = []
        try:
            for trial in range(trials):
                master = await until_whole(watcher, len(found.ids))
                took.append(await one_trial(writers, master))
                output.note(f"trial {trial + 1} of {trials}: killed replica {master[0]}, {took[-1] / 1e6:.0f} ms without writes")
            await until_whole(watcher, len(found.ids))
        finally:
            await clear(watcher, PREFIX)
    return took


@contextlib.asynccontextmanager
async def connected(found: "LocalCell") -> "AsyncIterator[list[Cell]]":
    """One client that looks, and those that write."""
    import gaios

    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(gaios.connect(found.endpoints, timeout=WRITE_S)) for _ in range(1 + WRITERS)]


async def one_trial(writers: "list[Cell]", master: tuple[int, int]) -> int:
    """Nanoseconds from the kill of the master, a replica and its process, to the first acknowledged write that began after it."""
    killed_ns = 0
    first: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def write(cell: "Cell", number: int) -> None:
        began_ns = time.monotonic_ns()
        await cell.put(b"%s%d" % (PREFIX, number), b"%d" % began_ns)
        if killed_ns and began_ns >= killed_ns and not first.done():
            first.set_result(time.monotonic_ns())

    async def writer(cell: "Cell", number: int) -> None:
        while not first.done():
            await write(cell, number)
            await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as tasks:
        for number, cell in enumerate(writers):
            tasks.create_task(writer(cell, number))
        await asyncio.sleep(SETTLE_S)
        os.kill(master[1], signal.SIGKILL)
        killed_ns = time.monotonic_ns()
        for number, cell in enumerate(writers):
            tasks.create_task(write(cell, number))
    return first.result() - killed_ns


async def until_whole(cell: "Cell", replicas: int) -> tuple[int, int]:
    """Wait until every replica answers and has applied what was chosen a moment before; the master and its process.

    Raises:
        Unavailable: that took longer than `WHOLE_S`.
    """
    end = time.monotonic() + WHOLE_S
    chosen = 0
    while True:
        told = await cell.status()
        up = [replica for replica in told.replicas if replica.role != "unreachable"]
        master = next((replica for replica in up if replica.id == told.master and replica.role == "master" and replica.pid), None)
        if master is not None and len(up) == replicas and chosen and all((replica.applied or 0) >= chosen for replica in up):
            return master.id or 0, master.pid or 0
        chosen = max(chosen, master.chosen or 0) if master is not None else chosen
        if time.monotonic() > end:
            raise Unavailable(waited_ms=int(WHOLE_S * 1_000), reason=f"{len(up)} of {replicas} replicas answered, or one did not catch up")
        await asyncio.sleep(0.05)
