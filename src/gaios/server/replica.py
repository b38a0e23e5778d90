"""One replica as part of this process: sockets, the disk's thread, the clock and timers around a `Node`.  [DESIGN §1; SAFETY 12, 28]

    async with gaios.Replica("replica-1.toml", machine=MyMachine()) as replica:
        reply = await replica.submit(b"command")

    sockets ── frames ──► inbox ─┐                          ┌─► disk thread ── done ──► next turn
    peers' frames, timers ───────┴─► one turn: node.drain() ┼─► peers' links
                                                            └─► clients' connections

Rule 1. One turn of the loop is one drain: whatever came in one poll shares one disk batch, one frame a peer and one write a client.
Rule 2. `now` is read from CLOCK_BOOTTIME after the bytes were; the loop's own clock only says when to look again.
Rule 3. Peers' frames are handed on at once, clients' wait their turn and only so many are taken in one: overload cannot delay a lease.
Rule 4. The first failure of the disk, or of this program, stops the replica: nothing is said after it.
"""

import asyncio
import contextlib
import gc
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from gaios import errors
from gaios.log import Answer
from gaios.machine import Machine
from gaios.server import config, directory
from gaios.server.clients import ClientConnection, Frame
from gaios.server.embed import Session
from gaios.server.links import PING_S, SILENCE_S, Inbound, Link
from gaios.server.logs import Logger
from gaios.server.metrics import Metrics, render
from gaios.server.node import Limits, Node
from gaios.transport import Hello, encode_goodbye, encode_peer

TURN_NS: Final = 5_000_000
"""Clients' frames are taken for so long in one turn; then peers, timers and the disk come first again."""
TURN_FRAMES: Final = 256
"""How many are taken between looks at the clock."""
STOP_S: Final = 5.0
"""What a stop waits for the last disk batch."""
FAR: Final = 1 << 62


