"""Closed-loop load: clients that each wait for an answer before they ask again.

Rule 1. A client is one task, one connection and one session of the exactly-once table, as a real client is: what a shared connection
saves is no honest saving. `connections` below the number of clients spreads them over fewer, in turn, to measure just that.
Rule 2. All clients run in this one process. Its own CPU is not in the figures, but it shares the machine: at 64 clients on two cores
the operations a second are a lower bound, and the servers' CPU an operation is the figure to compare.
Rule 3. The first `WARM_UP_S` are not measured; an operation counts when it is answered within the measured time.
"""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

WARM_UP_S = 0.5

Operation = Callable[[int], Awaitable[object]]
"""One operation; its argument counts up over all of a client's operations."""


class Run(NamedTuple):
    """What was measured."""

    latencies_ns: "array[int]"
    seconds: float
    before: float | None
    after: float | None

    @property
    def cpu_seconds(self) -> float | None:
        """What the servers used while it was measured; None if either reading is missing."""
        return None if self.before is None or self.after is None else self.after - self.before


async def closed_loop(
    operations: Sequence[Operation], seconds: float, cpu_seconds: Callable[[], Awaitable[float | None]], *, warm_up_s: float = WARM_UP_S
) -> Run:
    """Load by one client for each of `operations`.

    Args:
        operations: What each client does again and again.
        seconds: How long to measure.
        cpu_seconds: Reads what the servers have used so far.
        warm_up_s: How long to load before measuring.

    Raises:
        Error: an operation failed; all others are given up.
    """
    latencies_ns = array("q")
    measuring = False
    ending = False

    async def client(operation: Operation) -> None:
        clock = time.perf_counter_ns
        count = 0
        while not ending:
            began = clock()
            await operation(count)
            if measuring:
                latencies_ns.append(clock() - began)
            count += 1

    async def measure() -> tuple[float, float | None, float | None]:
        nonlocal measuring, ending
        await asyncio.sleep(warm_up_s)
        before = await cpu_seconds()
        measuring, began = True, time.perf_counter()
        await asyncio.sleep(seconds)
        measuring, lasted = False, time.perf_counter() - began
        after = await cpu_seconds()
        ending = True
        return lasted, before, after

    async with asyncio.TaskGroup() as tasks:
        for operation in operations:
            tasks.create_task(client(operation))
        measured = tasks.create_task(measure())
    lasted, before, after = measured.result()
    return Run(latencies_ns, lasted, before, after)
