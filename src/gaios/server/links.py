"""Connections among replicas: each dials every other, speaks on the connection that it dialled and listens on the one dialled to it.

    Link     what I say to one peer: dial, HELLO, then PEER frames; again after 50 to 400 ms when it breaks
    Inbound  what one peer says to me: after its HELLO only PEER and PING frames are taken

Rule 1. A connection carries messages one way (PING and PONG aside), so a network that loses one direction silences one direction.
Rule 2. A link that is slow or down loses messages: the log says again what matters. It never grows without bound.  [SAFETY 28]
Rule 3. Urgent frames (elections, leases) pass those that wait for a slow peer.
Rule 4. The first frame says who the members are, once they are others than the founders: who was away while all whom it knew were
replaced hears of them nowhere else.
Rule 5. Both ends notice a peer that vanished without a word: a PING a second, and silence of 3 s ends the connection.
"""

import asyncio
import contextlib
import os
import random
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from gaios.errors import AnotherCell, BootRefused, Error, Overloaded, ProtocolError, Removed
from gaios.server.logs import Logger
from gaios.server.outbox import ToPeer
from gaios.transport import Dialler, Hello, Kind, Listener, encode_peer, encode_pong, encode_request, refuse

DIAL_S: Final = 1.0
"""For the TCP connection, and again for the WELCOME."""
BACKOFF_S: Final = 0.05
BACKOFF_S_MAX: Final = 0.4
"""With its jitter a lease term, at most: for so long an only voter waits at its start for others that may know better (log/boots.py)."""
PING_S: Final = 1.0
SILENCE_S: Final = 3.0
HIGH_BYTES: Final = 256 << 10
"""Bytes in the socket's buffer above which bulk frames wait: what an urgent frame may have to queue behind."""
WAITING_BYTES: Final = 8 << 20
"""Bulk frames that wait for a slow peer; more are dropped and will be sent again by the log."""
URGENT_BYTES: Final = 1 << 20
"""Urgent frames are dropped when the socket's buffer holds so much more than `HIGH_BYTES`: the peer has not read for long."""


