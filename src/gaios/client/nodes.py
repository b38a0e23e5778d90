"""Open nodes as their users see them: `async with cell.open(path) as node`.  [CHUBBY §2.3, §2.6]

Rule 1. A node is open in one session, and outlives masters with it. When the session is over, each of its calls fails with
`SessionExpired`: a suffix of what was asked is lost, never something in between.
Rule 2. In jeopardy every call waits for the verdict, for as long as its `timeout` allows if it has one.  [CHUBBY §2.8; SAFETY 22]
Rule 3. It may be shared by tasks; the lock is the node's, not the task's. Acquires come one after the other, and one that was given up, in
whatever way, is undone before the next.
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from gaios import lock_api
from gaios.client import holding
from gaios.client.arguments import Value, as_bytes, seconds
from gaios.client.grant import check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held
from gaios.client.lock_session import LockSession
from gaios.client.node_events import NodeEvents
from gaios.client.outside import boottime_ns
from gaios.client.results import Done, NodeChanged, NodeContents, expect
from gaios.errors import Error, HandlePoisoned, NotAcquired, Unavailable, Unknown, UnknownHandle
from gaios.lock_api import Changed, LockCommand, LockQuestion, Sequencer, Stat

T = TypeVar("T")
_CALL, _WRITE, _ACQUIRE, _RELEASE = range(4)


class Node:
    """An open node: a file or a directory, and its lock; made by `Cell.open`.

    Every call raises `HandleInvalid` when the node was deleted, `SessionExpired` when the session is over, `HandlePoisoned` after `poison`.
    """

    def __init__(self, session: LockSession, path: str, handle: Handle, events: NodeEvents) -> None:
        self._session, self._handle, self._events = session, handle, events
        self.path = path
        self.created = handle.created
        """Whether opening made it."""
        self._held: Held | None = None
        self._fresh: Held | None = None
        """The same, while nobody was given it yet."""
        self._turn = asyncio.Lock()
        """Of whoever does something with the lock."""
        self._releasing: asyncio.Task[bool] | None = None
        self._running: dict[asyncio.Task[Any], Error | None] = {}
        """What is under way, and what ended it early."""
        self._acquiring: set[asyncio.Task[Any]] = set()
        self._is_closed = self._is_poisoned = False

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()

    # -- what it is --------------------------------------------------------------------------------------------------------

    async def read(self, *, timeout: float | None = None) -> NodeContents:
        """A file's whole contents and its numbers, at one moment. Raises `WrongKindOfNode`: it is a directory.

        In a session that caches, from memory where it can be: as good as the cell's answer, but for `stat.lock_generation`.
        """
        question = lock_api.GetContentsAndStat(*self._whose())
        found = await self._look(question, lock_api.ContentsAndStat, timeout, ("read",))
        return NodeContents(found.contents or b"", found.stat)

    async def stat(self, *, timeout: float | None = None) -> Stat:
        """Its numbers; the cell is asked for them always."""
        question = lock_api.GetContentsAndStat(*self._whose(), contents=False)
        return (await self._look(question, lock_api.ContentsAndStat, timeout)).stat

    async def children(self, *, timeout: float | None = None) -> dict[str, Stat]:
        """A directory's children by name, in order, with their numbers. More than 1,000 are asked for page by page, not at one moment.

        From memory as `read`. Raises `WrongKindOfNode`: it is a file. `timeout` counts for each page.
        """
        found: dict[str, Stat] = {}
        while True:
            after = next(reversed(found), "")
            page = await self._look(lock_api.ReadDir(*self._whose(), after), lock_api.Children, timeout, ("children", after))
            found.update(page.children)
            if not page.more or not page.children:
                return found

    # -- changes -----------------------------------------------------------------------------------------------------------

    async def write(self, contents: Value, *, generation: int | None = None, timeout: float | None = None) -> NodeChanged:
        """Replace a file's contents, at most 256 KiB; if `generation` is given, only if it is its content generation."""
        command = lock_api.SetContents(*self._whose(), as_bytes(contents), generation)
        return _changed(await self._ask(command, timeout))

    async def set_acl(self, acl: tuple[str, str, str], *, generation: int | None = None, timeout: float | None = None) -> NodeChanged:
        """Replace the names of the access lists for reading, writing, and changing these; `generation` as with `write`, of the ACL's."""
        command = lock_api.SetAcl(*self._whose(), acl, generation)
        return _changed(await self._ask(command, timeout))

    async def delete(self, *, timeout: float | None = None) -> Done:
        """Delete the node, with its lock; every handle of it becomes invalid. Raises `NotEmpty`: it has children."""
        return Done((await self._ask(lock_api.DeleteNode(*self._whose()), timeout)).revision)

    async def set_sequencer(self, sequencer: Sequencer | None, *, timeout: float | None = None) -> None:
        """From now on every change through this handle fails with `StaleSequencer` once that grant, of any lock, is not held any more."""
        await self._ask(lock_api.SetSequencer(*self._whose(), sequencer), timeout)

    # -- the lock ----------------------------------------------------------------------------------------------------------

    async def acquire(self, *, shared: bool = False, wait: float | None = None) -> Held:
        """Take its lock: `.sequencer`, `.check()`, `.lost`, set at jeopardy. Who holds it like this already is given the same again.

        Args:
            shared: share it with whoever asks like this.
            wait: seconds within which it is to be acquired; 0: now or not; None: as long as it takes.

        Raises:
            NotAcquired: it was not free in time, or `cancel` was called.
            LockConflict: this handle holds it in the other mode.
            ReadOnlyHandle: it was opened with `write=False`.
        """
        check_wait(wait)
        if self._held is not None and self._held.why:
            # Who asks for it again knows that it was lost.
            self._let_go()
        granted: list[Held] = []
        try:
            async with asyncio.timeout(wait or None):
                held = await self._run(self._acquire(granted, shared=shared, wait=wait is None or wait > 0), _ACQUIRE)
        except BaseException as error:
            if granted and self._fresh is granted[0]:
                # It was granted as its caller was cancelled.
                self._let_go()
                self._give_up(error)
            if isinstance(error, TimeoutError):
                raise NotAcquired(path=self._handle.path, waited_ms=int((wait or 0.0) * 1_000)) from None
            raise
        self._fresh = None
        if held is None:
            raise NotAcquired(path=self._handle.path, waited_ms=0)
        holding.begin(held)
        return held

    async def try_acquire(self, *, shared: bool = False) -> Held | None:
        """Take its lock if it is free now, else None."""
        try:
            return await self.acquire(shared=shared, wait=0)
        except NotAcquired:
            return None

    async def release(self, *, timeout: float | None = None) -> bool:
        """Give the lock back; whether there was one to give back. Waiting acquires end as by `cancel`."""
        self._check()
        self.cancel()
        async with self._turn:
            await self._settle()
            self._let_go()
            try:
                return (await self._ask(lock_api.Release(*self._whose()), timeout, _RELEASE)).done
            except BaseException as error:
                self._give_up(error)
                raise

    def cancel(self) -> None:
        """End every acquire that waits through this handle, in whichever task: it raises `NotAcquired`.  [CHUBBY §4.6]"""
        for task in self._acquiring:
            self._interrupt(task, NotAcquired(path=self._handle.path, waited_ms=0))

    async def sequencer(self, *, timeout: float | None = None) -> Sequencer | None:
        """The proof of the grant that this handle holds; None when it holds none."""
        return (await self._look(lock_api.GetSequencer(*self._whose()), lock_api.Acquired, timeout)).sequencer

    # -- the handle --------------------------------------------------------------------------------------------------------

    def events(self) -> NodeEvents:
        """What happens from its opening on: `async for event in node.events()`, by one task."""
        return self._events

    def poison(self) -> None:
        """Fail every call of it that is under way, and every later one, but close nothing: the lock stays held.  [CHUBBY §2.6]"""
        self._is_poisoned = True
        for task in self._running:
            self._interrupt(task, HandlePoisoned(path=self._handle.path))

    async def close(self) -> None:
        """Close it: its lock is released, its waiting ends, an ephemeral node that nobody else has open goes. Never fails. [CHUBBY §2.6]"""
        if self._is_closed:
            return
        self._is_closed = True
        error = UnknownHandle(session=self._handle.lease.session, handle=self._handle.number)
        for task in self._running:
            self._interrupt(task, error)
        self._let_go()
        self._events.end()
        await self._session.close_handle(self._handle)

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _whose(self) -> tuple[int, bytes, int]:
        lease = self._handle.lease
        return lease.session, lease.token, self._handle.number

    async def _look(self, question: LockQuestion, kind: type[T], timeout: float | None, key: tuple[str, ...] = ()) -> T:
        """Ask, or take what is kept under a key, if there is a key."""
        session, handle = self._session, self._handle
        kept_key = (handle.stat.instance, *key)
        if key and session.cache is not None:
            self._check()
            holding.check()
            session.check_lives(handle.lease)
            kept = session.cache.get(boottime_ns(), handle.path, kept_key)
            if kept is not None and isinstance(kept, kind):
                return kept

        async def look() -> T:
            left = await self._safe(timeout)
            return expect(kind, await (session.look_cached(handle.path, kept_key, question, left) if key else session.look(question, left)))

        return await self._run(look(), _CALL)

    async def _ask(self, command: LockCommand, timeout: float | None, kind: int = _WRITE) -> Changed:
        async def ask() -> Changed:
            return expect(Changed, await self._session.ask(command, await self._safe(timeout)))

        return await self._run(ask(), kind)

    async def _safe(self, timeout: float | None) -> float | None:
        """What is left of the time-out when the session is safe."""
        if timeout is None:
            await self._session.safe(self._handle.lease)
            return None
        began_ns = boottime_ns()
        try:
            async with asyncio.timeout(seconds(timeout)):
                await self._session.safe(self._handle.lease)
        except TimeoutError:
            raise Unavailable(waited_ms=int(timeout * 1_000), reason="the session is in jeopardy, and nothing was sent") from None
        return max(0.0, timeout - (boottime_ns() - began_ns) / 1e9)

    async def _acquire(self, granted: list[Held], *, shared: bool, wait: bool) -> Held | None:
        if not wait and self._turn.locked():
            return None
        async with self._turn:
            await self._session.safe(self._handle.lease)
            held = self._held
            if held is not None and not held.why and held.sequencer.shared == shared:
                self._fresh = None
                return held
            await self._settle()
            try:
                sequencer = await self._handle.granted(shared=shared, wait=wait)
            except BaseException as error:
                self._give_up(error)
                raise
            self._let_go()
            if sequencer is None:
                return None
            held = self._held = self._fresh = Held(self._handle.path, sequencer, self._handle)
            granted.append(held)
            self._handle.lost = held.happened
            held.begins()
            self._session.watchdog.begin()
            return held

    def _let_go(self) -> None:
        """Nobody takes it for held any more."""
        held, self._held, self._handle.lost = self._held, None, None
        if held is not None:
            held.end()
            self._session.watchdog.end()

    def _give_up(self, error: BaseException) -> None:
        """An acquire or release ended so that it may still be carried out: undo it."""
        if not (isinstance(error, Error) and error.definite) and not self._session.is_over and not self._is_closed:
            self._releasing = self._session.in_background(self._session.insist(lock_api.Release(*self._whose()), self._handle.lease))

    async def _settle(self) -> None:
        if self._releasing is not None:
            await asyncio.wait({self._releasing})
            self._releasing = None

    def _check(self) -> None:
        if self._is_closed:
            raise UnknownHandle(session=self._handle.lease.session, handle=self._handle.number)
        if self._is_poisoned:
            raise HandlePoisoned(path=self._handle.path)

    async def _run(self, work: Coroutine[Any, Any, T], kind: int) -> T:
        """Do it, unless somebody closes or poisons the handle, or cancels an acquire."""
        try:
            self._check()
            if kind != _RELEASE:
                holding.check()
        except Error:
            work.close()
            raise
        mine = asyncio.current_task()
        cancelling = mine.cancelling() if mine is not None else 0
        task = asyncio.ensure_future(work)
        self._running[task] = None
        if kind == _ACQUIRE:
            self._acquiring.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            error = self._running[task]
            if error is None or (mine is not None and mine.cancelling() > cancelling):
                raise
            if kind in {_WRITE, _RELEASE}:
                raise Unknown(reason=f"the call was given up ({error})") from None
            raise error from None
        finally:
            del self._running[task]
            self._acquiring.discard(task)

    def _interrupt(self, task: "asyncio.Task[Any]", error: Error) -> None:
        if self._running[task] is None:
            self._running[task] = error
            task.cancel()


def _changed(changed: Changed) -> NodeChanged:
    return NodeChanged(changed.done, changed.revision, expect(Stat, changed.stat))
