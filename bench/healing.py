"""What it takes to have a replica back: `python -m bench.healing [KEYS]`, 1,000,000 keys without it.

In a cell of three on this machine, filled, with a load of sixteen clients all the while: a replica that was stopped is started again (time
until it has applied what was chosen when it was started); then it is lost, and `gaios member replace` puts a new member in its place (time
until that one votes). Then, with nothing running, all that a scrub reads on one replica's disk is read and checked without pauses:
processor time for a byte, and so what share of a core the default rate costs.
"""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from msgspec.structs import fields

import gaios
from bench.cells import gaios_cell
from bench.snapshots import GAIOS, fill
from gaios.client.aio import Cell
from gaios.server.config import Settings
from gaios.storage import scrub_segment, scrub_snapshot
from gaios.storage.disk import Directory
from gaios.storage.segment import numbers
from gaios.storage.snapshot import slots
from gaios.storage.verify import owner

CLIENTS: Final = 16
LOST: Final = "2"
"""The replica that suffers."""
LOOK_S: Final = 0.05
LOAD_S: Final = 5.0
"""While it is stopped, and after each step."""


async def command(*words: str) -> Any:  # noqa: ANN401 (it is JSON)
    """What a command answers."""
    process = await asyncio.create_subprocess_exec(GAIOS, *words, "--json", stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"gaios {' '.join(words)} ended with {process.returncode}")
    return json.loads(out)


@contextlib.asynccontextmanager
async def load(cell: Cell) -> AsyncIterator[list[float]]:
    """Puts, one after another by each client: what each took, in milliseconds."""
    took = list[float]()

    async def put(client: int) -> None:
        for number in itertools.count():
            began = time.perf_counter()
            await cell.put(b"bench/%09d" % (client * 1_000 + number % 1_000), b"w" * 50)
            took.append((time.perf_counter() - began) * 1e3)

    tasks = [asyncio.create_task(put(client)) for client in range(CLIENTS)]
    try:
        yield took
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def told(what: str, took: list[float]) -> None:
    """Puts since the last call."""
    took.sort()
    if took:
        print(f"    puts {what}: {len(took)}, p50 {took[len(took) // 2]:.2f} ms, p99 {took[len(took) * 99 // 100]:.2f} ms", flush=True)
    took.clear()


async def applied(endpoints: str, replica: int) -> int:
    """A replica's, 0 while it does not answer; of replica 0, the most of any."""
    rows = (await command("status", "--endpoints", endpoints))["replicas"]
    return max((row.get("applied") or 0 for row in rows if replica in {0, row["id"]}), default=0)


async def measure(endpoints: str, where: str, keys: int) -> None:
    """A start, and a replacement."""
    async with gaios.connect(endpoints) as cell:
        began = time.perf_counter()
        for each in fill(keys):
            await cell.multiop(then=each.then)
        print(f"{keys} keys filled in {time.perf_counter() - began:.0f} s", flush=True)
        async with load(cell) as took:
            await command("down", "--replica", LOST, "--dir", where)
            await asyncio.sleep(LOAD_S)
            told("while one replica is down", took)
            goal = await applied(endpoints, 0)
            began = time.perf_counter()
            await command("up", "--replica", LOST, "--dir", where, "--detach")
            while await applied(endpoints, int(LOST)) < goal:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(LOOK_S)
            print(f"a start until all is applied that was chosen before it: {time.perf_counter() - began:.2f} s", flush=True)
            told("while it starts", took)
            began = time.perf_counter()
            await command("member", "replace", LOST, "--dir", where, "--timeout", "600")
            took_s = time.perf_counter() - began
            print(f"a new member in its place votes: {took_s:.2f} s, {keys / took_s / 1e3:.0f} thousand keys a second", flush=True)
            told("while it is rebuilt", took)


def scrub(path: Path) -> None:
    """All of one replica's, at once; not the segment that was written last, which no scrub reads either."""
    reader, cpu = Directory(path), time.process_time()
    identity = owner(reader)
    assert identity is not None
    names = numbers(reader.names())
    pieces = [piece for number in names[:-1] for piece in scrub_segment(reader, identity, number)]
    pieces += [piece for slot in slots(reader.names()) for piece in scrub_snapshot(reader, identity.cell, slot)]
    took_s, mib = time.process_time() - cpu, sum(piece.size for piece in pieces) / (1 << 20)
    if not pieces:
        return
    damaged = [piece.damage for piece in pieces if piece.damage is not None]
    assert not damaged, f"{path}, segments {names}: {damaged}"
    rate = next(field.default for field in fields(Settings) if field.name == "scrub_mib_s")
    print(f"a scrub of {mib:.0f} MiB: {mib / took_s:.0f} MiB a second; {100 * rate * took_s / mib:.1f} % of a core at {rate} MiB a second")


def main(keys: int) -> None:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="gaios-bench-") as folder:
        with gaios_cell(Path(folder), 3) as (endpoints, _):
            asyncio.run(measure(endpoints, str(Path(folder) / "gaios"), keys))
        scrub(Path(folder) / "gaios" / "replica-1")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