class Link(asyncio.Protocol):
    """What this replica says to one peer."""

    def __init__(
        self,
        *,
        member: int,
        replica: int,
        address: tuple[str, int],
        hello: Callable[[], Hello],
        greet: Callable[[], bytes],
        refused: Callable[[str | Removed], None],
        log: Logger,
    ) -> None:
        """`greet` is asked for the body of the first frame, empty: there is none.

        `refused` is told why the peer takes this replica for a copy, or that it is no member any more.
        """
        self.member, self.replica = member, replica
        self._address, self._hello, self._greet, self._refused = address, hello, greet, refused
        self._hurry = asyncio.Event()
        self._log = log.bind(peer=replica)
        self._dialler: Dialler | None = None
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Future[None] | None = None
        self._ready = False
        self._paused = False
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._heard_s = 0.0
        self._reason = ""
        self._logged = ""
        self.frames = self.dropped = self.connects = 0

    @property
    def is_up(self) -> bool:
        """Whether frames reach the peer, as far as this end knows."""
        return self._ready

    @property
    def _is_welcome(self) -> bool:
        """Whether the peer itself answered last: it is dialled again soon. Another member in its place is not."""
        welcome = self._dialler.welcome if self._dialler is not None else None
        return welcome is not None and welcome.member == self.member

    @property
    def problem(self) -> str:
        """Why the peer cannot be spoken to, as of the last attempt; empty when it can, or when nothing is known to be wrong."""
        if self._ready or not self._logged:
            return ""
        return self._logged if self._logged.startswith(f"{self._where} ") else f"{self._where}: {self._logged}"

    @property
    def _where(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        loop = asyncio.get_running_loop()
        wait_s = BACKOFF_S
        while True:
            self._lost = loop.create_future()
            self._reason = ""
            welcomed = False
            try:
                async with asyncio.timeout(DIAL_S):
                    await loop.create_connection(lambda: self, *self._address)
                await self._lost
                welcomed = self._is_welcome
            except (OSError, TimeoutError) as error:
                number = error.errno or 0  # below 0: of a name that is not found, and no system's error
                self._reason = os.strerror(number).lower() if number > 0 else str(error) or "no connection in time"
            finally:
                if self._transport is not None:
                    self._transport.abort()
                    self._transport = None
            if self._reason != self._logged:
                self._logged = self._reason
                self._log.info("peer_link_down", reason=self._reason or "closed by the peer")
            wait_s = BACKOFF_S if welcomed else min(2 * wait_s, BACKOFF_S_MAX)
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), wait_s * (0.5 + random.random()))  # noqa: S311 (jitter)

    def hurry(self) -> None:
        """The peer is there: do not wait any longer before dialling it again."""
        self._hurry.set()

    def send(self, frame: bytes, *, urgent: bool) -> None:
        """Say something, unless the link is down or choked."""
        transport = self._transport
        if not self._ready or transport is None:
            self.dropped += 1
            return
        if not self._paused or (urgent and transport.get_write_buffer_size() < HIGH_BYTES + URGENT_BYTES):
            transport.write(frame)
        elif not urgent and self._waiting_bytes + len(frame) <= WAITING_BYTES:
            self._waiting.append(frame)
            self._waiting_bytes += len(frame)
        else:
            self.dropped += 1
            return
        self.frames += 1

    def beat(self, now_s: float) -> None:
        """Once every `PING_S`: ask whether the peer is there, and give up one that is silent. `now_s` is the loop's time."""
        if self._transport is None:
            return
        if now_s - self._heard_s > SILENCE_S:
            self._close("the peer is silent")
        elif self._ready and not self._paused:
            self._transport.write(encode_request(Kind.PING, 0))

    # The loop's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: say who I am."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        transport.set_write_buffer_limits(high=HIGH_BYTES, low=HIGH_BYTES // 4)
        self._paused = False
        self._heard_s = asyncio.get_running_loop().time()
        self._dialler = Dialler(self._hello())
        transport.write(self._dialler.opening)

    def data_received(self, data: bytes) -> None:
        """WELCOME, then PONGs."""
        assert self._dialler is not None
        self._heard_s = asyncio.get_running_loop().time()
        try:
            self._dialler.feed(data)
            welcome = self._dialler.welcome
            if welcome is not None and not self._ready:
                if welcome.member != self.member:
                    found, expected = f"member {welcome.member}", f"member {self.member}"
                    raise AnotherCell(what=self._where, found=found, expected=expected)
                self._ready = True
                self._logged = ""
                self.connects += 1
                self._log.info("peer_link_up", boot=welcome.boot)
                if (greeting := self._greet()) and self._transport is not None:
                    self._transport.write(encode_peer(greeting))
        except Error as error:
            self._close(str(error))
            if isinstance(error, Removed):
                self._refused(error)
            if isinstance(error, BootRefused):
                self._refused(f"member {self.member} says that {error.reason}")

    def pause_writing(self) -> None:
        """The peer reads slowly."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up: what waited goes first."""
        self._paused = False
        while self._waiting and not self._paused and self._transport is not None:
            frame = self._waiting.popleft()
            self._waiting_bytes -= len(frame)
            self._transport.write(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Down: what waited is lost."""
        self._ready = False
        self._transport = None
        self._waiting.clear()
        self._waiting_bytes = 0
        if exc is not None and not self._reason:
            self._reason = str(exc)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def _close(self, reason: str) -> None:
        self._reason = reason
        self._ready = False
        if self._transport is not None:
            self._transport.abort()


def say(links: Mapping[int, Link], to_peers: list[ToPeer]) -> None:
    """Send what peers are told; a body that several are told is made a frame once."""
    last, frame = b"", b""
    for member, body, urgent in to_peers:
        if body is not last:
            last, frame = body, encode_peer(body)
        link = links.get(member)
        if link is not None:
            link.send(frame, urgent=urgent)


class Hub(Protocol):
    """What an inbound connection needs of the replica."""

    cell: bytes

    def peer_opened(self, inbound: "Inbound") -> None:
        """Somebody dialled."""

    def peer_arrived(self, inbound: "Inbound", hello: Hello) -> bytes:
        """Judge a peer's HELLO: the WELCOME, or an error raised."""

    def peer_frames(self, inbound: "Inbound", bodies: list[bytes]) -> None:
        """PEER frames came."""

    def peer_gone(self, inbound: "Inbound") -> None:
        """The connection is closed."""

    def is_full(self, role: str) -> bool:
        """Whether there are too many connections of a role already."""


class Inbound(asyncio.Protocol):
    """What one peer says to this replica."""

    def __init__(self, hub: Hub, log: Logger) -> None:
        self._hub, self._log = hub, log
        self._listener = Listener(hub.cell)
        self.transport: asyncio.Transport | None = None
        self.member = self.boot = self.nonce = 0
        self.heard_s = 0.0
        self.speaks = False
        """Whether it has said something as a peer: this is the one to listen to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody dialled the peer port."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.heard_s = asyncio.get_running_loop().time()
        self._hub.peer_opened(self)
        if self._hub.is_full("peer"):
            self.close(Overloaded(what="the peer port", limit=0, unit="more connections"))

    def data_received(self, data: bytes) -> None:
        """HELLO, then PEER and PING."""
        self.heard_s = asyncio.get_running_loop().time()
        try:
            frames = self._listener.feed(data)
            if not self._listener.accepted:
                if self._listener.hello is not None and self.transport is not None:
                    self.transport.write(self._hub.peer_arrived(self, self._listener.hello))
                return
            bodies = []
            for kind, body in frames:
                if kind == Kind.PEER:
                    bodies.append(body)
                elif kind == Kind.PING and self.transport is not None:
                    self.transport.write(encode_pong(0, False, ""))
                else:
                    raise ProtocolError(reason=f"a peer sent a frame of kind {kind}")
            if bodies:
                self._hub.peer_frames(self, bodies)
        except Error as error:
            self.close(error)

    def accept(self, *, replica: int, member: int, boot: int, nonce: int) -> bytes:
        """The WELCOME; the peer's frames are taken from now on."""
        hello = self._listener.hello
        assert hello is not None
        self.member, self.boot, self.nonce = hello.member, hello.boot, hello.nonce
        return self._listener.accept(replica=replica, member=member, boot=boot, nonce=nonce)

    def eof_received(self) -> None:
        """The peer is done."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        del exc
        self._hub.peer_gone(self)

    def close(self, error: Error | None = None) -> None:
        """End it; a dialler that is not welcome is told why."""
        transport, self.transport = self.transport, None
        if transport is None or transport.is_closing():
            return
        if error is not None:
            peer = transport.get_extra_info("peername")
            self._log.warning(
                "peer_connection_refused", peer=self.member or None, address=peer and f"{peer[0]}:{peer[1]}", reason=str(error)
            )
            if not self._listener.accepted:
                transport.write(refuse(error))
                transport.close()
                return
        transport.abort()


def keep_alive(transport: asyncio.BaseTransport, silence_s: float) -> None:
    """Let the kernel notice a vanished peer too."""
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s * 1_000))