def clock() -> int:
    """Nanoseconds on a clock that goes on through suspension.  [SAFETY 10, 12]"""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Replica:
    """See the module. `settings` is a `config.Settings`, its keys as a mapping, or the path of a TOML file."""

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
        self.cell = self.settings.cell.bytes
        self._machine = machine
        self.log = log or Logger(level=self.settings.log_level, format=self.settings.log_format, replica=self.settings.id)
        self.metrics = Metrics()
        self._clients: dict[int, ClientConnection] = {}
        self._next_connection = 1
        self._inbound: dict[Inbound, None] = {}
        self.admins: dict[Any, None] = {}
        """Connections to the admin port."""
        self._peers_seen: dict[int, tuple[int, int]] = {}
        self._links: dict[int, Link] = {}
        self._inbox: deque[tuple[ClientConnection, list[Frame]]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[asyncio.AbstractServer] = []
        self._running = False
        self._scheduled = False
        self._stopping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = FAR
        self._deadline_ns = 0
        self._local: dict[int, asyncio.Future[Answer]] = {}
        self._requests = 0
        self._shown: tuple[str, int, int] = ("", 0, 0)
        self._disk_began_ns = 0

    # -- the public face -------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> "Replica":
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
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._session = Session(self._ask)
        settings = self.settings
        self._disk = directory.open_(settings)
        sockets: dict[str, socket.socket] = {}
        try:
            for role, text in settings.listens.items():
                sockets[role] = _listen(text)
            self._nonce = secrets.randbits(63)
            self._node = self._make_node()
        except BaseException:
            for sock in sockets.values():
                sock.close()
            self._disk.close()
            raise
        self._running = True
        for member, replica in settings.members.items():
            if replica != settings.id:
                founder = next(founder for founder in settings.replica if founder.id == replica)
                link = Link(member=member, replica=replica, address=config.address(founder.peer), hello=self._hello, log=self.log)
                self._links[member] = link
                self._tasks.append(self._loop.create_task(link.run(), name=f"link-{replica}"))
        self._tasks.append(self._loop.create_task(self._every_second(), name="every-second"))
        await self._serve(sockets)
        self.log.info("started", boot=self._node.replica.boot, pid=os.getpid(), chosen=self._node.replica.chosen, **settings.listens)
        self._wake()

    async def stop(self) -> None:
        """Stop cleanly: give up the lease, accept nothing more, finish the disk's batch, leave the mark."""
        if not self._running:
            return
        if not self._stopping:
            self._stopping = True
            for server in self._servers:
                server.close()
            with contextlib.suppress(errors.Error):
                self._node.retire(clock())
                self._turn()
                end = self._loop.time() + STOP_S
                while self._node.is_busy and not self._done.done() and self._loop.time() < end:
                    await asyncio.sleep(0.001)
                if not self._done.done() and not self._node.is_busy:
                    self._disk.execute_now(self._node.close())
        goodbye = encode_goodbye(errors.Unavailable(waited_ms=0, reason=f"replica {self.settings.id} stops"))
        for connection in list(self._clients.values()):
            connection.send(goodbye)
        await self._close()
        self.log.info("stopped")
        if not self._done.done():
            self._done.set_result(None)

    async def wait(self) -> None:
        """Until it is stopped.

        Raises:
            Error: what stopped it, if it was not `stop`.
        """
        await asyncio.shield(self._done)

    async def submit(self, command: bytes, *, timeout_s: float = 10.0) -> bytes:
        """Replicate a command, exactly once; the machine's reply.

        Raises:
            NotMaster, Overloaded, InvalidCommand: nothing happened.
            Unknown: no certain answer came in time.
            Error: what the machine refused with.
        """
        return await self._session.submit(command, timeout_s)

    async def query(self, question: bytes, *, timeout_s: float = 10.0) -> bytes:
        """Ask the machine, under the master's lease: the answer covers all that was answered before.

        Raises:
            NotMaster, Unavailable: ask again, or elsewhere.
            Error: what the machine refused with.
        """
        self._requests += 1
        future = self._expect(self._requests)
        self._node.read(clock(), self._requests, question)
        self._wake()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            raise errors.Unavailable(waited_ms=int(timeout_s * 1_000), reason="the lease could not be renewed in time") from None
        if answer.status:
            raise errors.unpack(answer.body)
        return answer.body

    def status(self) -> dict[str, Any]:
        """This replica's facts, as `/status` shows them."""
        return self._node.status(clock())

    def not_ready(self) -> str:
        """Why clients should not be sent here yet; empty when they may."""
        replica = self._node.replica
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
        return self._node

    @property
    def links(self) -> Mapping[int, Link]:
        """What is said to each peer, by member."""
        return self._links

    @property
    def connections(self) -> int:
        """Clients that are connected."""
        return len(self._clients)

    # -- one turn --------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._done.done():
            return
        self.metrics.turns += 1
        try:
            if self._inbox:
                self._take_frames()
            now = clock()
            if now >= self._deadline_ns:
                self._node.tick(now)
            self._carry_out(now)
        except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
            self._fail(error)

    def _take_frames(self) -> None:
        node, inbox, metrics = self._node, self._inbox, self.metrics
        began = now = clock()
        taken = 0
        while inbox and now - began < TURN_NS:
            connection, frames = inbox.popleft()
            number = connection.number
            try:
                for kind, body in frames:
                    node.client_frame(now, number, kind, body)
            except errors.ProtocolError as error:
                connection.close(error)
            connection.queued -= 1
            if connection.is_throttled and not connection.queued:
                connection.throttle(on=False)
            taken += len(frames)
            metrics.client_frames += len(frames)
            if taken >= TURN_FRAMES:
                taken = 0
                now = clock()
        if inbox:
            for connection, _ in inbox:
                if not connection.is_throttled:
                    connection.throttle(on=True)
            self._wake()

    def _carry_out(self, now: int) -> None:
        effects = self._node.drain(now)
        if effects.disk is not None:
            self._disk_began_ns = now
            self.metrics.batches.add(self._node.batch_records)
            self._disk.execute(effects.disk, self._executed)
        links = self._links
        last, frame = b"", b""
        for member, body, urgent in effects.to_peers:
            if body is not last:
                last, frame = body, encode_peer(body)
            links[member].send(frame, urgent=urgent)
        clients = self._clients
        for number, data in effects.to_clients:
            connection = clients.get(number)
            if connection is not None:
                connection.send(data)
        for request, answer in effects.local:
            future = self._local.pop(request, None)
            if future is not None and not future.done():
                future.set_result(answer)
        self._deadline_ns = effects.deadline_ns
        self._arm(now, effects.deadline_ns)
        replica = self._node.replica
        if (replica.role, replica.ballot, replica.master) != self._shown:
            self._show()

    def _arm(self, now: int, deadline: int) -> None:
        """See to it that a turn comes when something is due; an earlier timer that is no longer needed looks again."""
        if deadline >= self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = deadline
        if deadline <= now:
            self._timer = None
            self._loop.call_soon(self._on_timer)
        else:
            self._timer = self._loop.call_later((deadline - now) / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_ns = None, FAR
        self._turn()

    def _show(self) -> None:
        replica = self._node.replica
        before, self._shown = self._shown[0], (replica.role, replica.ballot, replica.master)
        role, ballot, master = self._shown
        if role == "master":
            event = "became_master"
        else:
            event = "lost_mastership" if before == "master" else "follows" if master else "seeks_master"
        self.log.info(event, ballot=ballot, master=master or None, slot=replica.chosen)

    # -- the disk --------------------------------------------------------------------------------------------------------

    def _executed(self, failure: errors.DiskFailed | None) -> None:
        """On the disk's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._on_disk, failure)

    def _on_disk(self, failure: errors.DiskFailed | None) -> None:
        if failure is not None:
            self._fail(failure)
            return
        now = clock()
        self.metrics.syncs.add((now - self._disk_began_ns) / 1e9)
        if not self._done.done():
            self._node.disk_done(now)
            self._turn()

    def _fail(self, error: Exception) -> None:
        """Stop at once, and say nothing more to anybody."""
        if self._done.done():
            return
        fields: dict[str, Any] = {"reason": str(error)}
        if not isinstance(error, errors.Error):
            import traceback  # noqa: PLC0415 (only here)

            fields["where"] = "".join(traceback.format_exception(error))
        self.log.error("failed", error=type(error).__name__, **fields)
        self._done.set_exception(error)
        for connection in list(self._clients.values()):
            if connection.transport is not None:
                connection.transport.abort()
        for task in self._tasks:
            task.cancel()

    # -- clients ---------------------------------------------------------------------------------------------------------

    def client_arrived(self, connection: ClientConnection, hello: Hello) -> bytes:
        """A client's HELLO."""
        del hello
        self._node.client_came(connection.number)
        serving, master = self._node.standing()
        return connection.accept(
            replica=self.settings.id,
            member=self._node.replica.me,
            boot=self._node.replica.boot,
            nonce=self._nonce,
            serving=serving,
            master=master,
        )

    def client_frames(self, connection: ClientConnection, frames: list[Frame]) -> None:
        """A client's requests wait for the turn."""
        self._inbox.append((connection, frames))
        connection.queued += 1
        self._wake()

    def client_paused(self, connection: ClientConnection) -> None:
        """A client reads slowly, or goes on."""
        self._node.client_paused(connection.number, paused=connection.is_paused)
        self._wake()

    def client_gone(self, connection: ClientConnection) -> None:
        """A client's connection is closed."""
        self._clients.pop(connection.number, None)
        self._node.client_gone(connection.number)

    # -- peers -----------------------------------------------------------------------------------------------------------

    def peer_arrived(self, inbound: Inbound, hello: Hello) -> bytes:
        """Judge who dialled.

        Raises:
            AnotherCell, ProtocolError: it is not one of this cell's other members as this replica knows them.
        """
        if hello.role != "peer":
            raise errors.ProtocolError(reason="this is the peer port; clients use the client port")
        replica = self._node.replica
        if hello.member == replica.me or hello.member not in replica.members:
            raise errors.AnotherCell(what="the peer that dialled", found=f"member {hello.member}", expected="another member of this cell")
        boot, nonce = self._peers_seen.get(hello.member, (0, 0))
        if hello.boot < boot or (hello.boot == boot and hello.nonce != nonce):
            # [SAFETY 3]
            raise errors.ProtocolError(
                reason=f"boot {hello.boot} of member {hello.member} came after boot {boot}: a clone, or an old copy of its directory"
            )
        self._peers_seen[hello.member] = (hello.boot, hello.nonce)
        for other in [other for other in self._inbound if other.member == hello.member]:
            other.close()
        return inbound.accept(replica=self.settings.id, member=replica.me, boot=replica.boot, nonce=self._nonce)

    def peer_opened(self, inbound: Inbound) -> None:
        """Somebody dialled the peer port."""
        self._inbound[inbound] = None

    def peer_frames(self, inbound: Inbound, bodies: list[bytes]) -> None:
        """A peer's messages, at once."""
        if self._done.done():
            return
        try:
            now = clock()
            for body in bodies:
                self._node.peer_frame(now, inbound.member, body)
        except errors.ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
            self._fail(error)
        self.metrics.frames_in += len(bodies)
        self._wake()

    def peer_gone(self, inbound: Inbound) -> None:
        """A peer's connection is closed."""
        self._inbound.pop(inbound, None)

    def is_full(self, role: str) -> bool:
        """Whether a role's connections have reached their bound."""
        if role == "client":
            return len(self._clients) > self.settings.client_connections
        return len(self._inbound) > self.settings.peer_connections

    def _hello(self) -> Hello:
        replica = self._node.replica
        return Hello(role="peer", cell=self.cell, member=replica.me, boot=replica.boot, nonce=self._nonce, config=replica.config)

    # -- beginning and end -----------------------------------------------------------------------------------------------

    def _make_node(self) -> Node:
        settings, me = self.settings, self.settings.me
        machine = self._machine
        if machine is None:
            from gaios.db import Database  # noqa: PLC0415 (an embedder with a machine of its own needs none)

            machine = Database()
        founders = [
            {"id": founder.id, "client": founder.client, "peer": founder.peer, "admin": founder.admin} for founder in settings.replica
        ]
        return Node.start(
            cell=self.cell,
            member=settings.id,
            members=settings.members,
            clients={founder.id: founder.client for founder in settings.replica},
            reader=self._disk.reader,
            machine=machine,
            nonce=self._nonce,
            now=clock(),
            wall_ms=time.time_ns() // 1_000_000,
            options=settings.log,
            limits=Limits(requests=settings.client_requests, watches=settings.client_watches),
            segment_bytes=settings.segment_mib << 20,
            directory=settings.dir,
            facts={
                "cell": settings.cell.id,
                "name": settings.cell.name,
                "pid": os.getpid(),
                "client": me.client,
                "peer": me.peer,
                "admin": me.admin,
                "replicas": founders,
            },
        )

    async def _serve(self, sockets: dict[str, socket.socket]) -> None:
        from gaios.server.admin import AdminConnection  # noqa: PLC0415 (it needs this module's names)

        def client() -> ClientConnection:
            connection = ClientConnection(self, self._next_connection, self.log)
            self._clients[self._next_connection] = connection
            self._next_connection += 1
            return connection

        factories: dict[str, Any] = {"client": client, "peer": lambda: Inbound(self, self.log), "admin": lambda: AdminConnection(self)}
        for role, sock in sockets.items():
            self._servers.append(await self._loop.create_server(factories[role], sock=sock, backlog=1_024))

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            now_s = self._loop.time()
            for link in self._links.values():
                link.beat(now_s)
            for inbound in list(self._inbound):
                if now_s - inbound.heard_s > 2 * SILENCE_S:
                    inbound.close(errors.ProtocolError(reason="nothing was said in time"))
            for connection in list(self._clients.values()):
                connection.check(now_s, self.settings.idle_s)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for inbound in list(self._inbound):
            inbound.close()
        for connection in list(self._clients.values()):
            connection.close()
        for admin in list(self.admins):
            admin.close()
        if self._timer is not None:
            self._timer.cancel()
        for future in self._local.values():
            future.cancel()
        self._disk.close()
        self._running = False
        await asyncio.sleep(0)

    # -- the embedding program -------------------------------------------------------------------------------------------

    def _ask(self, data: bytes) -> "asyncio.Future[Answer]":
        self._requests += 1
        future = self._expect(self._requests)
        self._node.submit(clock(), self._requests, data)
        self._wake()
        return future

    def _expect(self, request: int) -> "asyncio.Future[Answer]":
        future = self._local[request] = self._loop.create_future()
        future.add_done_callback(lambda _: self._local.pop(request, None))
        return future


def _listen(text: str) -> socket.socket:
    host, port = config.address(text)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1_024)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            raise errors.ConfigurationError(reason=f"cannot listen on {text}: {error.strerror}") from None
        import errno  # noqa: PLC0415 (only here)

        if error.errno == errno.EADDRINUSE:
            raise errors.PortTaken(address=text) from None
        raise errors.ConfigurationError(reason=f"cannot listen on {text}: {error.strerror}") from None


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
