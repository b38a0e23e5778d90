"""Fresh cells of gaios, etcd and ZooKeeper on this machine, each at its defaults, for the benches; and what their processes use."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

P = TypeVar("P", bound=asyncio.Protocol)
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def process_seconds(pids: Sequence[int]) -> float:
    """What these processes have used, user and system."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * _TICK_S


class Gateway(asyncio.Protocol):
    """One connection to etcd's JSON gateway: one request at a time, the answer's body unread but for its length."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._data = b""
        self._waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of the answer."""
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length and self._waiting is not None:
            self._data = body[length:]
            if head.startswith(b"HTTP/1.1 200"):
                self._waiting.set_result(body[:length])
            else:
                self._waiting.set_exception(RuntimeError(f"etcd answered {body[:length]!r}"))
            self._waiting = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        if self._waiting is not None:
            self._waiting.set_exception(exc or ConnectionResetError("etcd closed the connection"))

    def post(self, path: str, body: bytes) -> "asyncio.Future[bytes]":
        """Ask; the answer's body."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(b"POST %s HTTP/1.1\r\nHost: etcd\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
        return self._waiting


@contextlib.asynccontextmanager
async def connected(protocol: Callable[[], P], ports: Sequence[int], clients: int) -> AsyncIterator[list[P]]:
    """A connection a client, spread over all nodes."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for client in range(clients):
            transport, made = await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", ports[client % len(ports)])
            stack.callback(transport.close)
            found.append(made)
        yield found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _killed(processes: Sequence["subprocess.Popen[bytes]"]) -> Iterator[None]:
    """At the end."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def etcd_cell(directory: Path, replicas: int) -> Iterator[tuple[list[int], list[int]]]:
    """A fresh etcd cell: client ports and pids."""
    ports = free_ports(2 * replicas)
    clients, peers = ports[:replicas], ports[replicas:]
    cluster = ",".join(f"n{i}=http://127.0.0.1:{port}" for i, port in enumerate(peers))
    processes = []
    for i in range(replicas):
        client, peer = f"http://127.0.0.1:{clients[i]}", f"http://127.0.0.1:{peers[i]}"
        flags = {
            "name": f"n{i}",
            "data-dir": str(directory / f"etcd-{i}"),
            "log-level": "error",
            "quota-backend-bytes": str(8 << 30),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": cluster,
        }
        words = [word for name, value in flags.items() for word in (f"--{name}", value)]
        processes.append(subprocess.Popen(["etcd", *words], stderr=subprocess.DEVNULL))
    with _killed(processes):
        yield clients, [process.pid for process in processes]


@contextlib.contextmanager
def gaios_cell(directory: Path, replicas: int, **settings: object) -> Iterator[tuple[str, list[int]]]:
    """A fresh gaios cell: endpoints and pids. `settings` are those of its replicas that are not the default."""
    environment = os.environ | {f"GAIOS_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-c", "from gaios.cli import main; main()"]
    where = str(directory / "gaios")
    port = next(port for port in range(21_000, 30_000, 400) if all(_is_free(port + offset) for offset in (0, 1, 2, 3, 4, 100, 200)))
    made = subprocess.run(
        [*command, "up", "--dir", where, "--replicas", str(replicas), "--port", str(port), "--detach", "--json"],
        check=True,
        stdout=subprocess.PIPE,
        env=environment,
    )
    endpoints = ",".join(json.loads(made.stdout)["endpoints"])
    try:
        told = subprocess.run([*command, "status", "--endpoints", endpoints, "--json"], check=True, stdout=subprocess.PIPE)
        yield endpoints, [replica["pid"] for replica in json.loads(told.stdout)["replicas"]]
    finally:
        subprocess.run([*command, "down", "--dir", where], check=True, stdout=subprocess.DEVNULL)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def ready(ports: Sequence[int]) -> None:
    """Wait until etcd acknowledges a write."""
    end = time.monotonic() + 30
    while True:
        try:
            _, gateway = await asyncio.get_running_loop().create_connection(Gateway, "127.0.0.1", ports[0])
            await gateway.post("/v3/kv/put", b'{"key":"YQ==","value":"YQ=="}')
        except (OSError, RuntimeError):
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def zookeeper_cell(directory: Path, replicas: int) -> Iterator[tuple[list[int], list[int]]]:
    """A fresh ZooKeeper cell of Debian's package: client ports and pids."""
    ports = free_ports(3 * replicas)
    clients = ports[:replicas]
    servers = [f"server.{i + 1}=127.0.0.1:{ports[replicas + i]}:{ports[2 * replicas + i]}" for i in range(replicas)]
    processes = []
    for i, port in enumerate(clients):
        where = directory.resolve() / f"zookeeper-{i}"  # it runs there
        where.mkdir()
        (where / "myid").write_text(f"{i + 1}\n")
        settings = ("tickTime=2000", "initLimit=10", "syncLimit=5", "maxClientCnxns=0", "admin.enableServer=false")
        lines = (*settings, f"dataDir={where}", f"clientPort={port}", "clientPortAddress=127.0.0.1", *servers)
        (where / "zoo.cfg").write_text("\n".join(lines) + "\n")
        words = ["java", "-Xmx1000m", "-cp", "/usr/share/java/zookeeper.jar", "-Djava.awt.headless=true"]
        main = ["org.apache.zookeeper.server.quorum.QuorumPeerMain", str(where / "zoo.cfg")]
        processes.append(subprocess.Popen([*words, *main], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=where))
    with _killed(processes):
        yield clients, [process.pid for process in processes]
