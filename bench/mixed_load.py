"""The workload of a scenario on a real cell: `python bench/mixed_load.py SCENARIO [--endpoints HOST:PORT,…] [--seconds 5]`.

Clients, keys, sizes and mix are those of the scenario (a file, or one that comes with gaios); each client asks as soon as it was answered.
It writes keys r0, r1, … and c0, c1, …, and deletes them at the end: use a cell that holds nothing else under these names.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

import gaios
from gaios import api
from gaios.cli import figures
from gaios.cli.cpu import Meter
from gaios.cli.load import closed_loop
from gaios.client import Cell
from gaios.sim.dice import Dice
from gaios.sim.operations import Operations
from gaios.sim.plan import Plan
from gaios.sim.scenario import load

LOCAL = ",".join(f"127.0.0.1:{port}" for port in range(7420, 7425))


def client(cell: Cell, number: int, plan: Plan) -> Callable[[int], Awaitable[object]]:
    """One client's operations, drawn from the mix."""
    operations = Operations(Dice(number), plan.mix, keys=plan.keys, value_bytes=plan.value_bytes)

    async def operate(count: int) -> None:
        match operations.draw(count * 1_000 + number):
            case api.MultiOp(guard, then, otherwise):
                operations.learn(await cell.multiop(guard, then, otherwise))
            case api.Range(key, None):
                found = await cell.get(key)
                operations.learn(api.Page((found,) if found else (), False, found.mod_revision if found else 0))
            case api.Range():
                await cell.range()

    return operate


async def main(scenario: str, endpoints: str, seconds: float) -> int:
    """Load, and print the figures."""
    plan = load(scenario).change(Plan())
    async with contextlib.AsyncExitStack() as stack:
        cells = [await stack.enter_async_context(gaios.connect(endpoints, timeout=60)) for _ in range(plan.clients)]
        meter = Meter.of(await cells[0].status())
        run = await closed_loop([client(cell, number, plan) for number, cell in enumerate(cells)], seconds, meter.read)
        print(f"{plan.clients} clients, {plan.keys} keys: {figures.sentence(figures.load(run.latencies_ns, run.seconds, run.cpu_seconds))}")
        names = [b"r%d" % number for number in range(plan.keys)] + [b"c%d" % number for number in range(max(1, plan.keys // 3))]
        for name in names:
            await cells[0].delete(name)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put a scenario's workload on a real cell.")
    parser.add_argument("scenario")
    parser.add_argument("--endpoints", default=LOCAL)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.scenario, given.endpoints, given.seconds)))
