"""A session of the lock service, on asyncio: opened with the first handle, kept alive, and what it is told handed on.  [CHUBBY §2.8]

Rule 1. A handle that nobody uses any more is closed, whatever happens to the task that used it. Nobody who gave up waiting for it leaves
one behind: opening goes on, and what was opened is closed.
Rule 2. A session that has expired is not used again. The next handle opens another.
Rule 3. In jeopardy no node is opened or used: `safe` waits for the verdict. A lock may be asked for: the cell knows whether the session
lives, and a lock's holder looks at the clock first.
Rule 4. A handle is told all that happens after it was opened, whichever comes first, the notice or the word that it is open.
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)
# ruff: noqa: ANN401 (what belongs to a command, or to a question)

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self, TypeVar

from msgspec.structs import replace

from gaios import caching, lock_api
from gaios.client.cache import Cache
from gaios.client.core import READ, WRITE
from gaios.client.early import Early
from gaios.client.handle import AGAIN_S, NO_ANSWER, Handle, News
from gaios.client.lease import AskAgain, Lease, State, Told, shortened_ns
from gaios.client.outside import OUTSIDE, boottime_ns
from gaios.client.results import expect
from gaios.client.shell import Shell
from gaios.client.tuning import MS
from gaios.client.watchdog import Watchdog
from gaios.errors import (
    ConfigurationError,
    Error,
    NoSuchNode,
    SessionExpired,
    Unavailable,
    Unknown,
    UnknownLockSession,
)
from gaios.lock_api import LockCommand, LockQuestion, SessionOpened

T = TypeVar("T")
CLOSE_S: Final = 1.0
"""How long closing waits for the cell to say that the session is closed; else it expires."""
LOCKS: Final = "/locks"
"""Where locks stand that are called by a name. What is made below it is ephemeral: a name that nobody uses leaves nothing behind."""
_THERE: Final = "there"
"""Under which a node's absence is kept."""


