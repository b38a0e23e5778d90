"""A session of the lock service, on asyncio: opened with the first lock, kept alive, and what it is told handed on.  [CHUBBY §2.8]

Rule 1. Whoever waits for a lock is woken by `LOCK_ACQUIRED`, and by every reason to ask again; then the cell is asked whether it has it.
Rule 2. A handle that nobody uses any more is closed, whatever happens to the task that used it: nobody is left in a queue.
Rule 3. A session that has expired is not used again. The next lock opens another.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self

from gaios import lock_api
from gaios.client.core import READ, WRITE
from gaios.client.lease import AskAgain, Lease, State, Told, shortened_ns
from gaios.client.shell import Shell, boottime_ns
from gaios.client.tuning import MS
from gaios.client.watchdog import Watchdog
from gaios.errors import (
    ConfigurationError,
    Error,
    HandleInvalid,
    NoSuchNode,
    NotAcquired,
    ProtocolError,
    SessionExpired,
    Unavailable,
    Unknown,
    UnknownHandle,
    UnknownLockSession,
)
from gaios.lock_api import Acquired, LockCommand, LockQuestion, Sequencer, SessionOpened

CLOSE_S: Final = 1.0
"""How long closing waits for the cell to say that the session is closed; else it expires."""
AGAIN_S: Final = 0.5
"""Between attempts to ask or close what the cell did not answer."""


class Handle:
    """An open node, and who has to know what happens to it."""

    __slots__ = ("lease", "lost", "news", "number")

    def __init__(self, lease: Lease, number: int) -> None:
        self.lease = lease
        """Of the session that opened it."""
        self.number = number
        self.news = asyncio.Event()
        """Ask the cell how it is with the lock."""
        self.lost: Callable[[State | None], None] | None = None
        """Called by the holder's wish: JEOPARDY, SAFE, EXPIRED; None: the handle is invalid."""


