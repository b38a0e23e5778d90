"""A lock that nobody else wants, acquired and released: gaios beside etcd and ZooKeeper, in the same minutes; ratios of medians.

    python -m bench.lock_peers [--replicas 3] [--clients 1,16] [--seconds 5] [--rounds 3] [--peers etcd,zookeeper]

Needs `etcd` (Debian's etcd-server) and Debian's `zookeeper`. All cells live through the whole run, at their defaults, data on the same
disk, and are loaded in turn. Each client has a connection, a session (a lease) that lives as long as it, and a lock of its own; it is one
task of one asyncio process, and its code is the lightest that its protocol allows. A first round is not counted: a JVM has to warm up.

    gaios       `async with cell.lock(name)`
    etcd        a transaction that puts the key under the lease if it is absent; then its deletion. JSON gateway: see `bench.peers`
    ZooKeeper   the recipe: an ephemeral, sequential child is made; the children are listed; it is deleted. Its own binary protocol

That is two, two and two writes to each log, where gaios' handle is open already, and what it reports beyond that is what it costs.
"""

import argparse
import asyncio
import contextlib
import shutil
import statistics
import struct
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import gaios
from bench.cells import Gateway, connected, etcd_cell, gaios_cell, process_seconds, ready, zookeeper_cell
from gaios.cli import figures
from gaios.cli.load import Operation, closed_loop

LEASE_S: Final = 60
"""Longer than a round: nobody's lease has to be kept alive while it is measured. gaios keeps its own alive."""
PATIENCE_S: Final = 60.0
JAR: Final = Path("/usr/share/java/zookeeper.jar")

_OPEN_ACL: Final = struct.pack(">ii", 1, 31) + struct.pack(">i5s", 5, b"world") + struct.pack(">i6s", 6, b"anyone")
_CREATE, _DELETE, _CHILDREN = 1, 2, 8
_EPHEMERAL_SEQUENTIAL: Final = 3
_NODE_EXISTS: Final = -110


