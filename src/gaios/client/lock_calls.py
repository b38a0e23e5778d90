"""The lock service's part of a `Cell`.  [CHUBBY §2.4]"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

from collections.abc import Iterable
from typing import TypeVar

from gaios import lock_api
from gaios.client import holding
from gaios.client.arguments import Value
from gaios.client.calling import Calling
from gaios.client.core import READ
from gaios.client.lock_session import LockSession
from gaios.client.lock_sessions import Session
from gaios.client.locking import Locking
from gaios.client.locks import Lock, OnJeopardy, check_of, path_of
from gaios.client.naming import Naming, split
from gaios.client.node_events import Wanted
from gaios.client.opening import Create, Opening
from gaios.client.results import expect
from gaios.client.shell import Shell
from gaios.errors import InvalidCommand
from gaios.explanation import Explain, Explanation
from gaios.lock_api import NodeInfo, Sequencer, SessionInfo

T = TypeVar("T")


class LockCalls(Calling):
    """See the module."""

    def __init__(self, shell: Shell, timeout: float) -> None:
        super().__init__(shell, timeout)
        self._naming = Naming(shell)
        self._sessions: list[LockSession] = []
        self._own: Session | None = None
        """That of `lock`."""

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
            name: it stands at `/ls/local/locks/NAME`, and is gone when nobody uses it; or a whole path, `/ls/local/…` or `/ls/CELL/…`,
                that stays.
            shared: share it with whoever asks for it like this.
            wait: seconds within which it is to be acquired, all told; 0: now or not; None: as long as it takes.
            lock_delay: seconds, at most 60, for which nobody gets it when it is lost: for receivers that check nothing.
            on_jeopardy: "cancel" the body when the lease is over and the cell was not heard from; or "wait" for the cell's verdict, for
                bodies whose every effect is checked.

        Raises:
            ConfigurationError, InvalidCommand: these make no sense.
            NotAcquired: (when it is entered) it was not free in time.
            LockLost: (when it is left, or by `held.check()`) it was lost.
        """
        return self._own_session().lock(name, shared=shared, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy)

    def open(
        self,
        path: str,
        *,
        create: Create = False,
        directory: bool = False,
        ephemeral: bool = False,
        contents: Value = b"",
        write: bool = True,
        events: Iterable[Wanted] = (),
        lock_delay: float = 0.0,
        acl: tuple[str, str, str] | None = None,
        timeout: float | None = None,
    ) -> Opening:
        """Open a node: a file, a directory, its lock, its events.  [CHUBBY §2.6]

        `async with cell.open("/ls/local/svc/primary", create=True) as node:`. It is open in this client's session, as its locks are.

        Args:
            path: `/ls/local/…`, or `/ls/CELL/…` with this cell's name or id.
            create: make it if it is not there, and whatever directories it stands in; "must": and fail if it is.
            directory: what to make, and then what it has to be.
            ephemeral: what is made goes when nobody has it open any more (a directory: and it is empty).
            contents: of a file that is made, at most 256 KiB.
            write: whether it is to be changed or locked through this.
            events: which to be told besides those that are always told; see `NodeEvent.type`.
            lock_delay: seconds, at most 60, for which nobody gets its lock when it is lost with this session.
            acl: names of the access lists for reading, writing and changing these, of what is made; None: as its directory.
            timeout: seconds.

        Raises:
            NoSuchNode, NodeExists, WrongKindOfNode, PermissionDenied: (when it is entered) as it says.
            Unknown: (when it is entered) nobody answered in time; what is opened after all is closed, but may have been made.
        """
        return self._own_session().open(
            path, create=create, directory=directory, ephemeral=ephemeral, contents=contents, write=write, events=events,
            lock_delay=lock_delay, acl=acl, timeout=timeout,
        )  # fmt: skip

    def session(self, *, lease: float = 12.0, grace: float = 45.0, client: str = "", caching: bool = False) -> Session:
        """A session of its own, for locks that are to live and end together: `session.lock(…)`. It ends with this client, or by `close`.

        Args:
            lease: seconds, 1 to 60, after which the cell gives its locks up when it does not hear from this client.
            grace: seconds for which this client waits for the cell's verdict after that.
            client: what people are shown of it; empty: this machine's name and the process.
            caching: keep in memory what its nodes' `read` and `children` gave, and that a node is not there; a change of it, by whomever,
                waits until this is told, or its lease is over.  [CHUBBY §2.7]

        Raises:
            ConfigurationError: a time makes no sense.
        """
        made = LockSession.of(self._shell, timeout=self._timeout, lease_s=lease, grace_s=grace, client=client, caches=caching)
        self._sessions = [*(each for each in self._sessions if not each.is_over), made]
        return Session(made, self._naming)

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
        question = check_of(sequencer, name, shared=shared)
        if name is not None:
            await self._naming.check(name, self._seconds(timeout))
        return (await self._ask_locks(question, lock_api.Checked, timeout)).valid

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
        _, directory = split(path)
        await self._naming.check(path, self._seconds(timeout))
        found: list[NodeInfo] = []
        while True:
            after = found[-1].path.rpartition("/")[2] if found else ""
            page = await self._ask_locks(lock_api.ListNodes(directory, after), lock_api.Nodes, timeout)
            found += page.nodes
            if not page.more or not page.nodes:
                return found

    async def explain(
        self, *, session: int = 0, lock: str = "", sequencer: Sequencer | str | None = None, timeout: float | None = None
    ) -> Explanation:
        """Why a session or a grant ended: the facts, as the master keeps them. `gaios explain` makes sentences of them.

        Args:
            session: which session; or else
            lock: which lock, and
            sequencer: which grant of it, and who got it next; None: the newest grants.
            timeout: seconds.

        Raises:
            InvalidCommand: it is not said of what, or of both.
        """
        if bool(session) == bool(lock):
            raise InvalidCommand(reason="what is to be explained is a session or a lock")
        revision = check_of(sequencer, lock, shared=False).sequencer.revision if sequencer is not None and lock else 0
        question = Explain(session, path_of(lock) if lock else "", revision)
        await self._naming.check(lock, self._seconds(timeout))
        return await self._ask_locks(question, Explanation, timeout)

    def _own_session(self) -> Session:
        self._own = self._own or self.session()
        return self._own

    def _own_locking(self) -> Locking:
        return self._own_session().locking

    async def _ask_locks(self, question: lock_api.LockQuestion, kind: type[T], timeout: float | None) -> T:
        holding.check()
        return expect(kind, lock_api.decode_answer(await self._shell.call(READ, lock_api.encode(question), self._seconds(timeout))))