class LockSession:
    """See the module. `lease_ms` and `grace_ms` are as in `lock_api`; `timeout` is in seconds, of one command."""

    def __init__(self, shell: Shell, *, timeout: float, lease_ms: int, grace_ms: int, client: str, caches: bool = False) -> None:
        self._shell = shell
        self._caches = caches
        self.cache: Cache | None = None
        """While it is open, of one that caches."""
        self.timeout, self._lease_ms, self._grace_ms, self._client = timeout, lease_ms, grace_ms, client
        self.lease: Lease | None = None
        """While it is open."""
        self._opening: asyncio.Task[Lease] | None = None
        self._handles: dict[int, Handle] = {}
        self._early = Early()
        self._is_known = asyncio.Event()
        """The master has told of its reign: from then on it tells of what happens."""
        self._is_safe = asyncio.Event()
        """Or over."""
        self._tasks: set[asyncio.Task[Any]] = set()
        """Handles that are being closed, locks that are being asked about."""
        self._is_closed = False
        self.watchdog = Watchdog(lease_ms)

    @classmethod
    def of(cls, shell: Shell, *, timeout: float, lease_s: float, grace_s: float, client: str, caches: bool = False) -> Self:
        """A session as `Cell.session` describes it.

        Raises:
            ConfigurationError: a time makes no sense.
        """
        lowest, highest = lock_api.LEASE_MS_MIN // 1_000, lock_api.LEASE_MS_MAX // 1_000
        if not lowest <= lease_s <= highest:
            raise ConfigurationError(reason=f"a lease has {lowest} to {highest} seconds, not {lease_s!r}")
        if not 0 <= grace_s <= 1e9:
            raise ConfigurationError(reason=f"a grace period is a number of seconds from 0 on, not {grace_s!r}")
        shown = (client or OUTSIDE.get().name()).encode()[: lock_api.CLIENT_BYTES_MAX].decode(errors="ignore")
        return cls(shell, timeout=timeout, lease_ms=int(lease_s * 1_000), grace_ms=int(grace_s * 1_000), client=shown, caches=caches)

    # -- calls -----------------------------------------------------------------------------------------------------------

    async def ask(self, command: LockCommand, timeout: float | None = None) -> Any:
        """One command; its reply."""
        reply = await self._shell.call(WRITE, lock_api.encode(command), self.timeout if timeout is None else timeout)
        try:
            return lock_api.decode_reply(reply)
        except Error as error:
            raise Unknown(reason=f"it was carried out, but the reply cannot be read ({error})") from None

    async def look(self, question: LockQuestion, timeout: float | None = None) -> Any:
        """One question; its answer."""
        return lock_api.decode_answer(await self._shell.call(READ, lock_api.encode(question), self.timeout if timeout is None else timeout))

    async def look_cached(self, path: str, key: object, question: LockQuestion, timeout: float | None = None) -> Any:
        """One question of a node, whose answer is kept if it may be. What is kept is to be looked for before: see `cache`."""
        cache = self.cache
        if cache is None:
            return await self.look(question, timeout)
        fill = cache.begin(path)
        try:
            asked = caching.encode(caching.Cached(lock_api.encode(question)))
            may, body = caching.decode_may_cache(await self._shell.call(READ, asked, self.timeout if timeout is None else timeout))
            answer = lock_api.decode_answer(body)
            if may:
                cache.keep(boottime_ns(), fill, key, answer, len(body))
            return answer
        finally:
            cache.leave(fill)

    async def safe(self, lease: Lease) -> None:
        """Return when that lease is not over by this clock; in jeopardy, wait for the verdict.  [CHUBBY §2.8; SAFETY 22]

        Raises:
            SessionExpired: the session is over.
        """
        self.check_lives(lease)
        while boottime_ns() >= lease.end_ns:
            # Whoever slept hears of the lease's end first.
            self._shell.ring()
            self.check_lives(lease)
            await self._is_safe.wait()
            self.check_lives(lease)

    def check_lives(self, lease: Lease) -> None:
        """Raise unless this session is the one of that lease."""
        if self.is_over:
            raise Unavailable(waited_ms=0, reason="this client was closed")
        if self.lease is not lease:
            raise SessionExpired(session=lease.session)

    @property
    def is_over(self) -> bool:
        """Nothing can be asked any more."""
        return self._is_closed or self._shell.is_closed

    async def close(self) -> None:
        """End the session: its locks are free at once. Whoever waits for one fails now."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
        lease, self.lease, self.cache = self.lease, None, None
        self._fail_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if lease is not None:
            was, lease.state = lease.state, State.EXPIRED
            self._shell.let_go(lease.lease)
            if not self._shell.is_closed and was != State.EXPIRED:
                with contextlib.suppress(Error):  # else it expires
                    await self._shell.call(WRITE, lock_api.encode(lock_api.CloseSession(lease.session, lease.token)), CLOSE_S)
        if tasks:
            await asyncio.wait(tasks)

    # -- inside ----------------------------------------------------------------------------------------------------------

    async def _opened(self) -> Lease:
        """The session, opened if it is not."""
        if self.is_over:
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
        token, began_ns = OUTSIDE.get().random_bytes(lock_api.TOKEN_BYTES), boottime_ns()
        reply = expect(SessionOpened, await self.ask(lock_api.OpenSession(token, self._lease_ms, self._caches, self._client)))
        # To open a session is to be heard from: its lease counts from before this was sent.
        end_ns = began_ns + shortened_ns(reply.lease_ms)
        self._is_known.clear()
        self._is_safe.set()
        self.lease = self._shell.keep_alive(reply.session, token, reply.lease_ms, end_ns, self._grace_ms * MS, self._told)
        self.cache = Cache(self.lease) if self._caches else None
        return self.lease

    async def open(self, wanted: lock_api.Open, *, listener: Callable[[News], None] | None = None, timeout: float | None = None) -> Handle:
        """Open a node, and create it, and whatever directories it stands in, if that is wanted; the handle is the caller's to close.

        Args:
            wanted: of no session yet.
            listener: it is told all that happens after the node was opened.
            timeout: seconds.
        """
        began = asyncio.get_running_loop().time()
        timeout = self.timeout if timeout is None else timeout
        sent: list[Lease] = []
        task = asyncio.ensure_future(self._open_node(wanted, listener, sent))
        try:
            await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            task.add_done_callback(self._nobody_wants)
            raise
        if task.done():
            return task.result()
        task.add_done_callback(self._nobody_wants)
        waited_ms = int((asyncio.get_running_loop().time() - began) * 1_000)
        if wanted.create and sent:
            raise Unknown(reason=f"/ls/local{wanted.path} was not opened within {waited_ms} ms; it may be created, and will be closed")
        raise Unavailable(waited_ms=waited_ms, reason=f"/ls/local{wanted.path} was not opened ({self._shell.core.why})")

    def _nobody_wants(self, task: "asyncio.Task[Handle]") -> None:
        if not task.cancelled() and task.exception() is None:
            self.put_away(task.result())

    async def _open_node(self, wanted: lock_api.Open, listener: Callable[[News], None] | None, sent: list[Lease]) -> Handle:
        for again in (True, False):
            lease = await self._opened()
            try:
                if listener is not None:
                    await self.safe(lease)
                    await self._is_known.wait()
                    self.check_lives(lease)
                sent.append(lease)
                return await self._open_in(lease, wanted, listener)
            except (SessionExpired, UnknownLockSession):
                # It ended before anybody told us; nothing is held by it that anybody was promised.
                self.expire(lease)
                if not again:
                    raise
        raise AssertionError

    async def _open_in(self, lease: Lease, wanted: lock_api.Open, listener: Callable[[News], None] | None) -> Handle:
        with self._early.opening():
            opened = await self._ask_to_open(lease, wanted)
            self.check_lives(lease)
            handle = self._handles[opened.handle] = Handle(self, lease, wanted.path, opened)
            handle.listener = listener
            for news in self._early.of(handle.number):
                handle.told(news)
            return handle

    async def _ask_to_open(self, lease: Lease, wanted: lock_api.Open) -> lock_api.Opened:
        patience_s = (self._lease_ms + self._grace_ms) / 1_000  # who gives up sooner still needs to know which handle is to be closed
        command = replace(wanted, session=lease.session, token=lease.token)
        if (
            self.cache is not None
            and not wanted.create
            and self.cache.get(boottime_ns(), wanted.path, _THERE) == caching.Found(there=False)
        ):
            raise NoSuchNode(path=wanted.path)
        try:
            opened = await self.ask(command, patience_s)
        except NoSuchNode:
            if not wanted.create:
                if self.cache is not None and self.lease is lease:  # what the cell says to one session, no later one may keep
                    with contextlib.suppress(Error):
                        await self.look_cached(wanted.path, _THERE, caching.FindNode(lease.session, lease.token, wanted.path))
                raise
            directories: list[Handle] = []
            try:
                await self._make_directories(lease, wanted.path, patience_s, directories)
                opened = await self.ask(command, patience_s)
            finally:
                # Not before: below LOCKS they go when they are empty and nobody has them open.
                for directory in directories:
                    self.put_away(directory)
        return expect(lock_api.Opened, opened)

    async def _make_directories(self, lease: Lease, path: str, patience_s: float, made: list[Handle]) -> None:
        names = path.split("/")[1:-1]
        for depth in range(1, len(names) + 1):
            directory = "/" + "/".join(names[:depth])
            is_brief = directory.startswith(LOCKS + "/")
            command = lock_api.Open(lease.session, lease.token, directory, lock_api.MAY_CREATE, directory=True, ephemeral=is_brief)
            opened = expect(lock_api.Opened, await self.ask(command, patience_s))
            made.append(Handle(self, lease, directory, opened))

    def put_away(self, handle: Handle) -> "asyncio.Task[None] | None":
        """Close a handle, in the background; its lock is released, its waiting ends."""
        self._handles.pop(handle.number, None)
        if self.lease is not handle.lease or self.is_over:
            return None
        return self.in_background(self._close_handle(handle.lease, handle.number))

    async def close_handle(self, handle: Handle) -> None:
        """Close a handle. What the cell does not answer in time goes on in the background, as long as the session lives."""
        handle.lost = handle.listener = None
        task = self.put_away(handle)
        if task is not None:
            await asyncio.wait([task], timeout=self.timeout)

    async def _close_handle(self, lease: Lease, handle: int) -> None:
        await self.insist(lock_api.Close(lease.session, lease.token, handle), lease)

    async def insist(self, command: LockCommand, lease: Lease) -> bool:
        """Ask until the cell answers, for as long as the session lives; False: the session is over, or the handle gone."""
        while self.lease is lease and not self._shell.is_closed:
            try:
                await self.ask(command)
            except Error as error:
                if error.definite and not isinstance(error, NO_ANSWER):
                    return False
                await asyncio.sleep(AGAIN_S)
            else:
                return True
        return False

    def in_background(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Do something for as long as the session is open."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- what the session is told ----------------------------------------------------------------------------------------

    def _told(self, told: Told) -> None:
        if isinstance(told, State):
            if told == State.EXPIRED:
                if self.lease is not None:
                    self.expire(self.lease)
                return
            if told == State.SAFE:
                self._is_safe.set()
            else:
                self._is_safe.clear()
            self._tell(told)
        elif isinstance(told, AskAgain):
            self._is_known.set()
            self._early.keep(told)
            self._tell(told)
        else:
            for notice in told:
                noted = self._handles.get(notice.handle)
                if notice.what == caching.INVALIDATE:
                    if self.cache is not None:
                        self.cache.forget(notice.name)
                elif noted is not None:
                    noted.told(notice)
                else:
                    self._early.keep(notice)

    def _tell(self, news: State | AskAgain) -> None:
        if self.cache is not None and news != State.SAFE:
            self.cache.flush()
        for handle in list(self._handles.values()):
            handle.told(news)
            if isinstance(news, AskAgain) and handle.lost is not None:
                self.in_background(handle.verify())

    def expire(self, lease: Lease) -> None:
        """The session is over."""
        if self.lease is lease:
            # Whoever has just been granted something does not listen yet, and looks at its state.
            self.lease, self.cache, lease.state = None, None, State.EXPIRED
            self._shell.let_go(lease.lease)
            self._fail_all()

    def _fail_all(self) -> None:
        self._is_known.set()
        self._is_safe.set()
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            handle.told(State.EXPIRED)
