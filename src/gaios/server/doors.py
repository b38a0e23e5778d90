"""Who may come in: the listening ports, what stands behind them, and how many of each.  [SAFETY 2, 3, 4, 28]

Rule 1. Ports are taken before anything else happens, and opened when the replica knows its own state.
Rule 2. A peer is judged by its HELLO: this cell, another member of it, and no boot older than the one recorded, nor the same with another
nonce. This replica itself dials nobody before its own boot is durable. One that comes under a newer configuration than is known here
stops a master that serves at once, before anything is said.  [SAFETY 18]
Rule 3. One connection a peer: a newer one takes the place of the one before when it first says something. Whoever looks for another member
here (one that was replaced where it was) dials, reads the WELCOME and goes: the link to this one must not break for that.
"""

import asyncio
import errno
import resource
import socket
from functools import partial
from typing import Any, Final

from gaios import errors
from gaios.configuration import MEMBERS_MAX
from gaios.server import config
from gaios.server.admin import Admin, AdminConnection
from gaios.server.clients import ClientConnection, Frame
from gaios.server.links import PING_S, SILENCE_S, Inbound, Link
from gaios.server.logs import Logger
from gaios.server.node import Node
from gaios.server.outbox import greeting
from gaios.server.turns import Turns, clock
from gaios.transport import Hello, encode_goodbye

OWN_FILES: Final = 48
"""Descriptors that the disk, its reader, the listeners and the loop may need at once."""
FAREWELL_S: Final = 30.0
"""A member that left is spoken to for so long; later it asks, and is told at the door."""
ACCEPT_TURNS: Final = 3
"""Turns of the loop from accepting a connection to its protocol: whoever came just before the end must be told too."""


