"""The asyncio shell: sockets, timers and futures around `core.Core`.

Rule 1. One flush a turn of the loop: whatever the turn's tasks asked for leaves in one write a connection.
Rule 2. One timer, moved only when it would ring too late; it may ring early, and then finds nothing to do.
Rule 3. The core decides everything. What a connection says after the core closed it is not told.
Rule 4. It belongs to the loop that runs when it is started; nothing here is safe to call from another thread.
"""
# ruff: noqa: ASYNC109 (as in aio.py)

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Final, cast

from gaios.client import fork
from gaios.client.core import Core
from gaios.client.endpoints import split
from gaios.client.feed import Feed
from gaios.client.lease import Lease, Told
from gaios.client.outside import OUTSIDE, boottime_ns
from gaios.client.tuning import NEVER
from gaios.errors import ConfigurationError, Error, Unavailable
from gaios.transport import Dialler

CLOSE_S: Final = 1.0
"""How long `close` waits for connections to end in order before it aborts them."""


class Shell:
    """One client's connections, on one event loop."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.core = Core(endpoints, int.from_bytes(OUTSIDE.get().random_bytes(8), "little"))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._feeds: dict[int, Feed] = {}
        self._leases: dict[int, Callable[[Told], None]] = {}
        self._forks = fork.count
        self._connections: dict[str, Connection] = {}
        self._dialling: dict[str, Connection] = {}
        self._dials: set[asyncio.Task[None]] = set()
        self._ending: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = NEVER
        self._is_due = False
        self._is_closed = False

    # ------------------------------------------------------------------------------------------------------------ the caller

    def start(self) -> None:
        """Begin to look for the cell; on the running loop, to which this client then belongs.

        Raises:
            Unavailable: the client was closed; a new one is needed.
        """
        if self._is_closed:
            raise closed_error(started=True)
        self._loop = asyncio.get_running_loop()
        self.core.warm_up(boottime_ns())
        self._soon()

    async def call(self, kind: int, payload: bytes, timeout: float, endpoint: str = "") -> bytes:
        """Ask something and wait for the outcome; `timeout` in seconds.

        Raises:
            Error: what `Output.finished` says.
            ConfigurationError: the client is closed, of another process, or of another loop.
        """
        loop = self._loop
        if loop is None or self._is_closed:
            raise closed_error(started=loop is not None)
        self.check_process()
        if asyncio.get_running_loop() is not loop:  # else the command would be sent, and nobody told what became of it
            hint = "open one on each loop, or share a client of gaios.sync.connect among threads"
            raise ConfigurationError(reason="this client belongs to another event loop than the one that runs here", hint=hint)
        now = boottime_ns()
        number = self.core.call(now, kind, payload, now + int(timeout * 1e9), endpoint)
        future: asyncio.Future[bytes] = loop.create_future()
        self._calls[number] = future
        if not self._is_due:
            self._soon()
        try:
            return await future
        except asyncio.CancelledError:
            if self._calls.pop(number, None) is not None:
                # Nobody waits for it any more.
                self.core.cancel(boottime_ns(), number)
                self._soon()
            elif not future.cancelled():
                future.exception()  # it came too late to be raised, and shall not be reported as forgotten
            raise

    def watch(self, key: bytes, end: bytes | None, from_revision: int, timeout: float) -> Feed:
        """Begin a watch; its events are the feed's.

        Raises:
            ConfigurationError: the client is closed.
        """
        if self._loop is None or self._is_closed:
            raise closed_error(started=self._loop is not None)
        now = boottime_ns()
        watch = self.core.watch(now, key, end, from_revision, now + int(timeout * 1e9))
        feed = self._feeds[watch] = Feed(self._loop, watch, self._pause, self._resume, self._unwatch)
        self._soon()
        return feed

    def keep_alive(self, session: int, token: bytes, lease_ms: int, end_ns: int, grace_ns: int, told: Callable[[Told], None]) -> Lease:
        """Keep a session alive; `told` is called with what is told of it."""
        lease = self.core.keep_alive(boottime_ns(), session, token, lease_ms, end_ns, grace_ns)
        self._leases[lease.lease] = told
        self._soon()
        return lease

    def let_go(self, lease: int) -> None:
        """Let a session end by itself."""
        self._leases.pop(lease, None)
        if not self._is_closed:
            self.core.let_go(lease)

    def ring(self) -> None:
        """What is due by now is done and told now, although the loop's timer did not ring yet."""
        if not self._is_closed:
            if self._timer is not None:
                self._timer.cancel()
            self._ring()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._is_closed

    def check_process(self) -> None:
        """Raise `ConfigurationError` in a process that was forked from this client's: its connections are not its own."""
        if self._forks != fork.count:
            raise fork.error()

    def _pause(self, watch: int) -> None:
        self.core.pause(watch)
        self._soon()

    def _resume(self, watch: int) -> None:
        if not self._is_closed:
            self.core.resume(boottime_ns(), watch)
            self._soon()

    def _unwatch(self, watch: int) -> None:
        if self._feeds.pop(watch, None) is not None and not self._is_closed:
            self.core.unwatch(watch)
            self._soon()

    async def close(self) -> None:
        """End everything: open calls with what is known of them, watches, connections."""
        if self._is_closed or self._loop is None:
            self._is_closed = True
            return
        self.core.shut(boottime_ns())
        self._flush()
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._dials:
            await asyncio.wait(self._dials)
        waits = [asyncio.ensure_future(connection.ended.wait()) for connection in self._ending]
        if waits:
            await asyncio.wait(waits, timeout=CLOSE_S)
            for wait in waits:
                wait.cancel()
            for connection in list(self._ending):
                connection.abort()

    # ------------------------------------------------------------------------------------------------------------ the core's wishes

    def _soon(self) -> None:
        """Flush before the loop looks for news again."""
        if not self._is_due and self._loop is not None and not self._is_closed:
            self._is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        if self._is_closed:
            return
        output = self.core.drain()
        for lease, news in output.leases:  # first: what is to be forgotten is, before anybody is given or reads anything
            if lease in self._leases:
                self._leases[lease](news)
        for endpoint in output.close:
            self._hang_up(endpoint)
        for endpoint in output.dial:
            connection = self._dialling[endpoint] = Connection(self, endpoint)
            connection.dial = asyncio.ensure_future(self._dial(connection))
            self._dials.add(connection.dial)
            connection.dial.add_done_callback(self._dials.discard)
        for endpoint, data in output.send:
            if endpoint in self._connections:
                self._connections[endpoint].send(data)
        for number, outcome in output.finished:
            future = self._calls.pop(number, None)
            if future is None or future.done():
                continue
            if isinstance(outcome, bytes):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
        for watch, told in output.watched:
            feed = self._feeds.get(watch)
            if feed is None:
                continue
            if isinstance(told, Error):
                del self._feeds[watch]
                feed.end(told)
            else:
                feed.add(told)
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.core.deadline_ns()
        if due >= self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
        assert self._loop is not None
        self._timer_ns = due
        self._timer = self._loop.call_later(max(0.0, (due - boottime_ns()) / 1e9), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._timer_ns = NEVER
        self.core.tick(boottime_ns())
        self._flush()

    # ------------------------------------------------------------------------------------------------------------ connections

    async def _dial(self, connection: "Connection") -> None:
        assert self._loop is not None
        endpoint = connection.endpoint
        why = ""
        try:
            host, port = split(endpoint)
            await self._loop.create_connection(lambda: connection, host, port)
        except OSError as error:
            why = _reason(error)
        except ConfigurationError as error:
            why = str(error)
        except asyncio.CancelledError:
            # The core gave it up, or this client is being closed: a transport that is already there ends with it. uvloop has
            # closed that by now, and will never say so.
            connection.abort()
            self._ending.discard(connection)
            connection.ended.set()
            return
        if self._dialling.get(endpoint) is connection:
            del self._dialling[endpoint]
            if why and not self._is_closed:
                self.core.closed(boottime_ns(), endpoint, why)
                self._flush()

    def _hang_up(self, endpoint: str) -> None:
        connection = self._dialling.pop(endpoint, None)
        if connection is not None and connection.dial is not None:
            connection.dial.cancel()
        connection = self._connections.pop(endpoint, None)
        if connection is not None:
            connection.close()

    def arrived(self, connection: "Connection") -> bool:
        """TCP is there; False when it is not wanted any more."""
        if self._is_closed or self._dialling.get(connection.endpoint) is not connection:
            return False
        self._ending.add(connection)
        self._connections[connection.endpoint] = connection
        return True

    def told(self, connection: "Connection", frames: list[tuple[int, bytes]], *, is_new: bool) -> None:
        """A connection said something."""
        endpoint = connection.endpoint
        if self._connections.get(endpoint) is not connection:
            return
        now = boottime_ns()
        core = self.core
        if is_new:
            assert connection.dialler.welcome is not None
            core.opened(now, endpoint, connection.dialler.welcome)
        for kind, body in frames:
            core.received(now, endpoint, kind, body)
        self._flush()

    def left(self, connection: "Connection", why: str) -> None:
        """A connection ended."""
        self._ending.discard(connection)
        endpoint = connection.endpoint
        if self._connections.get(endpoint) is connection:
            del self._connections[endpoint]
            if not self._is_closed:
                self.core.closed(boottime_ns(), endpoint, why)
                self._flush()


class Connection(asyncio.Protocol):
    """One connection: bytes to frames and back."""

    __slots__ = ("_shell", "_transport", "_why", "dial", "dialler", "ended", "endpoint")

    def __init__(self, shell: Shell, endpoint: str) -> None:
        self._shell = shell
        self._transport: asyncio.Transport | None = None
        self._why = "the connection was closed by the replica"
        self.endpoint = endpoint
        self.dial: asyncio.Task[None] | None = None
        self.dialler = Dialler(shell.core.hello())
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there: greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        if self._shell.arrived(self):
            self._transport.write(self.dialler.opening)
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """The WELCOME, then answers."""
        is_new = self.dialler.welcome is None
        try:
            frames = self.dialler.feed(data)
        except Error as error:
            self._why = str(error)
            self.abort()
            return
        if self.dialler.welcome is not None:
            self._shell.told(self, frames, is_new=is_new)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self._transport = None
        if isinstance(exc, OSError):
            self._why = _reason(exc)
        self._shell.left(self, self._why)
        self.ended.set()

    def send(self, data: bytes) -> None:
        """Whole frames."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """End it in order: what was written still leaves."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()


_OPEN: Final = "use it in `async with gaios.connect(…) as cell:`, or without async in `with gaios.sync.connect(…) as cell:`"


def closed_error(*, started: bool) -> Error:
    """Why a client that is not open does nothing."""
    if started:
        return Unavailable(waited_ms=0, reason="this client was closed")
    return ConfigurationError(reason="this client is not open", hint=_OPEN)


def _reason(error: OSError) -> str:
    """Without addresses and numbers: the endpoint is named beside it."""
    return os.strerror(error.errno).lower() if isinstance(error.errno, int) and error.errno > 0 else str(error)
