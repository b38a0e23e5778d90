"""What a snapshot costs, in a loop and in a cell: `python -m bench.snapshots [KEYS] [SECONDS]`.

In one process: what the call holds up, the longest slice (of processor time: a busy machine adds its own), all of it, and a restore. In a
cell of three on this machine: p99 of puts while no snapshot is taken and while one is: any replica has `snap/new` at that moment;
then the time from the start of all three, after they were stopped, to an acknowledged put. The promise is a ratio of at most 1.5 with
1,000,000 keys, and slices of at most 2 ms.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import gaios
from gaios import api
from gaios.client.aio import Cell
from gaios.db import Database
from gaios.log.applier import Applier
from gaios.log.sessions import Bounds, Sessions
from gaios.log.snapshots import unpack
from gaios.machine import Context
from gaios.storage.snapshot import Writer

CLIENTS: Final = 16
PUTS: Final = 120
"""Keys of one MultiOp while the cell is filled."""
LOOK_S: Final = 0.02
SLOTS: Final = "16000"
"""A snapshot now and then, so that there are puts without one to compare with."""
GAIOS: Final = str(Path(sys.executable).parent / "gaios")


def fill(keys: int) -> Iterator[api.MultiOp]:
    """So many keys, in few commands."""
    for first in range(0, keys, PUTS):
        yield api.MultiOp(then=tuple(api.Put(b"bench/%09d" % number, b"v" * 50) for number in range(first, min(first + PUTS, keys))))


def in_a_loop(keys: int) -> None:
    """The pure part, call by call."""
    applier = Applier(Database(), Sessions(Bounds()))
    for number, command in enumerate(fill(keys)):
        applier.machine.apply(api.encode(command), Context(number + 1, 0, 0, 65_537))
    applier.applied = 1
    began = time.perf_counter()
    capture = applier.capture(0, b"")
    call_ms = (time.perf_counter() - began) * 1e3
    writer, slices, chunks, stored = Writer(bytes(16), 1), list[float](), list[bytes](), 0
    while not capture.is_done:
        began = time.thread_time()
        made = capture.take()
        for chunk in made:
            stored += sum(len(getattr(operation, "data", b"")) for operation in writer.chunk(chunk))
        slices.append((time.thread_time() - began) * 1e3)
        chunks += made
    closing = capture.closing(bytes(16))
    slices.sort()
    print(f"{keys} keys: {closing.handle.size >> 20} MiB in {len(chunks)} chunks, {stored >> 20} MiB on the disk")
    print(f"the call {call_ms:.2f} ms; {len(slices)} slices, {sum(slices) / 1e3:.2f} s together")
    print(f"a slice: median {statistics.median(slices):.2f} ms, p99 {slices[len(slices) * 99 // 100]:.2f} ms, longest {slices[-1]:.2f} ms")
    again = Database()
    began = time.perf_counter()
    again.restore(unpack(closing, chunks).machine)
    took_s = time.perf_counter() - began
    print(f"a restore {took_s:.2f} s: {keys / took_s / 1e3:.0f} thousand keys a second", flush=True)
    assert again.checksum() == applier.machine.checksum()


def in_a_cell(keys: int, seconds: float) -> None:
    """Three real replicas."""
    with tempfile.TemporaryDirectory(prefix="gaios-bench-") as folder:
        where, port = Path(folder) / "cell", 22_000 + os.getpid() % 400
        environment = {**os.environ, "GAIOS_LOG_SNAPSHOT_SLOTS": SLOTS}
        up = [GAIOS, "up", "--dir", str(where), "--replicas", "3", "--port", str(port), "--detach"]
        down = [GAIOS, "down", "--dir", str(where)]
        try:
            subprocess.run(up, env=environment, check=True, stdout=subprocess.DEVNULL)
            asyncio.run(measure(",".join(f"127.0.0.1:{port + replica}" for replica in range(3)), keys, where, seconds))
            subprocess.run(down, check=True, stdout=subprocess.DEVNULL)
            began = time.perf_counter()
            subprocess.run(up, env=environment, check=True, stdout=subprocess.DEVNULL)
            print(f"from nothing running to an acknowledged put: {time.perf_counter() - began:.2f} s", flush=True)
        finally:
            subprocess.run(down, check=False, stdout=subprocess.DEVNULL)


def files(where: Path, pattern: str) -> list[str]:
    """Of all replicas."""
    return [str(path) for path in where.glob(f"replica-*/snap/{pattern}")]


async def measure(endpoints: str, keys: int, where: Path, seconds: float) -> None:
    """Puts, sorted by whether a snapshot was being taken when they ended."""
    async with gaios.connect(endpoints) as cell:
        began = time.perf_counter()
        for command in fill(keys):
            await cell.multiop(then=command.then)
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        await load(cell, where, time.perf_counter() + seconds)


async def load(cell: Cell, where: Path, end: float) -> None:
    """Until then."""
    busy = False
    quiet, taken = list[float](), list[float]()
    snapshots: set[str] = set()

    async def look() -> None:
        nonlocal busy
        while time.perf_counter() < end:
            busy = bool(files(where, "new"))
            snapshots.update(files(where, "*.snap"))
            await asyncio.sleep(LOOK_S)

    async def put(client: int) -> None:
        number = 0
        while (began := time.perf_counter()) < end:
            number += 1
            await cell.put(b"bench/%09d" % (client * 1_000 + number % 1_000), b"w" * 50)
            (taken if busy else quiet).append((time.perf_counter() - began) * 1e3)

    await asyncio.gather(look(), *(put(client) for client in range(CLIENTS)))
    for name, found in (("no snapshot is taken", quiet), ("a snapshot is taken ", taken)):
        found.sort()
        if found:
            p50, p99 = statistics.median(found), found[len(found) * 99 // 100]
            print(f"while {name}: {len(found)} puts, p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {found[-1]:.1f} ms")
    if quiet and taken:
        ratio = taken[len(taken) * 99 // 100] / quiet[len(quiet) * 99 // 100]
        print(f"p99 ratio {ratio:.2f}; {len(snapshots)} files seen", flush=True)


def main(keys: int, seconds: float) -> None:
    """Both."""
    in_a_loop(keys)
    in_a_cell(keys, seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, float(sys.argv[2]) if len(sys.argv) > 2 else 60.0)