class ZooKeeper(asyncio.Protocol):
    """One connection and session, one request under way."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._data = b""
        self._waiting: asyncio.Future[bytes] | None = None
        self._requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready for `begin`."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self._data += data
        while len(self._data) >= 4:
            (length,) = struct.unpack_from(">i", self._data)
            if len(self._data) < 4 + length:
                return
            frame, self._data = self._data[4 : 4 + length], self._data[4 + length :]
            if self._waiting is not None:
                waiting, self._waiting = self._waiting, None
                waiting.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("ZooKeeper closed the connection"))

    def _ask(self, body: bytes) -> "asyncio.Future[bytes]":
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(struct.pack(">i", len(body)) + body)
        return self._waiting

    async def begin(self) -> None:
        """Open a session."""
        await self._ask(struct.pack(">iqiqi16s?", 0, 0, LEASE_S * 1_000, 0, 16, bytes(16), False))

    async def _request(self, kind: int, body: bytes, *, may_exist: bool = False) -> bytes:
        self._requests += 1
        answer = await self._ask(struct.pack(">ii", self._requests, kind) + body)
        (error,) = struct.unpack_from(">i", answer, 12)
        if error and not (may_exist and error == _NODE_EXISTS):
            raise RuntimeError(f"ZooKeeper answered {error}")
        return answer[16:]

    async def make(self, path: bytes) -> None:
        """A permanent node; it may be there."""
        body = struct.pack(f">i{len(path)}si", len(path), path, 0) + _OPEN_ACL + struct.pack(">i", 0)
        await self._request(_CREATE, body, may_exist=True)

    async def lock(self, path: bytes) -> None:
        """Acquire the lock of this node, and release it."""
        child = path + b"/x-"
        body = struct.pack(f">i{len(child)}si", len(child), child, 0) + _OPEN_ACL + struct.pack(">i", _EPHEMERAL_SEQUENTIAL)
        made = (await self._request(_CREATE, body))[4:]
        children = await self._request(_CHILDREN, struct.pack(f">i{len(path)}s?", len(path), path, False))
        if struct.unpack_from(">i", children) != (1,):
            raise RuntimeError("somebody else wants this lock")
        await self._request(_DELETE, struct.pack(f">i{len(made)}si", len(made), made, -1))


@contextlib.asynccontextmanager
async def zookeeper_locks(ports: Sequence[int], clients: int) -> AsyncIterator[list[Operation]]:
    """Spread over all nodes."""
    async with connected(ZooKeeper, ports, clients) as sessions:
        operations = list[Operation]()
        for client, session in enumerate(sessions):
            await session.begin()
            await session.make(b"/lock-%d" % client)

            def operation(_: int, session: ZooKeeper = session, path: bytes = b"/lock-%d" % client) -> "Coroutine[Any, Any, None]":
                return session.lock(path)

            operations.append(operation)
        yield operations


@contextlib.asynccontextmanager
async def etcd_locks(ports: Sequence[int], clients: int) -> AsyncIterator[list[Operation]]:
    """Spread over all nodes."""
    async with connected(Gateway, ports, clients) as gateways:
        operations = list[Operation]()
        for client, gateway in enumerate(gateways):
            granted = await gateway.post("/v3/lease/grant", b'{"TTL":%d}' % LEASE_S)
            lease = granted.partition(b'"ID":"')[2].partition(b'"')[0]
            key = b64encode(b"lock-%d" % client)
            absent = b'{"target":"CREATE","key":"%s","create_revision":"0"}' % key
            put = b'{"requestPut":{"key":"%s","value":"","lease":"%s"}}' % (key, lease)
            acquire, release = b'{"compare":[%s],"success":[%s]}' % (absent, put), b'{"key":"%s"}' % key

            async def operation(_: int, gateway: Gateway = gateway, acquire: bytes = acquire, release: bytes = release) -> None:
                if b'"succeeded":true' not in await gateway.post("/v3/kv/txn", acquire):
                    raise RuntimeError("somebody else has this lock")
                if b'"deleted":"1"' not in await gateway.post("/v3/kv/deleterange", release):
                    raise RuntimeError("the lock was lost")

            operations.append(operation)
        yield operations


@contextlib.asynccontextmanager
async def gaios_locks(endpoints: str, clients: int) -> AsyncIterator[list[Operation]]:
    """All at the master, which clients find."""
    async with contextlib.AsyncExitStack() as stack:
        operations = list[Operation]()
        for client in range(clients):
            cell = await stack.enter_async_context(gaios.connect(endpoints))
            lock = cell.lock(f"lock-{client}")

            async def operation(_: int, lock: Any = lock) -> None:  # noqa: ANN401 (what `Cell.lock` gives)
                async with lock:
                    pass

            operations.append(operation)
        yield operations


async def zookeeper_ready(ports: Sequence[int]) -> None:
    """Wait until every node takes part in writes."""
    for port in ports:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                transport, session = await asyncio.get_running_loop().create_connection(ZooKeeper, "127.0.0.1", port)
                await session.begin()
                await session.make(b"/ready")
                transport.close()
            except (OSError, RuntimeError):
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)
            else:
                break


Cell = tuple[Callable[[int], "contextlib.AbstractAsyncContextManager[list[Operation]]"], Sequence[int]]


async def compare(cells: dict[str, Cell], clients: int, arguments: argparse.Namespace) -> None:
    """Load them in turn, and print."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in cells}
    for number in range(arguments.rounds + 1):
        for name, (locks, pids) in cells.items():

            async def cpu(pids: Sequence[int] = pids) -> float:
                return process_seconds(pids)

            async with locks(clients) as operations:
                run = await closed_loop(operations, arguments.seconds, cpu)
            made = figures.load(run.latencies_ns, run.seconds, run.cpu_seconds)
            results[name] += [made] * (number > 0)
            print(f"{f'round {number}' if number else 'not counted'} {name:10}{figures.sentence(made)}", flush=True)
    print(f"\nlocks, {arguments.replicas} replicas, {clients} clients: medians, and gaios' share of each peer's")
    for figure in ("cpu_us_per_op", "ops_per_s", "p50_ms", "p99_ms"):
        medians = {name: statistics.median(run[figure] for run in runs) for name, runs in results.items()}
        shares = "   ".join(f"gaios/{name} {medians['gaios'] / value:.2f}" for name, value in medians.items() if name != "gaios")
        print(f"  {figure:14}" + "   ".join(f"{name} {value:10.2f}" for name, value in medians.items()) + f"   {shares}", flush=True)


async def bench(stack: contextlib.ExitStack, directory: Path, arguments: argparse.Namespace) -> None:
    """Start the cells, and compare them at each number of clients."""
    cells: dict[str, Cell] = {}
    if "etcd" in arguments.peers:
        ports, pids = stack.enter_context(etcd_cell(directory, arguments.replicas))
        await ready(ports)
        cells["etcd"] = partial(etcd_locks, ports), pids
    if "zookeeper" in arguments.peers:
        ports, pids = stack.enter_context(zookeeper_cell(directory, arguments.replicas))
        await zookeeper_ready(ports)
        cells["zookeeper"] = partial(zookeeper_locks, ports), pids
    endpoints, pids = stack.enter_context(gaios_cell(directory, arguments.replicas))
    cells["gaios"] = partial(gaios_locks, endpoints), pids
    for clients in map(int, arguments.clients.split(",")):
        await compare(cells, clients, arguments)


def main() -> None:
    """Parse, run, clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--clients", default="1,16", help="how many, one comparison after the other")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="etcd,zookeeper")
    parser.add_argument("--dir", default=".", help="where all keep their data meanwhile: the same disk")
    arguments = parser.parse_args()
    if "etcd" in arguments.peers and shutil.which("etcd") is None:
        sys.exit("etcd is not on this machine: apt-get install etcd-server")
    if "zookeeper" in arguments.peers and not JAR.exists():
        sys.exit(f"ZooKeeper is not on this machine, or not as {JAR}: apt-get install zookeeper")
    with tempfile.TemporaryDirectory(dir=arguments.dir, prefix="lock-peers-") as directory, contextlib.ExitStack() as stack:
        asyncio.run(bench(stack, Path(directory), arguments))


if __name__ == "__main__":
    main()
