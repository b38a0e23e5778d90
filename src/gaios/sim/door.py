"""One seat's client port: connections, their handshakes, and clients that take nothing more.  [SAFETY 28]

It does what `server/clients.py` does on sockets, with the same listener, and belongs to one life of the process.

Rule 1. From a client that does not take its answers nothing is taken either; after `SLOW_NS` its connection is ended.
"""

from collections.abc import Callable
from typing import Any

from gaios import errors
from gaios.server.node import Node
from gaios.sim.network import Connection
from gaios.sim.world import World
from gaios.transport import Listener, encode_goodbye, refuse

SLOW_NS = 10_000_000_000
"""As the real one's."""
_GOODBYE_NS = 50_000_000
"""What was said last is given so long to arrive."""


class _Client:
    """A client's connection, seen from here."""

    __slots__ = ("connection", "is_paused", "listener", "waiting")

    def __init__(self, connection: Connection, cell: bytes) -> None:
        self.connection = connection
        self.listener = Listener(cell)
        self.is_paused = False
        self.waiting: list[bytes] = []
        """What came while it was paused."""


class Door:
    """See the module."""

    def __init__(self, world: World, replica: int, cell: bytes, put: Callable[[tuple[Any, ...]], None]) -> None:
        """`put` is told of events, for the process to take at its next turn: (what, connection's number, …)."""
        self._world, self._replica, self._cell, self._put = world, replica, cell, put
        self._clients: dict[int, _Client] = {}
        self._numbers = 0

    def accept(self, connection: Connection) -> None:
        """A client dialled."""
        self._numbers += 1
        number = self._numbers
        self._clients[number] = _Client(connection, self._cell)
        connection.on_bytes[1] = lambda data: self._put(("client", number, data))
        connection.on_broken[1] = lambda: self._put(("gone", number))
        connection.on_full = lambda full: self._put(("full", number, full))

    def close(self) -> None:
        """The process died."""
        for client in self._clients.values():
            client.connection.break_off()
        self._clients.clear()

    def send(self, number: int, data: bytes) -> None:
        """Answers leave."""
        client = self._clients.get(number)
        if client is not None:
            self._world.note(f"answer {self._replica} {client.connection.ends[0]}", data)
            client.connection.send(1, data)

    def bytes_came(self, node: Node, now: int, number: int, data: bytes) -> None:
        """The process takes bytes of a client."""
        client = self._clients.get(number)
        if client is None:
            return
        if client.is_paused:
            client.waiting.append(data)
            return
        try:
            frames = client.listener.feed(data)
            if not client.listener.accepted and client.listener.hello is not None:
                client.connection.send(1, self._welcome(node, client.listener))
                node.client_came(number)
            for kind, body in frames:
                node.client_frame(now, number, kind, body)
        except errors.ProtocolError as error:
            self._cut(node, number, error)

    def gone(self, node: Node, number: int) -> None:
        """The process hears that a connection is no more."""
        client = self._clients.pop(number, None)
        if client is not None and client.listener.accepted:
            node.client_gone(number)

    def full(self, node: Node, now: int, number: int, full: bool) -> None:
        """The process hears that a client takes nothing more for now, or again."""
        client = self._clients.get(number)
        if client is None or not client.listener.accepted or client.is_paused == full:
            return
        client.is_paused = full
        node.client_paused(number, paused=full)
        if full:
            self._world.count("a client that took nothing was paused")
            self._world.after(SLOW_NS, self._put, ("slow", number))
        else:
            waiting, client.waiting = client.waiting, []
            for data in waiting:
                self.bytes_came(node, now, number, data)

    def slow(self, node: Node, number: int) -> None:
        """It is time to look at a client that was paused."""
        client = self._clients.get(number)
        if client is not None and client.is_paused:
            self._world.count("a client that took nothing was cut")
            self._cut(node, number, errors.Overloaded(what="what waits for this client", limit=10, unit="seconds without reading"))

    def _welcome(self, node: Node, listener: Listener) -> bytes:
        replica = node.replica
        serving, master = node.standing()
        return listener.accept(
            replica=self._replica, member=replica.me, boot=replica.boot, nonce=replica.nonce, serving=serving, master=master
        )

    def _cut(self, node: Node, number: int, error: errors.Error) -> None:
        client = self._clients.pop(number, None)
        if client is None:
            return
        if client.listener.accepted:
            node.client_gone(number)
        client.connection.send(1, encode_goodbye(error) if client.listener.accepted else refuse(error))
        client.connection.on_broken[1] = None
        self._world.after(_GOODBYE_NS, client.connection.break_off)
