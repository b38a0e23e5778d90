"""A client's connection over the simulated network, as asyncio knows one.

Rule 1. It belongs to the program that dialled: what arrives while that is paused waits for it, and beyond a bound its replica is told that
nothing more is taken.
Rule 2. A blocked link swallows the dial; it is made again every second, as TCP does.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from gaios.sim.network import Connection, Network
from gaios.sim.seat import Seat
from gaios.sim.world import World
from gaios.testing.programs import Program

if TYPE_CHECKING:
    from gaios.testing.loop import SimulatedLoop

RETRANSMIT_S: Final = 1.0
FULL_BYTES: Final = 1 << 20
"""What may wait for a program before its replica takes nothing more from it."""
_ORDERLY_NS: Final = 50_000_000
"""What was written last is given so long to arrive."""


class SimulatedTransport(asyncio.Transport):
    """One connection's client end."""

    def __init__(
        self, loop: "SimulatedLoop", world: World, program: Program[Any], connection: Connection, protocol: asyncio.Protocol
    ) -> None:
        super().__init__({"peername": connection.ends[1]})
        self._loop, self._world, self._program, self._connection, self._protocol = loop, world, program, connection, protocol
        self._waiting = 0
        self._is_full = self._is_closing = self._is_over = False
        connection.on_bytes[0] = self._arrived
        connection.on_broken[0] = self._broken

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._is_closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if not self._is_closing:
            self._world.note(f"ask {self._program.name} {self._connection.ends[1]}", bytes(data))
            self._connection.send(0, bytes(data))

    def close(self) -> None:
        """End it: what was written still arrives."""
        if not self._is_closing:
            self._world.after(_ORDERLY_NS, self._connection.break_off)
            self._end(None)

    def abort(self) -> None:
        """End it now."""
        self._connection.break_off()
        if not self._is_closing:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        self._is_closing = True
        self._connection.on_bytes[0] = self._connection.on_broken[0] = None
        self._loop.call_soon(self._lost, error, context=self._program.context)

    def _lost(self, error: Exception | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._protocol.connection_lost(error)

    def _arrived(self, data: bytes) -> None:
        self._waiting += len(data)
        self._tell(self._waiting > FULL_BYTES)
        self._loop.call_soon(self._take, data, context=self._program.context)

    def _take(self, data: bytes) -> None:
        self._waiting -= len(data)
        if not self._waiting:
            self._tell(False)
        if not self._is_closing:
            self._protocol.data_received(data)

    def _tell(self, full: bool) -> None:
        if full != self._is_full and self._connection.on_full is not None:
            self._is_full = full
            self._connection.on_full(full)

    def _broken(self) -> None:
        self._end(ConnectionResetError(104, "Connection reset by peer"))


async def dial(
    loop: "SimulatedLoop",
    world: World,
    network: Network,
    program: Program[Any],
    seat: Seat,
    protocol_factory: Callable[[], asyncio.Protocol],
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """A connection to a replica.

    Raises:
        ConnectionRefusedError: its process is not there.
    """
    await asyncio.sleep(2 * network.delay_ns() / 1e9)
    while network.is_blocked(program.end, seat.replica) or network.is_blocked(seat.replica, program.end):  # noqa: ASYNC110 (as TCP does)
        await asyncio.sleep(RETRANSMIT_S)
    if seat.node is None:
        raise ConnectionRefusedError(111, "Connection refused")
    protocol = protocol_factory()
    connection = network.connect(program.end, seat.replica)
    transport = SimulatedTransport(loop, world, program, connection, protocol)
    seat.accept(connection)
    protocol.connection_made(transport)
    return transport, protocol