class LockSession:
    """See the module. `lease_ms` and `grace_ms` are as in `lock_api`; `timeout` is in seconds, of one command."""

    def __init__(self, shell: Shell, *, timeout: float, lease_ms: int, grace_ms: int, client: str) -> None:
        self._shell = shell
        self._timeout, self._lease_ms, self._grace_ms, self._client = timeout, lease_ms, grace_ms, client
        self.lease: Lease | None = None
        """While it is open."""
        self._opening: asyncio.Task[Lease] | None = None
        self._handles: dict[int, Handle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Handles that are being closed, locks that are being asked about."""
        self._is_closed = False
        self.watchdog = Watchdog(lease_ms)

    @classmethod
    def of(cls, shell: Shell, *, timeout: float, lease_s: float, grace_s: float, client: str) -> Self:
        """A session as `Cell.session` describes it.

        Raises:
            ConfigurationError: a time makes no sense.
        """
        lowest, highest = lock_api.LEASE_MS_MIN // 1_000, lock_api.LEASE_MS_MAX // 1_000
        if not lowest <= lease_s <= highest:
            raise ConfigurationError(reason=f"a lease has {lowest} to {highest} seconds, not {lease_s!r}")
        if not 0 <= grace_s <= 1e9:
            raise ConfigurationError(reason=f"a grace period is a number of seconds from 0 on, not {grace_s!r}")
        shown = client or f"{socket.gethostname()}:{os.getpid()}"
        shown = shown.encode()[: lock_api.CLIENT_BYTES_MAX].decode(errors="ignore")
        return cls(shell, timeout=timeout, lease_ms=int(lease_s * 1_000), grace_ms=int(grace_s * 1_000), client=shown)

    # -- the lock's wishes -----------------------------------------------------------------------------------------------

    async def acquire(self, path: str, *, shared: bool, wait_s: float | None, lock_delay_ms: int) -> tuple[Handle, Sequencer]:
        """Take a lock; waits for `wait_s` at most (None: for ever). The handle is the caller's to `release`.

        Raises:
            NotAcquired: it was not free in time.
            SessionExpired: the session ended while it waited.
            Error: what the cell refused with, or that it did not answer.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        handle = await self._open_handle(path, lock_delay_ms)
        try:
            async with asyncio.timeout_at(began + wait_s if wait_s else None):
                sequencer = await self._granted(handle, shared=shared, wait=wait_s is None or wait_s > 0)
        except TimeoutError:
            self._put_away(handle)
            raise NotAcquired(path=path, waited_ms=int((wait_s or 0.0) * 1_000)) from None
        except BaseException:
            self._put_away(handle)
            raise
        if sequencer is None:
            self._put_away(handle)
            raise NotAcquired(path=path, waited_ms=0)
        return handle, sequencer

    async def release(self, handle: Handle) -> None:
        """Give a lock back. What the cell does not answer in time goes on in the background, as long as the session lives."""
        handle.lost = None
        task = self._put_away(handle)
        if task is not None:
            await asyncio.wait([task], timeout=self._timeout)

    def drop(self, handle: Handle) -> None:
        """As `release`, and waits for nothing."""
        handle.lost = None
        self._put_away(handle)

    async def ask(self, command: LockCommand) -> Any:  # noqa: ANN401 (the reply that belongs to the command)
        """One command; its reply."""
        reply = await self._shell.call(WRITE, lock_api.encode(command), self._timeout)
        try:
            return lock_api.decode_reply(reply)
        except Error as error:
            raise Unknown(reason=f"it was carried out, but the reply cannot be read ({error})") from None

    async def close(self) -> None:
        """End the session: its locks are free at once. Whoever waits for one fails now."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
        lease, self.lease = self.lease, None
        self._fail_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if lease is not None:
            self._shell.let_go(lease.lease)
            if not self._shell.is_closed and lease.state != State.EXPIRED:
                with contextlib.suppress(Error):  # else it expires
                    await self._shell.call(WRITE, lock_api.encode(lock_api.CloseSession(lease.session, lease.token)), CLOSE_S)
        if tasks:
            await asyncio.wait(tasks)

    # -- inside ----------------------------------------------------------------------------------------------------------

    async def _opened(self) -> Lease:
        """The session, opened if it is not."""
        if self._is_closed or self._shell.is_closed:
            raise Unavailable(waited_ms=0, reason="this client was closed")
        self._shell.check_process()
        if self.lease is not None:
            return self.lease
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(self._was_opened)
        try:
            return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            if self._is_closed:
                raise Unavailable(waited_ms=0, reason="this client was closed") from None
            raise

    def _was_opened(self, task: "asyncio.Task[Lease]") -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever waits was told

    async def _open(self) -> Lease:
        token, began_ns = os.urandom(lock_api.TOKEN_BYTES), boottime_ns()
        reply = await self.ask(lock_api.OpenSession(token, self._lease_ms, client=self._client))
        if not isinstance(reply, SessionOpened):
            raise _strange(reply)
        # To open a session is to be heard from: its lease counts from before this was sent.
        end_ns = began_ns + shortened_ns(reply.lease_ms)
        self.lease = self._shell.keep_alive(reply.session, token, reply.lease_ms, end_ns, self._grace_ms * MS, self._told)
        return self.lease

    async def _open_handle(self, path: str, lock_delay_ms: int) -> Handle:
        """Open a file, and create it, and whatever directories it stands in.

        Cancelled meanwhile, it goes on until there is a handle to be closed.
        """
        task = asyncio.ensure_future(self._open_file(path, lock_delay_ms))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._nobody_wants)
            raise

    def _nobody_wants(self, task: "asyncio.Task[Handle]") -> None:
        if not task.cancelled() and task.exception() is None:
            self._put_away(task.result())

    async def _open_file(self, path: str, lock_delay_ms: int) -> Handle:
        for again in (True, False):
            lease = await self._opened()
            command = lock_api.Open(lease.session, lease.token, path, lock_api.MAY_CREATE, lock_delay_ms=lock_delay_ms)
            try:
                opened = await self.ask(command)
            except NoSuchNode:
                await self._make_directories(lease, path)
                opened = await self.ask(command)
            except (SessionExpired, UnknownLockSession):
                # It ended before anybody told us; nothing is held by it that anybody was promised.
                self._expire(lease)
                if again:
                    continue
                raise
            if not isinstance(opened, lock_api.Opened):
                raise _strange(opened)
            handle = self._handles[opened.handle] = Handle(lease, opened.handle)
            return handle
        raise AssertionError

    async def _make_directories(self, lease: Lease, path: str) -> None:
        names = path.split("/")[1:-1]
        for depth in range(1, len(names) + 1):
            directory = "/" + "/".join(names[:depth])
            opened = await self.ask(lock_api.Open(lease.session, lease.token, directory, lock_api.MAY_CREATE, directory=True))
            if isinstance(opened, lock_api.Opened):
                self._put_away(Handle(lease, opened.handle))

    async def _granted(self, handle: Handle, *, shared: bool, wait: bool) -> Sequencer | None:
        """The grant; None when it is not free and nobody wants to wait."""
        while True:
            lease = self._living(handle)
            handle.news.clear()
            acquired = await self.ask(lock_api.Acquire(lease.session, lease.token, handle.number, shared, wait))
            while True:
                if not isinstance(acquired, Acquired):
                    raise _strange(acquired)
                if acquired.sequencer is not None or not wait:
                    return acquired.sequencer
                if not acquired.waits:
                    break
                await handle.news.wait()
                handle.news.clear()
                acquired = await self._look(handle)

    async def _look(self, handle: Handle) -> Any:  # noqa: ANN401 (checked by the caller)
        """How it is with a lock; asked until the cell answers."""
        while True:
            lease = self._living(handle)
            try:
                question: LockQuestion = lock_api.GetSequencer(lease.session, lease.token, handle.number)
                return lock_api.decode_answer(await self._shell.call(READ, lock_api.encode(question), self._timeout))
            except Unavailable:
                if self._shell.is_closed:
                    raise
                await asyncio.sleep(AGAIN_S)

    def _living(self, handle: Handle) -> Lease:
        """A handle's session's lease; raises when that is over."""
        if self._is_closed or self._shell.is_closed:
            raise Unavailable(waited_ms=0, reason="this client was closed")
        if self.lease is not handle.lease:
            raise SessionExpired(session=handle.lease.session)
        return self.lease

    def _put_away(self, handle: Handle) -> "asyncio.Task[None] | None":
        """Close a handle, in the background; its lock is released, its waiting ends."""
        self._handles.pop(handle.number, None)
        if self.lease is not handle.lease or self._is_closed or self._shell.is_closed:
            return None
        return self._in_background(self._close_handle(handle.lease, handle.number))

    async def _close_handle(self, lease: Lease, handle: int) -> None:
        while self.lease is lease and not self._shell.is_closed:
            try:
                await self.ask(lock_api.Close(lease.session, lease.token, handle))
            except Error as error:
                if error.definite and not isinstance(error, Unavailable):
                    return  # the session is over, or the handle is gone
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def _in_background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- what the session is told ----------------------------------------------------------------------------------------

    def _told(self, told: Told) -> None:
        if isinstance(told, State):
            if told == State.EXPIRED:
                if self.lease is not None:
                    self._expire(self.lease)
            else:
                for handle in list(self._handles.values()):
                    if handle.lost is not None:
                        handle.lost(told)
        elif isinstance(told, AskAgain):
            for handle in list(self._handles.values()):
                handle.news.set()
                if handle.lost is not None:
                    self._in_background(self._verify(handle))
        else:
            for notice in told:
                noted = self._handles.get(notice.handle)
                if noted is None:
                    continue
                noted.news.set()
                if notice.what == lock_api.HANDLE_INVALID and noted.lost is not None:
                    noted.lost(None)

    async def _verify(self, handle: Handle) -> None:
        """What told of a handle's end may be lost: is the lock still held?"""
        try:
            acquired = await self._look(handle)
        except (HandleInvalid, UnknownHandle):
            acquired = None
        except Error:
            return  # the session's end is told otherwise
        if handle.lost is not None and not (isinstance(acquired, Acquired) and acquired.sequencer is not None):
            handle.lost(None)

    def _expire(self, lease: Lease) -> None:
        """The session is over."""
        if self.lease is lease:
            self.lease = None
            self._shell.let_go(lease.lease)
            self._fail_all()

    def _fail_all(self) -> None:
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            handle.news.set()
            if handle.lost is not None:
                handle.lost(State.EXPIRED)


def _strange(found: object) -> Error:
    return ProtocolError(reason=f"the cell answered with a {type(found).__name__}, which is no answer to this")
