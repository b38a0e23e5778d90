"""etcd and gaios under the same load in the same minutes: ratios of medians.

    python -m bench.peers [--replicas 5] [--clients 64] [--seconds 5] [--rounds 3] [--value-bytes 256] [--operation put|get]

Needs `etcd` (Debian's etcd-server). Both cells run with the same number of replicas on this machine at their defaults, data on the same
disk, and are loaded alternately, so that a machine whose speed drifts treats both alike. The load is the same for both: one process,
closed loop, one connection and one request under way for each client, distinct keys within a fixed set.

Both cells live through the whole run: what the idle one's heartbeats cost is counted as its own, and a little is taken from the other.

What is compared is the *servers'* CPU an operation: on a machine that servers and load share it decides everything else.

etcd is driven over its JSON gateway by the lightest client that asyncio allows, spread over all nodes. The gateway translates HTTP to
gRPC inside etcd: that costs about 1.6 times the CPU of native gRPC (322 against 195 µs a put at 64 clients on three nodes of etcd 3.4).
So beside the ratio stand figures that were published for native clients written in C (`PUBLISHED`): for orientation only, since they
were taken on another day.
"""

import argparse
import asyncio
import contextlib
import shutil
import statistics
import sys
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import gaios
import gaios.client
from bench.cells import Gateway, connected, etcd_cell, gaios_cell, process_seconds, ready
from gaios.cli import figures
from gaios.cli.load import Operation, closed_loop

PUBLISHED: Final = {
    # (peer, replicas): servers' CPU µs a put of 256 bytes at 1, 10, 64, 256 clients, over all nodes; two vCPUs, native C client
    ("etcd 3.4", 3): (1167, 512, 209, 198),
    ("ZooKeeper 3.8", 3): (1166, 405, 178, 150),
    ("etcd 3.4", 5): (2010, 699, 334, 232),
    ("ZooKeeper 3.8", 5): (1564, 734, 311, 201),
}
KEYS: Final = 10_000


@contextlib.asynccontextmanager
async def etcd_operations(ports: Sequence[int], arguments: argparse.Namespace) -> AsyncIterator[list[Operation]]:
    """One gateway connection a client, spread over all nodes."""
    value = b64encode(bytes(arguments.value_bytes)).decode()
    async with connected(Gateway, ports, arguments.clients) as gateways:
        operations = list[Operation]()
        for client, gateway in enumerate(gateways):

            def operation(count: int, client: int = client, gateway: Gateway = gateway) -> "asyncio.Future[bytes]":
                key = b64encode(b"%08d" % ((count * arguments.clients + client) % KEYS)).decode()
                if arguments.operation == "get":
                    return gateway.post("/v3/kv/range", f'{{"key":"{key}"}}'.encode())
                return gateway.post("/v3/kv/put", f'{{"key":"{key}","value":"{value}"}}'.encode())

            operations.append(operation)
        yield operations


@contextlib.asynccontextmanager
async def gaios_operations(endpoints: str, arguments: argparse.Namespace) -> AsyncIterator[list[Operation]]:
    """One connection and one session a client."""
    value = bytes(arguments.value_bytes)
    async with contextlib.AsyncExitStack() as stack:
        operations = list[Operation]()
        for client in range(arguments.clients):
            cell = await stack.enter_async_context(gaios.connect(endpoints))

            async def operation(count: int, client: int = client, cell: gaios.client.Cell = cell) -> object:
                key = b"%08d" % ((count * arguments.clients + client) % KEYS)
                return await (cell.get(key) if arguments.operation == "get" else cell.put(key, value))

            operations.append(operation)
        yield operations


async def measure(operations: Sequence[Operation], pids: Sequence[int], seconds: float) -> dict[str, Any]:
    """One run's figures."""

    async def cpu() -> float:
        return process_seconds(pids)

    run = await closed_loop(operations, seconds, cpu)
    return figures.load(run.latencies_ns, run.seconds, run.cpu_seconds)


async def compare(arguments: argparse.Namespace, directory: Path) -> None:
    """Alternate, and print."""
    results: dict[str, list[dict[str, Any]]] = {"etcd": [], "gaios": []}
    with (
        etcd_cell(directory, arguments.replicas) as (ports, etcd_pids),
        gaios_cell(directory, arguments.replicas) as (endpoints, gaios_pids),
    ):
        await ready(ports)
        for number in range(arguments.rounds):
            async with etcd_operations(ports, arguments) as operations:
                results["etcd"].append(await measure(operations, etcd_pids, arguments.seconds))
            async with gaios_operations(endpoints, arguments) as operations:
                results["gaios"].append(await measure(operations, gaios_pids, arguments.seconds))
            for name, runs in results.items():
                print(f"round {number + 1} {name:6}{figures.sentence(runs[-1])}", flush=True)
    print(
        f"\n{arguments.operation}, {arguments.replicas} replicas, {arguments.clients} clients, {arguments.value_bytes}-byte values: medians"
    )
    for figure in ("cpu_us_per_op", "ops_per_s", "p50_ms", "p99_ms"):
        etcd, ours = (statistics.median(run[figure] for run in results[name]) for name in ("etcd", "gaios"))
        print(f"  {figure:14} etcd {etcd:10.1f}   gaios {ours:10.1f}   gaios/etcd {ours / etcd:6.2f}")
    if arguments.operation == "put" and arguments.clients in {1, 10, 64, 256}:
        print("orientation: published CPU µs a put with native C clients, on another day of such a machine")
        for (peer, replicas), row in PUBLISHED.items():
            if replicas == arguments.replicas:
                print(f"  {peer:14} {row[(1, 10, 64, 256).index(arguments.clients)]:5}")


def main() -> None:
    """Parse, run, clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=5)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--value-bytes", type=int, default=256)
    parser.add_argument("--operation", choices=("put", "get"), default="put")
    parser.add_argument("--dir", default=".", help="where both keep their data meanwhile: the same disk")
    arguments = parser.parse_args()
    if shutil.which("etcd") is None:
        sys.exit("etcd is not on this machine: apt-get install etcd-server")
    with tempfile.TemporaryDirectory(dir=arguments.dir, prefix="peers-") as directory:
        asyncio.run(compare(arguments, Path(directory)))


if __name__ == "__main__":
    main()
