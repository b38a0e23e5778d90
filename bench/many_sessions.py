"""Many sessions of one cell through a fail-over: is any lost, and what do their KeepAlives cost?  [CHUBBY §2.8, §2.9; SAFETY 21]

    python -m bench.many_sessions [--sessions 20000] [--connections 1000] [--workers 2] [--replicas 5] [--lease 12] [--rest 36] [--trials 1]

Each session holds a lock of its own, so that it matters whether it lives. They are opened, left alone for `--rest` seconds, in which the
replicas' CPU is measured (and before there are any, for as long, what they use without sessions), and then the master is killed with
SIGKILL; when every session's lease counts from after that, all is well again. A grace period after it nobody may have been lost, and
the cell must list every one. Fails with exit code 1 otherwise.

Clients are a few processes, with many connections each, as `--connections` says; a connection carries its share of the sessions. More of
them than a replica takes by default (1,000) are allowed for here; each takes a file descriptor of the master.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gaios
from bench.cells import gaios_cell, process_seconds
from gaios.client.held import Held
from gaios.client.outside import boottime_ns
from gaios.lock_api import TOKEN_BYTES
from gaios.transport import KeepAlive, KeptAlive, Status, encode_answer, encode_keepalive, encode_kept_alive

GRACE_S: Final = 45.0
OPENING: Final = 64
"""Sessions of a worker that are being opened at a time."""
LOOK_S: Final = 0.5
"""Between two looks at all sessions."""
PATIENCE_S: Final = 600.0


class Worker:
    """One client process: its sessions, each with the lock that it holds."""

    def __init__(self, first: int, arguments: argparse.Namespace) -> None:
        self._numbers = range(first, arguments.sessions, arguments.workers)
        self._connections = max(1, arguments.connections // arguments.workers)
        self._arguments = arguments
        self._held: list[Held] = []
        self._lost = 0
        self._jeopardies: set[int] = set()

    async def run(self) -> None:
        """Open them, and say how they are until standard input ends."""
        arguments = self._arguments
        cells = [gaios.connect(arguments.endpoints, timeout=PATIENCE_S) for _ in range(self._connections)]
        room = asyncio.Semaphore(OPENING)

        async def hold(number: int) -> None:
            async with room:
                cell = cells[number // arguments.workers % len(cells)]
                session = cell.session(lease=arguments.lease, grace=GRACE_S, client=f"session {number}")
                self._held.append(await session.lock(f"many/{number}", on_jeopardy="wait").acquire(self._lose))

        async with contextlib.AsyncExitStack() as stack:
            for cell in cells:
                await stack.enter_async_context(cell)
            opening = asyncio.gather(*map(hold, self._numbers))
            looking = asyncio.ensure_future(self._look())
            await opening
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            looking.cancel()
            os._exit(0)  # the cell is stopped next: nobody waits for twenty thousand farewells

    def _lose(self) -> None:
        self._lost += 1

    async def _look(self) -> None:
        while True:
            now = boottime_ns()
            epochs: dict[int, int] = {}
            soonest, jeopardy, keepalives = 1 << 62, 0, 0
            for held in self._held:
                lease = held._lease  # noqa: SLF001 (the bench looks where a client's user need not)
                end_ns = lease.end_ns
                soonest = min(soonest, end_ns)
                if end_ns <= now:
                    jeopardy += 1
                    self._jeopardies.add(lease.lease)
                keepalives += lease.number
                epochs[lease.epoch] = epochs.get(lease.epoch, 0) + 1
            told = {
                "held": len(self._held),
                "lost": self._lost,
                "in_jeopardy": jeopardy,
                "jeopardies": len(self._jeopardies),
                "keepalives": keepalives,
                "epochs": epochs,
                "soonest_end_ns": soonest,
                "now_ns": now,
            }
            print(json.dumps(told), flush=True)
            await asyncio.sleep(LOOK_S)


class Workers:
    """All of them, seen from the bench. `told` is what each said last."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes
        self.told: list[dict[str, Any]] = [{} for _ in processes]
        self.margin_ns = 1 << 62
        """How far the lease that was closest to its end was from it, at any look."""
        self.news = asyncio.Condition()
        self._tasks = [asyncio.ensure_future(self._listen(place)) for place in range(len(processes))]

    async def _listen(self, place: int) -> None:
        stdout = self._processes[place].stdout
        assert stdout is not None
        while line := await stdout.readline():
            told = self.told[place] = json.loads(line)
            self.margin_ns = min(self.margin_ns, told["soonest_end_ns"] - told["now_ns"])
            async with self.news:
                self.news.notify_all()
        sys.exit(f"client process {place} ended")

    def total(self, what: str) -> int:
        """Of a count that each of them tells."""
        return sum(told.get(what, 0) for told in self.told)

    def in_reigns_after(self, epoch: int) -> int:
        """Sessions that were told of a later reign."""
        return sum(count for told in self.told for each, count in told.get("epochs", {}).items() if int(each) > epoch)

    def all_since(self, since_ns: int, lease_ns: int) -> bool:
        """Whether every lease counts from after this time."""
        return all(told.get("soonest_end_ns", 0) - lease_ns > since_ns for told in self.told)

    async def fresh(self) -> None:
        """Wait until each has looked again."""
        now = boottime_ns()
        await self.until(lambda: all(told.get("now_ns", 0) > now for told in self.told))

    async def until(self, holds: Any) -> None:  # noqa: ANN401 (a predicate)
        """Wait until something holds of what they say."""
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(holds)

    async def stop(self) -> None:
        """End them."""
        for task in self._tasks:
            task.cancel()
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
            if process.returncode is None:
                process.kill()
                await process.wait()