class Doors:
    """The connections of one replica."""

    def __init__(self, settings: config.Settings, nonce: int, log: Logger) -> None:
        """Take the ports.

        Raises:
            PortTaken: something else listens there.
            ConfigurationError: nobody can listen there.
        """
        self.cell = settings.cell.bytes
        self.clients: dict[int, ClientConnection] = {}
        self.links: dict[int, Link] = {}
        self._settings, self._nonce, self._log = settings, nonce, log
        self._numbers = 0
        """Clients so far: each connection has a number of its own."""
        self._most = shares(settings, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._inbound: dict[Inbound, None] = {}
        self._admins: dict[AdminConnection, None] = {}
        self._servers: list[asyncio.AbstractServer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._sockets: dict[str, socket.socket] = {}
        try:
            for role, text in settings.listens.items():
                self._sockets[role] = listen(text)
        except BaseException:
            self.close_sockets()
            raise
        self._peers: tuple[int, ...] = ()
        """Whoever `follow` was given last: members, and those who left and are there."""
        self._running: dict[int, asyncio.Task[None]] = {}
        """The links' tasks, by member."""
        self._dials = False
        """Whether this replica's boot is durable, so that it may speak to peers."""

    def follow(self, node: Node) -> None:
        """Links to whoever is a member now, and to those who left and are there: they may supply what is lost here.

        Who left keeps its own for a while: it is told over that. Not one in whose place this replica is: nobody else answers there.
        """
        peers = node.replica.suppliers
        if peers is self._peers:
            return
        self._peers = peers
        loop = asyncio.get_running_loop()
        for member in self.links.keys() - {*peers}:
            loop.call_later(FAREWELL_S, self._part, member)
        mine = node.places.peer(node.replica.me)
        for member in peers:
            address = node.places.peer(member)
            if member not in self.links and address not in {"", mine}:
                place = node.replica.place_of(member)
                self.links[member] = Link(
                    member=member,
                    replica=place,
                    address=config.address(address),
                    hello=self._hello,
                    greet=partial(greeting, node.replica),
                    refused=partial(self._refused, member),
                    log=self._log,
                )
        if self._dials:
            self.dial()

    def _part(self, member: int) -> None:
        if member not in self._peers and (task := self._running.pop(member, None)) is not None:
            task.cancel()
            del self.links[member]

    def close_sockets(self) -> None:
        """Give the ports back."""
        for sock in self._sockets.values():
            sock.close()

    async def open(self, turns: Turns, admin: Admin) -> None:
        """Let everybody in."""
        self._turns, self._admin = turns, admin
        loop = asyncio.get_running_loop()
        factories: dict[str, Any] = {"client": self._client, "peer": self._peer, "admin": self._administrator}
        for role, sock in self._sockets.items():
            self._servers.append(await loop.create_server(factories[role], sock=sock, backlog=1_024))
        self._tasks.append(loop.create_task(self._every_second(), name="every-second"))

    def dial(self) -> None:
        """This replica's boot is durable: speak to the peers."""
        loop = asyncio.get_running_loop()
        self._dials = True
        for member, link in self.links.items():
            if member not in self._running:
                self._running[member] = loop.create_task(link.run(), name=f"link-{link.replica}")

    def shut(self) -> None:
        """Let nobody in any more."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, asyncio.SelectorEventLoop):
            # A server of this loop that is closed drops whom it accepted and has not handed over, and leaves the socket open.
            for sock in self._sockets.values():
                loop.remove_reader(sock)
        else:
            self._close_servers()

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()

    async def close(self) -> None:
        """End every connection; clients are told that this replica stops."""
        self.shut()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._close_servers()
        tasks = [*self._tasks, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for inbound in list(self._inbound):
            inbound.close()
        goodbye = encode_goodbye(errors.Unavailable(waited_ms=0, reason=f"replica {self._settings.id} stops"))
        for connection in list(self.clients.values()):
            if connection.is_accepted:
                connection.send(goodbye)
            connection.leave()
        for admin in list(self._admins):
            admin.close()
        await asyncio.sleep(0)

    # -- clients ---------------------------------------------------------------------------------------------------------

    def _client(self) -> ClientConnection:
        self._numbers += 1
        connection = self.clients[self._numbers] = ClientConnection(self, self._numbers, self._log)
        return connection

    def client_arrived(self, connection: ClientConnection) -> bytes:
        """A client's HELLO came: the WELCOME to it."""
        node = self._turns.node
        node.client_came(connection.number)
        serving, master = node.standing()
        replica = node.replica
        return connection.accept(
            replica=self._settings.id, member=replica.me, boot=replica.boot, nonce=self._nonce, serving=serving, master=master
        )

    def client_frames(self, connection: ClientConnection, frames: list[Frame]) -> None:
        """A client's requests."""
        self._turns.client_frames(connection, frames)

    def client_paused(self, connection: ClientConnection) -> None:
        """A client reads slowly, or goes on."""
        self._turns.client_paused(connection)

    def client_gone(self, connection: ClientConnection) -> None:
        """A client's connection is closed."""
        self.clients.pop(connection.number, None)
        self._turns.node.client_gone(connection.number)

    # -- peers -----------------------------------------------------------------------------------------------------------

    def _peer(self) -> Inbound:
        return Inbound(self, self._log)

    def peer_opened(self, inbound: Inbound) -> None:
        """Somebody dialled the peer port."""
        self._inbound[inbound] = None

    def peer_arrived(self, inbound: Inbound, hello: Hello) -> bytes:
        """Judge who dialled.

        Raises:
            AnotherCell, ProtocolError: it is this replica itself, nobody whom this replica could have missed, or no peer.
            Removed: it is no member any more, and the others have all that it had.
            BootRefused: it is a copy of one of them.
        """
        if hello.role != "peer":
            raise errors.ProtocolError(reason="this is the peer port; clients use the client port")
        replica = self._turns.node.replica
        is_stranger = hello.member >= replica.told.next_member and hello.config <= replica.told.number
        if hello.member == replica.me or not hello.member or is_stranger:
            raise errors.AnotherCell(what="the peer that dialled", found=f"member {hello.member}", expected="another member of this cell")
        if replica.has_left(hello.member) and replica.is_settled:
            raise errors.Removed(member=hello.member, replica=replica.place_of(hello.member), configuration=replica.config)
        if reason := replica.boots.refusal(hello.member, hello.boot, hello.nonce):
            replica.boots.refuse(hello.member, hello.boot, hello.nonce)  # whoever is known as that member shall hear of this one, too
            self._turns.wake()
            raise errors.BootRefused(reason=reason)
        if hello.config > replica.told.number:
            replica.overtaken(clock(), hello.member, hello.boot, hello.nonce, hello.config)
            self._turns.wake()
        if (link := self.links.get(hello.member)) is not None:
            link.hurry()
        return inbound.accept(replica=self._settings.id, member=replica.me, boot=replica.boot, nonce=self._nonce)

    def peer_frames(self, inbound: Inbound, bodies: list[bytes]) -> None:
        """A peer's messages.

        Raises:
            BootRefused: it is a copy, as its messages show; it is told so when it dials again.
        """
        if not inbound.speaks:
            inbound.speaks = True
            for other in [other for other in self._inbound if other.speaks and other.member == inbound.member and other is not inbound]:
                other.close()
        self._turns.peer_frames(inbound.member, inbound.nonce, bodies)
        if reason := self._turns.node.replica.boots.refusal(inbound.member, inbound.boot, inbound.nonce):
            raise errors.BootRefused(reason=reason)

    def peer_gone(self, inbound: Inbound) -> None:
        """A peer's connection is closed."""
        self._inbound.pop(inbound, None)

    def _refused(self, member: int, reason: str | errors.Removed) -> None:
        """A peer has turned this replica away. One that a majority of the others has recorded goes on without that peer.

        Nobody tells in which boot he turned it away, so that a copy may have, which changed the members of a cell of its own. Who follows
        a master is a member: a removed one's grant is not renewed. It dials again soon.  [SAFETY 3, 18]
        """
        replica = self._turns.node.replica
        if isinstance(reason, errors.Removed):
            if replica.is_removed or clock() >= replica.core.granted_until:
                self._turns.fail(reason)
        elif replica.boots.is_refused_for_good(member):
            self._turns.fail(errors.StateLost(directory=self._settings.dir, what=reason))

    def _hello(self) -> Hello:
        replica = self._turns.node.replica
        return Hello(role="peer", cell=self.cell, member=replica.me, boot=replica.boot, nonce=self._nonce, config=replica.told.number)

    # -- all -------------------------------------------------------------------------------------------------------------

    def _administrator(self) -> AdminConnection:
        connection = AdminConnection(self._admin, self._admins.pop, full=len(self._admins) >= self._most["admin"])
        self._admins[connection] = None
        return connection

    def is_full(self, role: str) -> bool:
        """Whether there are more connections of a role than it may have."""
        return len(self.clients if role == "client" else self._inbound) > self._most[role]

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            now_s = asyncio.get_running_loop().time()
            for link in self.links.values():
                link.beat(now_s)
            self._turns.node.problems = {link.replica: link.problem for link in self.links.values() if link.problem}
            self.follow(self._turns.node)
            for inbound in list(self._inbound):
                if now_s - inbound.heard_s > 2 * SILENCE_S:
                    inbound.close(errors.ProtocolError(reason="nothing was said in time"))
            for connection in list(self.clients.values()):
                connection.check(now_s, self._settings.idle_s)


def shares(settings: config.Settings, descriptors: int) -> dict[str, int]:
    """How many connections each role may have: what is configured, or less where the process may not open so many files.

    The disk's files and the links to peers come first: running out of descriptors must not stop a replica.
    """
    peers = max(len(settings.replica) - 1, MEMBERS_MAX - 1)
    left = max(0, descriptors - OWN_FILES - peers)
    peer = min(settings.peer_connections, max(2 * peers, left // 8))
    admin = min(settings.admin_connections, max(1, left // 8))
    return {"peer": peer, "admin": admin, "client": min(settings.client_connections, max(1, left - peer - admin))}


def listen(text: str) -> socket.socket:
    """A listening socket on `HOST:PORT`.

    Raises:
        PortTaken: something else listens there.
        ConfigurationError: nobody can listen there.
    """
    host, port = config.address(text)
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1_024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise errors.PortTaken(address=text) from None
        raise errors.ConfigurationError(reason=f"cannot listen on {text}: {error.strerror}") from None
