"""One replica as part of this process: `gaios.Replica`.  [DESIGN §1, §5]

    async with gaios.Replica("replica-1.toml", machine=Bank()) as replica:
        balance = await replica.submit(Deposit("alice", 5))

A `Node` (pure) in the middle; around it `Turns` (the event loop, clock and disk thread) and `Doors` (ports and connections).
"""

import asyncio
import gc
import os
import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Self, TypeVar, overload

from gaios import errors
from gaios.machine import Machine
from gaios.server import config, directory
from gaios.server.backups import Backups
from gaios.server.doors import Doors
from gaios.server.effects import Limits
from gaios.server.embed import Session
from gaios.server.links import Link
from gaios.server.logs import Logger
from gaios.server.metrics import Metrics, render
from gaios.server.node import Node
from gaios.server.recorded import start_recorded
from gaios.server.recorder import of_this_machine
from gaios.server.remote import Remote
from gaios.server.turns import Turns, clock
from gaios.storage.disk import Disk
from gaios.typed import Command, Query, decode_reply, encode

R = TypeVar("R")
STOP_S: Final = 5.0
"""What a stop waits for the last disk batch."""


class Replica:
    """See the module. `settings` is a `config.Settings`, its keys as a mapping, or the path of a TOML file.

    Without a `machine` it keeps a `gaios.locks.LockService`: a database with a lock service on it.
    """

    def __init__(
        self,
        settings: "config.Settings | Mapping[str, Any] | str | os.PathLike[str]",
        *,
        machine: Machine | None = None,
        log: Logger | None = None,
    ) -> None:
        if isinstance(settings, config.Settings):
            self.settings = settings
        elif isinstance(settings, Mapping):
            self.settings = config.settings(settings)
        else:
            self.settings = config.load(settings)
        self._machine = machine
        self.log = log or Logger(level=self.settings.log_level, format=self.settings.log_format, replica=self.settings.id)
        self.metrics = Metrics()
        self._turns: Turns | None = None
        self._stopping: asyncio.Task[None] | None = None
        self.backups: Backups | None = None
        """Made by this replica whenever it is master, if that is configured."""
        if self.settings.backup.url:
            if machine is not None:
                raise errors.ConfigurationError(
                    reason="backups are made of the machine that gaios brings; this replica has one of its own",
                    hint="leave `backup.url` away, and copy the files in snap/ and wal/",
                )
            self.backups = Backups(self.settings.backup, self.settings.dir, lambda: self.node.replica.is_serving, self.log)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take the directory and the ports, read everything durable, and join the cell.

        Raises:
            AnotherCell, DirectoryInUse, ConfigurationError: this is not this replica's directory, or not now.
            StateMissing, StateDamaged: it cannot be trusted.
            PortTaken: something else listens there.
        """
        settings = self.settings
        self._disk = directory.open_(settings)
        try:
            nonce = secrets.randbits(63)
            self._doors = Doors(settings, nonce, self.log)
            try:
                node = self._make_node(self._disk, nonce)
            except BaseException:
                self._doors.close_sockets()
                raise
        except BaseException:
            self._disk.close()
            raise
        self._doors.follow(node)
        turns = self._turns = Turns(
            node=node, disk=self._disk, links=self._doors.links, clients=self._doors.clients, metrics=self.metrics, log=self.log
        )
        if settings.backup.url:
            turns.remote = Remote(settings.backup.url, settings.cell.id, node, self.log)
        self._session = Session(turns.submit)
        turns.on_durable = self._doors.dial
        await self._doors.open(turns, self)
        for warning in self._disk.warnings:
            self.log.warning("directory", reason=warning)
        self.log.info("started", boot=node.replica.boot, pid=os.getpid(), slot=node.replica.chosen, **settings.listens)
        turns.wake()
        turns.look()
        if self.backups is not None:
            self.backups.start()

    async def stop(self) -> None:
        """Stop cleanly: let nobody in, give up the lease, finish the disk's batch, leave the mark."""
        if self._turns is not None and self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(self._turns))
        if self._stopping is not None:
            await self._stopping

    async def _stop(self, turns: Turns) -> None:
        self._doors.shut()
        if self.backups is not None:
            await self.backups.stop()
        if turns.remote is not None:
            turns.remote.close()
        await turns.finish(STOP_S)
        await self._doors.close()
        self._disk.close()
        turns.close()
        if self._recorder is not None:
            self._recorder.close()
        self.log.info("stopped")

    async def wait(self) -> None:
        """Until it is stopped.

        Raises:
            Error: what stopped it, if it was not `stop`.
        """
        await asyncio.shield(self._running.done)

    @overload
    async def submit(self, command: bytes, *, timeout_s: float = 10.0) -> bytes: ...
    @overload
    async def submit(self, command: Command[R], *, timeout_s: float = 10.0) -> R: ...
    async def submit(self, command: bytes | Command[Any], *, timeout_s: float = 10.0) -> Any:
        """Replicate a command, exactly once; the machine's reply, typed as the command is.

        Raises:
            NotMaster, Overloaded, InvalidCommand: nothing happened.
            Unknown: no certain answer came in time.
            Error: what the machine refused with.
        """
        if self._turns is None:
            raise errors.Unavailable(waited_ms=0, reason="this replica was not started")
        if isinstance(command, Command):
            return decode_reply(command, await self._session.submit(encode(command), timeout_s))
        return await self._session.submit(command, timeout_s)

    @overload
    async def query(self, question: bytes, *, timeout_s: float = 10.0) -> bytes: ...
    @overload
    async def query(self, question: Query[R], *, timeout_s: float = 10.0) -> R: ...
    async def query(self, question: bytes | Query[Any], *, timeout_s: float = 10.0) -> Any:
        """Ask the machine, under the master's lease: the answer covers all that was answered before.

        Raises:
            NotMaster, Unavailable: ask again, or elsewhere.
            Error: what the machine refused with.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._running.read(encode(question) if isinstance(question, Query) else question)
        except TimeoutError:
            raise errors.Unavailable(waited_ms=int(timeout_s * 1_000), reason="the lease could not be renewed in time") from None
        if answer.status:
            raise errors.unpack(answer.body)
        return decode_reply(question, answer.body) if isinstance(question, Query) else answer.body

    def status(self) -> dict[str, Any]:
        """This replica's facts, as `/status` shows them."""
        return self.node.status(clock())

    def sums(self) -> dict[str, Any]:
        """What this replica's state came to, by slot, as `/sums` shows it: chain, checksum and trail, in hexadecimal."""
        replica = self.node.replica
        told = [[each.slot, each.chain.hex(), f"{each.checksum:016x}", f"{each.trail:016x}"] for each in replica.doubt.sums.ring()]
        return {"id": replica.place, "member": replica.me, "applied": replica.applied, "sums": told}

    def not_ready(self) -> str:
        """Why clients should not be sent here yet; empty when they may."""
        replica = self.node.replica
        if not replica.master:
            return "no master is known"
        if replica.is_behind:
            return f"applied through slot {replica.applied}, {replica.chosen} and more are chosen"
        return ""

    def render_metrics(self) -> bytes:
        """Prometheus text."""
        return render(self, clock())

    @property
    def node(self) -> Node:
        """The pure object inside."""
        return self._running.node

    @property
    def links(self) -> Mapping[int, Link]:
        """What is said to each peer, by member."""
        return self._doors.links

    @property
    def connections(self) -> int:
        """Clients that are connected."""
        return len(self._doors.clients)

    @property
    def _running(self) -> Turns:
        if self._turns is None:
            raise errors.Unavailable(waited_ms=0, reason="this replica was not started")
        return self._turns

    def _record_stopped(self, reason: str) -> None:
        self.log.warning("recording_stopped", reason=reason, see=self.settings.record)

    def _make_node(self, disk: Disk, nonce: int) -> Node:
        settings, me = self.settings, self.settings.me
        machine = self._machine
        if machine is None:
            from gaios.locks import LockService  # noqa: PLC0415 (an embedder with a machine of its own needs none)

            machine = LockService()
        places = [
            {"id": place.id, "member": place.id, "client": place.client, "peer": place.peer, "admin": place.admin}  # founders  [SAFETY 1]
            for place in settings.replica
        ]
        self._recorder = of_this_machine(settings.record, self._record_stopped) if settings.record else None
        start = Node.start if self._recorder is None else partial(start_recorded, self._recorder)
        return start(
            cell=settings.cell.bytes,
            member=settings.member,
            members=settings.members,
            told=settings.invitation,
            clients={place.id: place.client for place in settings.replica},
            reader=disk.reader,
            machine=machine,
            nonce=nonce,
            now=clock(),
            wall_ms=time.time_ns() // 1_000_000,
            options=settings.log,
            limits=Limits(
                requests=settings.client_requests,
                watches=settings.client_watches,
                scrub_bytes_s=settings.scrub_mib_s << 20,
                scrub_every_ms=settings.scrub_every_s * 1_000,
            ),
            beside=disk.beside,
            segment_bytes=settings.segment_mib << 20,
            directory=settings.dir,
            facts={
                "cell": settings.cell.id,
                "name": settings.cell.name,
                "pid": os.getpid(),
                "client": me.client,
                "peer": me.peer,
                "admin": me.admin,
                "founders": places,
                "backup": self.backups.facts if self.backups is not None else None,
            },
        )


def quiet_collector() -> None:
    """Keep the garbage collector out of the way: what is there now stays, and full collections are rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 500)


def raise_limits() -> None:
    """Take as many file descriptors as the system allows: connections must not starve the disk of them."""
    import resource  # noqa: PLC0415 (for a process of its own only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