def bytes_of_a_keepalive() -> tuple[int, int]:
    """On the wire without TCP's own: the KeepAlive and its answer."""
    many = 1 << 40
    asked = encode_keepalive(KeepAlive(many, many, 1_000, many, 0, bytes(TOKEN_BYTES)))
    told = encode_answer(many, Status.DONE, 0, 0, encode_kept_alive(KeptAlive(12_000, 1_000, many, 0)))
    return len(asked), len(told)


async def at_rest(pids: Sequence[int], seconds: float) -> float:
    """What the replicas use, CPU seconds a second."""
    began, before = time.monotonic(), process_seconds(pids)
    await asyncio.sleep(seconds)
    return (process_seconds(pids) - before) / (time.monotonic() - began)


async def master_of(endpoints: str) -> tuple[int, int]:
    """Its pid, and the epoch."""
    async with gaios.connect(endpoints, timeout=PATIENCE_S) as cell:
        while True:
            told = await cell.status()
            for replica in told.replicas:
                if replica.role == "master" and replica.pid and told.epoch:
                    return replica.pid, told.epoch
            await asyncio.sleep(0.05)


async def fail_over(workers: Workers, endpoints: str, arguments: argparse.Namespace) -> None:
    """Kill the master; how long until every session is safe, counted from then."""
    pid, epoch = await master_of(endpoints)
    await workers.fresh()
    workers.margin_ns = 1 << 62
    os.kill(pid, signal.SIGKILL)
    killed_ns, killed = boottime_ns(), time.monotonic()
    await workers.until(lambda: workers.in_reigns_after(epoch))
    first = time.monotonic() - killed
    await workers.until(lambda: workers.in_reigns_after(epoch) == arguments.sessions)
    told = time.monotonic() - killed
    lease_ns = int(arguments.lease * 0.999 * 1e9)
    await workers.until(lambda: workers.all_since(killed_ns, lease_ns))
    print(
        f"fail-over by kill -9: the first session heard from the new master after {first:.2f} s, all after {told:.2f} s;"
        f" every lease counts anew after {time.monotonic() - killed:.2f} s;"
        f" no lease came closer to its end than {workers.margin_ns / 1e9:.2f} s; sessions ever in jeopardy: {workers.total('jeopardies')}",
        flush=True,
    )


