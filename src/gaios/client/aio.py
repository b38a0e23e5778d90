"""The asyncio client: `gaios.connect` and what it gives, a `Cell`.

    async with gaios.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        done = await cell.put("greeting", "hello")

Rule 1. Every call ends by its time-out, in one of three ways: it returns; it raises an error whose `definite` is true; or it raises
`Unknown`.  [SAFETY 20]
Rule 2. A `Cell` belongs to one event loop and may be shared by all its tasks; their calls are pipelined. A cancelled call harms no other.
Rule 3. What breaks a limit is refused here, before anything is sent, with the error that the cell would give.
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Final, Self, TypeVar

from gaios import api, lock_api
from gaios.api import CompactResult, Entry, MultiOp, MultiOpResult, Operation, Overview, Page, Range, Test
from gaios.client import endpoints as addresses
from gaios.client.arguments import Key, Value, as_bytes, ends, seconds, span, strange
from gaios.client.core import READ, STATUS, WRITE
from gaios.client.lock_session import LockSession
from gaios.client.locks import Lock, OnJeopardy, Session, check_of, inside
from gaios.client.results import Deleted, Done, Entries, Number, Swapped
from gaios.client.shell import Shell
from gaios.client.status import CellStatus, Told, decode, merge
from gaios.client.watch import Watch
from gaios.errors import ConfigurationError, Error, InvalidCommand, ProtocolError, Unknown
from gaios.lock_api import NodeInfo, Sequencer, SessionInfo

T = TypeVar("T")
STATUS_S: Final = 1.0
"""How long `status` waits for each replica.  [INTERFACE `status`]"""


def connect(endpoints: str | Iterable[str], *, timeout: float = 10.0) -> "Cell":
    """A client of the cell at these endpoints; use it with `async with`.

    Nothing is waited for here: the first call finds the master. One endpoint that answers is enough, for it names the master.

    Args:
        endpoints: `HOST:PORT,HOST:PORT`, or a list of `HOST:PORT`.
        timeout: seconds that a call may take when it names none itself.

    Raises:
        ConfigurationError: endpoints or time-out make no sense.
    """
    return Cell(endpoints, timeout=timeout)


class Cell:
    """A cell, as a client sees it. Keys and values are bytes; text is encoded as UTF-8. Every method but `status` takes `timeout`, in s."""

    def __init__(self, endpoints: str | Iterable[str], *, timeout: float = 10.0) -> None:
        self._shell = Shell(addresses.parse(endpoints))
        self._timeout = seconds(timeout)
        self._sessions: list[LockSession] = []
        self._own: Session | None = None
        """That of `lock`."""
        if not timeout:
            raise ConfigurationError(reason="a time-out is a number of seconds above 0, not 0")

    async def __aenter__(self) -> Self:
        """Begin to look for the master."""
        self._shell.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End sessions, whose locks are free then; open calls with what is known of them; then every connection."""
        await asyncio.gather(*(session.close() for session in self._sessions))
        await self._shell.close()

    # ------------------------------------------------------------------------------------------------------------ writes

    async def put(self, key: Key, value: Value, *, timeout: float | None = None) -> Done:
        """Set a key."""
        reply = await self._multiop(MultiOp(then=(api.Put(as_bytes(key), as_bytes(value)),)), timeout)
        return Done(reply.revision)

    async def delete(
        self,
        key: Key,
        end: Key | None = None,
        *,
        prefix: bool = False,
        timeout: float | None = None,
    ) -> Deleted:
        """Delete a key; with `end` every key of `[key, end)`, with `prefix` every key that begins with it."""
        start, stop = span(key, end, prefix=prefix)
        reply = await self._multiop(MultiOp(then=(api.Delete(start, stop),)), timeout)
        (result,) = reply.results
        return Deleted(result.deleted, reply.revision) if isinstance(result, api.DeleteResult) else strange(result)

    async def cas(
        self,
        key: Key,
        value: Value,
        *,
        mod_revision: int | None = None,
        version: int | None = None,
        absent: bool = False,
        expected: Value | None = None,
        timeout: float | None = None,
    ) -> Swapped:
        """Compare and set: put only if the key is as expected. Exactly one expectation.

        Args:
            key: what is set.
            value: to this.
            mod_revision: the revision of its last change; 0: it does not exist.
            version: how often it was set since it was created; 0: it does not exist.
            absent: it does not exist.
            expected: its value.
            timeout: seconds.

        Raises:
            InvalidCommand: there is none, or more than one, expectation.
        """
        name = as_bytes(key)
        tests: list[Test] = []
        if mod_revision is not None:
            tests.append(Test(name, "mod_revision", "==", mod_revision))
        if version is not None:
            tests.append(Test(name, "version", "==", version))
        if absent:
            tests.append(Test(name, "absent"))
        if expected is not None:
            tests.append(Test(name, "value", "==", as_bytes(expected)))
        if len(tests) != 1:
            raise InvalidCommand(reason=f"cas takes exactly one of mod_revision, version, absent, expected; {len(tests)} were given")
        reply = await self._multiop(MultiOp(guard=tuple(tests), then=(api.Put(name, as_bytes(value)),)), timeout)
        return Swapped(reply.succeeded, reply.revision)

    async def increment(self, key: Key, by: int = 1, *, timeout: float | None = None) -> Number:
        """Add to a counter, kept as decimal text; an absent key counts as 0.

        Raises:
            NotANumber: the value is none, or would leave the signed 64-bit range.
        """
        reply = await self._multiop(MultiOp(then=(api.Increment(as_bytes(key), by),)), timeout)
        (result,) = reply.results
        return Number(result.value, reply.revision) if isinstance(result, api.IncrementResult) else strange(result)

    async def multiop(
        self,
        guard: Iterable[Test] = (),
        then: Iterable[Operation] = (),
        otherwise: Iterable[Operation] = (),
        *,
        timeout: float | None = None,
    ) -> MultiOpResult:
        """If all of `guard` holds, `then`, else `otherwise`: in order, atomically, at one revision.  [PML §5.6]"""
        return await self._multiop(MultiOp(tuple(guard), tuple(then), tuple(otherwise)), timeout)

    async def compact(self, revision: int, *, timeout: float | None = None) -> CompactResult:
        """Drop history before a revision: reads and watches below it are refused from then on."""
        reply = await self._write(api.Compact(revision), timeout)
        return reply if isinstance(reply, CompactResult) else strange(reply)

    # ------------------------------------------------------------------------------------------------------------ reads

    async def get(self, key: Key, *, revision: int = 0, timeout: float | None = None) -> Entry | None:
        """A key's entry, now or as of a revision; None where there is none."""
        page = await self._page(Range(as_bytes(key), None, 0, revision), timeout)
        return page.entries[0] if page.entries else None

    async def range(
        self,
        start: Key | None = None,
        end: Key | None = None,
        *,
        prefix: Key | None = None,
        limit: int = 0,
        keys_only: bool = False,
        revision: int = 0,
        timeout: float | None = None,
    ) -> Entries:
        """All entries of `[start, end)`, or with a prefix, as of one revision; at most `limit` (0: all). It asks page by page.

        Args:
            start: the first key; None or empty: from the first one on.
            end: the first key that is left out; None or empty: to the last one.
            prefix: instead of start and end.
            limit: how many at most.
            keys_only: leave values out.
            revision: as of which; 0: the present one.
            timeout: seconds, for all pages together.
        """
        key, stop = ends(start, end, prefix)
        found: list[Entry] = []
        loop = asyncio.get_running_loop()
        left = self._timeout if timeout is None else seconds(timeout)
        until = loop.time() + left
        while True:
            page = await self._page(Range(key, stop, limit - len(found) if limit else 0, revision, keys_only), max(left, 0.0))
            found += page.entries
            revision = page.revision
            if not page.more or not page.entries or (limit and len(found) >= limit):
                return Entries(tuple(found), revision, page.more)
            key = page.entries[-1].key + b"\x00"
            left = until - loop.time()

    async def entries(
        self,
        start: Key | None = None,
        end: Key | None = None,
        *,
        prefix: Key | None = None,
        limit: int = 0,
        keys_only: bool = False,
        revision: int = 0,
        timeout: float | None = None,
    ) -> AsyncIterator[Entry]:
        """As `range`, one entry after the other, holding no more than a page of them; `timeout` counts for each page."""
        key, stop = ends(start, end, prefix)
        taken = 0
        while True:
            page = await self._page(Range(key, stop, limit - taken if limit else 0, revision, keys_only), timeout)
            for entry in page.entries:
                yield entry
            taken += len(page.entries)
            revision = page.revision
            if not page.more or not page.entries or (limit and taken >= limit):
                return
            key = page.entries[-1].key + b"\x00"

    async def overview(self, *, timeout: float | None = None) -> Overview:
        """The database's revision, compaction point, epoch, number of keys and checksum."""
        answer = await self._read(api.Look(), timeout)
        return answer if isinstance(answer, Overview) else strange(answer)

    def watch(
        self,
        key: Key,
        end: Key | None = None,
        *,
        prefix: bool = False,
        from_revision: int = 0,
        timeout: float | None = None,
    ) -> "Watch":
        """Every change of a key (of `[key, end)`; of all keys with a prefix), in order, once, without gaps.

        Use it with `async for`. It survives lost connections and masters, and waits for a cell that is away. With `async with` around it,
        it has begun when the body begins: whatever is written from there on is told.

        Args:
            key: the key, or the first of a range, or a prefix.
            end: the first key that is left out.
            prefix: `key` is a prefix.
            from_revision: tell what happened at and after it; 0: after the present one.
            timeout: seconds within which it must begin; it has no end of its own.

        Raises:
            Compacted: (while it is read) history that it needs was dropped.
        """
        start, stop = span(key, end, prefix=prefix)
        api.check_keys(start, stop)
        return Watch(self, self._shell, start, stop, from_revision, self._timeout if timeout is None else seconds(timeout))

    async def status(self) -> CellStatus:
        """What every replica says of itself, asked for at most a second, put together.

        Raises:
            Unavailable: none answered.
        """
        asked = dict.fromkeys(self._shell.core.endpoints)
        answers: dict[str, Told | Error] = {}
        while missing := [endpoint for endpoint in asked if endpoint not in answers]:
            answers |= zip(missing, await asyncio.gather(*map(self._ask_status, missing)), strict=True)
            for told in answers.values():
                if isinstance(told, Told):
                    asked |= dict.fromkeys(member.client for member in told.members if member.client)
        found = [answer for answer in answers.values() if isinstance(answer, Told)]
        if not found:
            raise next(answer for answer in answers.values() if isinstance(answer, Error))
        return merge(found, [endpoint for endpoint, answer in answers.items() if isinstance(answer, Error)])

    async def _ask_status(self, endpoint: str) -> Told | Error:
        try:
            return decode(await self._shell.call(STATUS, b"", STATUS_S, endpoint))
        except Error as error:
            return error

    # ------------------------------------------------------------------------------------------------------------ locks

    def lock(
        self,
        name: str,
        *,
        shared: bool = False,
        wait: float | None = None,
        lock_delay: float = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Lock:
        """A lock, to be held by `async with cell.lock(name) as held`: `held.sequencer`, `held.check()`, `held.lost`.  [CHUBBY §2.4]

        All locks of this client live in one session, which is opened with the first and kept alive. Only a receiver that checks the
        sequencer makes exclusion certain: this client may be paused for longer than its lease, and find out too late.

        Args:
            name: it stands at `/locks/NAME`, made when it is used first; or a whole path, `/ls/local/…`.
            shared: share it with whoever asks for it like this.
            wait: seconds within which it is to be acquired; 0: now or not; None: as long as it takes.
            lock_delay: seconds, at most 60, for which nobody gets it when it is lost: for receivers that check nothing.
            on_jeopardy: "cancel" the body when the lease is over and the cell was not heard from; or "wait" for the cell's verdict, for
                bodies whose every effect is checked.

        Raises:
            ConfigurationError, InvalidCommand: these make no sense.
            NotAcquired: (when it is entered) it was not free in time.
            LockLost: (when it is left, or by `held.check()`) it was lost.
        """
        self._own = self._own or self.session()
        return self._own.lock(name, shared=shared, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy)

    def session(self, *, lease: float = 12.0, grace: float = 45.0, client: str = "") -> Session:
        """A session of its own, for locks that are to live and end together: `session.lock(…)`. It ends with this client, or by `close`.

        Args:
            lease: seconds, 1 to 60, after which the cell gives its locks up when it does not hear from this client.
            grace: seconds for which this client waits for the cell's verdict after that.
            client: what people are shown of it; empty: this machine's name and the process.

        Raises:
            ConfigurationError: a time makes no sense.
        """
        made = LockSession.of(self._shell, timeout=self._timeout, lease_s=lease, grace_s=grace, client=client)
        self._sessions.append(made)
        return Session(made)

    async def check(
        self, sequencer: Sequencer | str, name: str | None = None, *, shared: bool = False, timeout: float | None = None
    ) -> bool:
        """Whether a grant is still held: for whoever receives a sequencer, and has to know before it acts.  [CHUBBY §2.4]

        Args:
            sequencer: `held.sequencer`, or its text `GENERATION.REVISION`.
            name: of which lock, where it is text.
            shared: whether it was shared, where it is text.
            timeout: seconds.
        """
        return (await self._ask_locks(check_of(sequencer, name, shared=shared), lock_api.Checked, timeout)).valid

    async def sessions(self, *, timeout: float | None = None) -> list[SessionInfo]:
        """Every session of the lock service, in order, as the cell shows them to people; `timeout` counts for each page."""
        found: list[SessionInfo] = []
        while True:
            page = await self._ask_locks(lock_api.ListSessions(found[-1].session if found else 0), lock_api.Sessions, timeout)
            found += page.sessions
            if not page.more or not page.sessions:
                return found

    async def nodes(self, path: str = "/ls/local", *, timeout: float | None = None) -> list[NodeInfo]:
        """What stands in a directory of the lock service, in order, and who holds it; `timeout` counts for each page."""
        found: list[NodeInfo] = []
        while True:
            after = found[-1].path.rpartition("/")[2] if found else ""
            page = await self._ask_locks(lock_api.ListNodes(inside(path), after), lock_api.Nodes, timeout)
            found += page.nodes
            if not page.more or not page.nodes:
                return found

    # ------------------------------------------------------------------------------------------------------------ inside

    async def _ask_locks(self, question: lock_api.LockQuestion, kind: type[T], timeout: float | None) -> T:
        data = lock_api.encode(question)
        answer = lock_api.decode_answer(await self._shell.call(READ, data, self._timeout if timeout is None else seconds(timeout)))
        return answer if isinstance(answer, kind) else strange(answer)

    async def _multiop(self, command: MultiOp, timeout: float | None) -> MultiOpResult:
        reply = await self._write(command, timeout)
        return reply if isinstance(reply, MultiOpResult) else strange(reply)

    async def _write(self, command: api.Command, timeout: float | None) -> api.Reply:
        data = api.check(command)
        reply = await self._shell.call(WRITE, data, self._timeout if timeout is None else seconds(timeout))
        try:
            return api.decode_reply(reply)
        except Error as error:
            raise Unknown(reason=f"it was carried out, but the reply cannot be read ({error})") from None

    async def _read(self, question: api.Question, timeout: float | None) -> api.Answer:
        api.check_question(question)
        data = api.encode(question)
        answer = await self._shell.call(READ, data, self._timeout if timeout is None else seconds(timeout))
        try:
            return api.decode_answer(answer)
        except Error as error:
            raise ProtocolError(reason=f"the answer cannot be read ({error})") from None

    async def _page(self, question: Range, timeout: float | None) -> Page:
        answer = await self._read(question, timeout)
        return answer if isinstance(answer, Page) else strange(answer)
