"""Connections of clients: bytes to frames and back, within bounds.  [SAFETY 28]

Rule 1. A stranger has `HELLO_S` to say HELLO; a client that says nothing for `idle_s` is cut.
Rule 2. A client that does not read is first not read from any more, then, after `SLOW_S`, cut: its answers must not gather here.
Rule 3. Bytes that break the protocol close the connection with a reason, and nothing else happens.
"""

import asyncio
from typing import Final, Protocol, cast

from gaios.errors import Error, Overloaded, ProtocolError
from gaios.server.links import keep_alive
from gaios.server.logs import Logger
from gaios.transport import Listener, encode_goodbye, refuse

HELLO_S: Final = 15.0
"""A client of a busy machine may need seconds from one turn of its loop to the next; cut, it would only dial again."""
SLOW_S: Final = 10.0
HIGH_BYTES: Final = 1 << 20
"""Bytes that wait for a client above which nothing more is read from it."""
WAITING_BYTES_MAX: Final = 64 << 20
"""Bytes that wait for a client above which it is cut: some requests were under way when it stopped reading."""

Frame = tuple[int, bytes]


class Hub(Protocol):
    """What a client's connection needs of the replica."""

    cell: bytes

    def client_arrived(self, connection: "ClientConnection") -> bytes:
        """A client's HELLO came: the WELCOME, or an error raised."""

    def client_frames(self, connection: "ClientConnection", frames: list[Frame]) -> None:
        """Frames came."""

    def client_paused(self, connection: "ClientConnection") -> None:
        """The client takes nothing more for now, or again."""

    def client_gone(self, connection: "ClientConnection") -> None:
        """The connection is closed."""

    def is_full(self, role: str) -> bool:
        """Whether there are too many connections of a role already."""


class ClientConnection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_hub",
        "_listener",
        "_log",
        "has_spoken",
        "heard_s",
        "is_paused",
        "is_throttled",
        "number",
        "paused_s",
        "queued",
        "transport",
        "waiting",
    )

    def __init__(self, hub: Hub, number: int, log: Logger) -> None:
        self._hub, self._log = hub, log
        self.number = number
        self._listener = Listener(hub.cell)
        self.transport: asyncio.Transport | None = None
        self.is_paused = False
        self.paused_s = 0.0
        self.heard_s = 0.0
        self.has_spoken = False
        """Whether anything came since the last `check`, which then sets `heard_s`: once a second, instead of at each piece."""
        self.queued = 0
        """Pieces of its frames that came and are not handed on yet."""
        self.waiting: list[Frame] = []
        """Frames that are handed on when it reads again."""
        self.is_throttled = False
        """Whether nothing is read until those are handed on."""

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed: what it still asked is of no use to anybody."""
        return self.transport is None

    @property
    def is_accepted(self) -> bool:
        """Whether the handshake is over."""
        return self._listener.accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody dialled the client port."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.heard_s = asyncio.get_running_loop().time()
        transport.set_write_buffer_limits(high=HIGH_BYTES, low=HIGH_BYTES // 4)
        if self._hub.is_full("client"):
            self.close(Overloaded(what="the client port", limit=0, unit="more connections"))

    def data_received(self, data: bytes) -> None:
        """HELLO, then requests."""
        self.has_spoken = True
        listener = self._listener
        try:
            frames = listener.feed(data)
            if listener.accepted:
                if frames:
                    self._hub.client_frames(self, frames)
            elif listener.hello is not None and self.transport is not None:
                if listener.hello.role != "client":
                    raise ProtocolError(reason="this is the client port")
                self.transport.write(self._hub.client_arrived(self))
                keep_alive(self.transport, 30.0)
        except Error as error:
            self.close(error)

    def accept(self, *, replica: int, member: int, boot: int, nonce: int, serving: bool, master: str) -> bytes:
        """The WELCOME; requests are taken from now on."""
        return self._listener.accept(replica=replica, member=member, boot=boot, nonce=nonce, serving=serving, master=master)

    def send(self, data: bytes) -> None:
        """Whole frames to the client."""
        transport = self.transport
        if transport is None:
            return
        transport.write(data)
        if self.is_paused and transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            self.close(Overloaded(what="what waits for this client", limit=WAITING_BYTES_MAX, unit="bytes"))

    def throttle(self, *, on: bool) -> None:
        """Too much came at once: read nothing more until it is handed on."""
        self.is_throttled = on
        self._read()

    def pause_writing(self) -> None:
        """The client reads slowly: take nothing more from it."""
        self.is_paused = True
        self.paused_s = asyncio.get_running_loop().time()
        self._read()
        self._hub.client_paused(self)

    def resume_writing(self) -> None:
        """It has caught up."""
        self.is_paused = False
        self.heard_s = asyncio.get_running_loop().time()
        self._read()
        self._hub.client_paused(self)

    def check(self, now_s: float, idle_s: float) -> None:
        """Once a second: cut strangers that say nothing, clients that left without a word or do not read."""
        if self.transport is not None and self.transport.is_closing():
            self.transport.abort()
        elif self.is_paused:
            if now_s - self.paused_s > SLOW_S:
                self.close(Overloaded(what="what waits for this client", limit=int(SLOW_S), unit="seconds without reading"))
        elif self.has_spoken:
            self.has_spoken, self.heard_s = False, now_s
        elif now_s - self.heard_s > (idle_s if self.is_accepted else HELLO_S):
            self.close(ProtocolError(reason="nothing was said in time"))

    def eof_received(self) -> None:
        """The client is done."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        del exc
        self.transport = None
        self._hub.client_gone(self)

    def close(self, error: Error | None = None) -> None:
        """End it, and say why."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if error is not None:
            address = transport.get_extra_info("peername")
            self._log.warning("client_cut", address=address and f"{address[0]}:{address[1]}", reason=str(error))
            if not self.is_paused:
                transport.write(encode_goodbye(error) if self.is_accepted else refuse(error))
                transport.close()
                return
        transport.abort()

    def leave(self) -> None:
        """This replica stops: what was said is still sent, nothing more is taken."""
        if self.transport is not None:
            self.transport.close()

    def _read(self) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        on = not (self.is_paused or self.is_throttled)
        if on and not transport.is_reading():
            transport.resume_reading()
        elif not on and transport.is_reading():
            transport.pause_reading()