async def bench(endpoints: str, pids: Sequence[int], arguments: argparse.Namespace) -> bool:
    """Measure and print; whether no session was lost."""
    idle = await at_rest(pids, arguments.rest)
    print(f"without sessions the {arguments.replicas} replicas use {idle * 1_000:.1f} ms of CPU a second", flush=True)
    processes = []
    for first in range(arguments.workers):
        words = [f"--{name}={getattr(arguments, name)}" for name in ("sessions", "connections", "workers", "lease")]
        processes.append(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.many_sessions", *words, f"--endpoints={endpoints}", f"--first={first}",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
        )  # fmt: skip
    workers = Workers(processes)
    try:
        began, before = time.monotonic(), process_seconds(pids)
        await workers.until(lambda: workers.total("held") == arguments.sessions)
        took, used = time.monotonic() - began, process_seconds(pids) - before
        print(
            f"{arguments.sessions} sessions, each with a lock, opened in {took:.1f} s: {arguments.sessions / took:,.0f} a second,"
            f" {used / arguments.sessions * 1e6:.0f} µs of CPU each; sessions in jeopardy meanwhile: {workers.total('jeopardies')}",
            flush=True,
        )
        await asyncio.sleep(arguments.lease)
        await workers.fresh()
        workers.margin_ns, keepalives = 1 << 62, workers.total("keepalives")
        load = await at_rest(pids, arguments.rest)
        await workers.fresh()
        keepalives = workers.total("keepalives") - keepalives
        extra, asked_and_told = load - idle, bytes_of_a_keepalive()
        print(
            f"at rest they use {load * 1_000:.1f} ms of CPU a second: {extra / arguments.sessions * 1e6:.2f} µs a session and second;"
            f" {keepalives / arguments.rest / arguments.sessions:.3f} KeepAlives a session and second,"
            f" {extra * arguments.rest / max(1, keepalives) * 1e6:.1f} µs each,"
            f" {asked_and_told[0]} bytes and {asked_and_told[1]} for its answer;"
            f" no lease came closer to its end than {workers.margin_ns / 1e9:.2f} s",
            flush=True,
        )
        for _ in range(arguments.trials):
            await fail_over(workers, endpoints, arguments)
            await asyncio.sleep(arguments.lease)
        await asyncio.sleep(GRACE_S)
        await workers.fresh()
        async with gaios.connect(endpoints, timeout=PATIENCE_S) as cell:
            listed = sum(info.locks == 1 for info in await cell.sessions())
        lost, jeopardy = workers.total("lost"), workers.total("in_jeopardy")
        print(f"a grace period later: {lost} sessions lost, {jeopardy} in jeopardy, {listed} listed by the cell with their lock")
        return not lost and not jeopardy and listed == arguments.sessions
    finally:
        await workers.stop()


def main() -> None:
    """Parse, run, clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=1_000, help="of all clients together")
    parser.add_argument("--workers", type=int, default=2, help="client processes")
    parser.add_argument("--replicas", type=int, default=5)
    parser.add_argument("--lease", type=float, default=12.0)
    parser.add_argument("--rest", type=float, default=36.0, help="seconds of rest that are measured")
    parser.add_argument("--trials", type=int, default=1, help="how often the master is killed")
    parser.add_argument("--dir", default=".", help="where the cell keeps its data meanwhile")
    parser.add_argument("--endpoints", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.endpoints:
        asyncio.run(Worker(arguments.first, arguments).run())
        return
    with (
        tempfile.TemporaryDirectory(dir=arguments.dir, prefix="sessions-") as directory,
        gaios_cell(Path(directory), arguments.replicas, client_connections=arguments.connections + 100) as (endpoints, pids),
    ):
        sys.exit(0 if asyncio.run(bench(endpoints, pids, arguments)) else 1)


if __name__ == "__main__":
    main()
