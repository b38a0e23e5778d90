# Generated from the asyncio client by `python -m gaios.client.generate`. Do not edit.
"""The client without async: `gaios.sync.connect` and what it gives, a `Cell`.

    with gaios.sync.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        done = cell.put("greeting", "hello")

The asyncio client runs on a private loop in a thread of its own (bridge.py). A `Cell` may be shared by threads.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from gaios.api import CompactResult, Entry, MultiOpResult, Operation, Overview, Test
from gaios.client.arguments import Key, Value
from gaios.client.bridge import Lock, Twin, Watch
from gaios.client.bridge_nodes import Node, Session
from gaios.client.held import OnJeopardy
from gaios.client.members import Change, Members
from gaios.client.node_events import Wanted
from gaios.client.opening import Create
from gaios.client.recipes.bridge import OnChange, Partitioner, PrefixCache, Singleton
from gaios.client.recipes.cache import LIMIT_BYTES
from gaios.client.recipes.once import Mark
from gaios.client.recipes.sync import Barrier, Counter, DoubleBarrier, Election, Group, Once, Queue, RWLock, Semaphore
from gaios.client.results import Deleted, Done, Entries, Number, Swapped
from gaios.client.status import CellStatus
from gaios.explanation import Explanation
from gaios.lock_api import NodeInfo, Sequencer, SessionInfo
from gaios.typed.words import Command, Query, R


def connect(endpoints: str | Iterable[str], *, timeout: float = 10.0) -> "Cell":
    """A client of the cell at these endpoints; use it with `with`.

    Nothing is waited for here: the first call finds the master. One endpoint that answers is enough, for it names the master.

    Args:
        endpoints: `HOST:PORT,HOST:PORT`, or a list of `HOST:PORT`.
        timeout: seconds that a call may take when it names none itself.

    Raises:
        ConfigurationError: endpoints or time-out make no sense.
    """
    return Cell(endpoints, timeout=timeout)


class Cell(Twin):
    """A cell, as a client sees it. Keys and values are bytes; text is encoded as UTF-8. Every method but `status` takes `timeout`, in s."""

    def put(self, key: Key, value: Value, *, timeout: float | None = None) -> Done:
        """Set a key."""
        return self._run(self._cell.put(key, value, timeout=timeout))

    def delete(self, key: Key, end: Key | None = None, *, prefix: bool = False, timeout: float | None = None) -> Deleted:
        """Delete a key; with `end` every key of `[key, end)`, with `prefix` every key that begins with it."""
        return self._run(self._cell.delete(key, end, prefix=prefix, timeout=timeout))

    def cas(
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
        return self._run(
            self._cell.cas(key, value, mod_revision=mod_revision, version=version, absent=absent, expected=expected, timeout=timeout)
        )

    def increment(self, key: Key, by: int = 1, *, timeout: float | None = None) -> Number:
        """Add to a counter, kept as decimal text; an absent key counts as 0.

        Raises:
            NotANumber: the value is none, or would leave the signed 64-bit range.
        """
        return self._run(self._cell.increment(key, by, timeout=timeout))

    def multiop(
        self,
        guard: Iterable[Test] = (),
        then: Iterable[Operation] = (),
        otherwise: Iterable[Operation] = (),
        *,
        timeout: float | None = None,
    ) -> MultiOpResult:
        """If all of `guard` holds, `then`, else `otherwise`: in order, atomically, at one revision.  [PML §5.6]"""
        return self._run(self._cell.multiop(guard, then, otherwise, timeout=timeout))

    def compact(self, revision: int, *, timeout: float | None = None) -> CompactResult:
        """Drop history before a revision: reads and watches below it are refused from then on."""
        return self._run(self._cell.compact(revision, timeout=timeout))

    def get(self, key: Key, *, revision: int = 0, timeout: float | None = None) -> Entry | None:
        """A key's entry, now or as of a revision; None where there is none."""
        return self._run(self._cell.get(key, revision=revision, timeout=timeout))

    def range(
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
        return self._run(self._cell.range(start, end, prefix=prefix, limit=limit, keys_only=keys_only, revision=revision, timeout=timeout))

    def entries(
        self,
        start: Key | None = None,
        end: Key | None = None,
        *,
        prefix: Key | None = None,
        limit: int = 0,
        keys_only: bool = False,
        revision: int = 0,
        timeout: float | None = None,
    ) -> Iterator[Entry]:
        """As `range`, one entry after the other, holding no more than a page of them; `timeout` counts for each page."""
        return self._iterate(
            self._cell.entries(start, end, prefix=prefix, limit=limit, keys_only=keys_only, revision=revision, timeout=timeout)
        )

    def overview(self, *, timeout: float | None = None) -> Overview:
        """The database's revision, compaction point, epoch, number of keys and checksum."""
        return self._run(self._cell.overview(timeout=timeout))

    def watch(
        self,
        key: Key,
        end: Key | None = None,
        *,
        prefix: bool = False,
        from_revision: int = 0,
        timeout: float | None = None,
    ) -> Watch:
        """Every change of a key (of `[key, end)`; of all keys with a prefix), in order, once, without gaps.

        Use it with `for`. It survives lost connections and masters, and waits for a cell that is away. With `with` around it,
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
        return Watch(self, self._cell.watch(key, end, prefix=prefix, from_revision=from_revision, timeout=timeout))

    def lock(
        self,
        name: str,
        *,
        shared: bool = False,
        wait: float | None = None,
        lock_delay: float = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Lock:
        """A lock, to be held by `with cell.lock(name) as held`: `held.sequencer`, `held.check()`, `held.lost`.  [CHUBBY §2.4]

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
        return Lock(self, self._cell.lock(name, shared=shared, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))

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
    ) -> Node:
        """Open a node: a file, a directory, its lock, its events.  [CHUBBY §2.6]

        `with cell.open("/ls/local/svc/primary", create=True) as node:`. It is open in this client's session, as its locks are.

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
        return Node(
            self,
            self._cell.open(
                path,
                create=create,
                directory=directory,
                ephemeral=ephemeral,
                contents=contents,
                write=write,
                events=events,
                lock_delay=lock_delay,
                acl=acl,
                timeout=timeout,
            ),
        )

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
        return Session(self, self._cell.session(lease=lease, grace=grace, client=client, caching=caching))

    def check(self, sequencer: Sequencer | str, name: str | None = None, *, shared: bool = False, timeout: float | None = None) -> bool:
        """Whether a grant is still held: for whoever receives a sequencer, and has to know before it acts.  [CHUBBY §2.4]

        Args:
            sequencer: `held.sequencer`, or its text `GENERATION.REVISION`.
            name: of which lock, where it is text.
            shared: whether it was shared, where it is text.
            timeout: seconds.
        """
        return self._run(self._cell.check(sequencer, name, shared=shared, timeout=timeout))

    def sessions(self, *, timeout: float | None = None) -> list[SessionInfo]:
        """Every session of the lock service, in order, as the cell shows them to people; `timeout` counts for each page."""
        return self._run(self._cell.sessions(timeout=timeout))

    def nodes(self, path: str = "/ls/local", *, timeout: float | None = None) -> list[NodeInfo]:
        """What stands in a directory of the lock service, in order, and who holds it; `timeout` counts for each page."""
        return self._run(self._cell.nodes(path, timeout=timeout))

    def explain(
        self,
        *,
        session: int = 0,
        lock: str = "",
        sequencer: Sequencer | str | None = None,
        timeout: float | None = None,
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
        return self._run(self._cell.explain(session=session, lock=lock, sequencer=sequencer, timeout=timeout))

    def rwlock(self, name: str) -> RWLock:
        """A lock for readers and writers: `with cell.rwlock(name).read() as held`, or `.write()`.

        It is the lock `cell.lock(name)` in its two modes. Readers that came after a writer wait behind it: none starves.
        """
        return RWLock(self, self._cell.rwlock(name))

    def singleton(self, name: str, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Singleton:
        """A decorator: the function runs in one place at a time, under the lock `name`, and gets `held` as its first argument.

        Args:
            name: of the lock; as `lock` has it.
            wait: as `lock` has it: a call that does not get it in time raises `NotAcquired`.
            lock_delay: as `lock` has it.
            on_jeopardy: as `lock` has it.
        """
        return Singleton(self, self._cell.singleton(name, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))

    def once(
        self,
        name: str,
        *,
        every: float | timedelta,
        mark: Mark = "end",
        wait: float | None = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Once:
        """A period's run, for whoever gets to it first: `with cell.once(name, every=3600) as turn`.

        Args:
            name: of what is done.
            every: the period, seconds. Periods are numbered from 1970 on by the clock of this machine: `turn.period`.
            mark: when the period counts as done: at the "end" of a body that raises nothing, so that somebody repeats a run that failed; or
                at its "begin", so that nobody does.
            wait: seconds to wait for a run that is under way elsewhere, to see what becomes of it; 0: `NotAcquired` at once.
            on_jeopardy: as `lock` has it.

        Raises:
            NotDue: (when it is entered) it was done in this period.
            NotAcquired: (when it is entered) it is being done.
            StaleSequencer: (when it is left) the lock was lost before the period could be marked: it may be done once more.
        """
        return Once(self, self._cell.once(name, every=every, mark=mark, wait=wait, on_jeopardy=on_jeopardy))

    def semaphore(self, name: str, permits: int) -> Semaphore:
        """So many permits, given in order of arrival: `with cell.semaphore(name, 5).permit() as held`.

        Args:
            name: of the semaphore.
            permits: how many may be held at a time, 1 to 1,000; all who use it have to say the same.
        """
        return Semaphore(self, self._cell.semaphore(name, permits))

    def election(self, name: str) -> Election:
        """One leader at a time: `with election.lead(value) as held`, and everybody sees who, by `election.observe()`."""
        return Election(self, self._cell.election(name))

    def queue(self, name: str) -> Queue:
        """A queue: `await queue.put(value)`, and `with queue.get() as item`. An item is gone when it was acknowledged, not before."""
        return Queue(self, self._cell.queue(name))

    def group(self, name: str) -> Group:
        """Who is there: `with group.join(value) as held`, `await group.members()`; `group.watch()` tells whenever that changes."""
        return Group(self, self._cell.group(name))

    def barrier(self, name: str) -> Barrier:
        """A barrier: `create`, `remove`, and `wait` until it is removed. It stands until then, whatever becomes of its creator."""
        return Barrier(self, self._cell.barrier(name))

    def double_barrier(self, name: str, parties: int, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> DoubleBarrier:
        """A place that so many enter together and leave together: `with cell.double_barrier(name, 3) as held`.

        Args:
            name: of the barrier.
            parties: how many, 1 to 60; all who use it have to say the same.
            wait: seconds to wait for the others to come; None: as long as it takes. To leave, one waits until all have left, or died.
            on_jeopardy: as `lock` has it.

        Raises:
            NotInTime: (when it is entered) not all came in time.
            Disagreement: (when it is entered) others say that they are another number.
        """
        return DoubleBarrier(self, self._cell.double_barrier(name, parties, wait=wait, on_jeopardy=on_jeopardy))

    def partitioner(self, name: str, partitions: int) -> Partitioner:
        """Partitions that the members of a group divide among themselves: `await cell.partitioner(name, 16).run(work)`.

        Args:
            name: of the partitioner.
            partitions: how many, 1 to 1,024; all who use it have to say the same.
        """
        return Partitioner(self, self._cell.partitioner(name, partitions))

    def counter(self, key: Key) -> Counter:
        """The number at a key: `add` and `value`; `add(held=…)` only while a lock is held."""
        return Counter(self, self._cell.counter(key))

    def cached(self, prefix: Key, *, limit_bytes: int = LIMIT_BYTES) -> PrefixCache:
        """The keys of a prefix in memory, kept up to date: `with cell.cached(prefix) as cache`, and `cache.get(key)`.

        Args:
            prefix: of which keys; empty: of all.
            limit_bytes: what it may take: keys, values, and 200 bytes for each.

        Raises:
            TooMuchWork: (when it is entered, or read) there is more than it may take.
        """
        return PrefixCache(self, self._cell.cached(prefix, limit_bytes=limit_bytes))

    def on_change(self, key: Key, end: Key | None = None, *, prefix: bool = False) -> OnChange:
        """A decorator: the function is called with an `Event` for what stands, and then for each change, in order; gives a `Watcher`.

        Unlike `watch`, it outlives compactions: then it is told which keys are different. It ends with this client, or by `aclose`.

        Args:
            key: the key, or the first of a range, or a prefix.
            end: the first key that is left out.
            prefix: `key` is a prefix.
        """
        return OnChange(self, self._cell.on_change(key, end, prefix=prefix))

    def submit(self, command: Command[R], *, timeout: float | None = None) -> R:
        """Replicate a command, exactly once; the machine's reply.

        Raises:
            InvalidCommand: its fields make no sense, or the cell's machine knows no such command.
            Error: what the machine refused with.
        """
        return self._run(self._cell.submit(command, timeout=timeout))

    def query(self, question: Query[R], *, timeout: float | None = None) -> R:
        """Ask the machine; the answer covers all that was answered before.

        Raises:
            InvalidCommand: its fields make no sense, or the cell's machine knows no such query.
            Error: what the machine refused with.
        """
        return self._run(self._cell.query(question, timeout=timeout))

    def members(self) -> Members:
        """Who the members are, by the newest word of those replicas that answer within a second.

        Raises:
            Unavailable: none answered.
        """
        return self._run(self._cell.members())

    def add_member(self, replica: int, *, client: str, peer: str, admin: str, timeout: float | None = None) -> Change:
        """Have a new member, a learner until it has caught up, in the free place of this replica id, at these addresses (`HOST:PORT`).

        Asked again, for a place where a learner waits at the same peer address, it gives that one's invitation anew.

        Raises:
            InvalidCommand: the place or an address is taken, or there is no room.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """
        return self._run(self._cell.add_member(replica, client=client, peer=peer, admin=admin, timeout=timeout))

    def replace_member(
        self,
        replica: int,
        *,
        member: int | None = None,
        client: str = "",
        peer: str = "",
        admin: str = "",
        timeout: float | None = None,
    ) -> Change:
        """Have a new member in the place of one whose disk is lost, or that is to go: in one step, where the old one was unless told.

        The old one is counted no more from then on, the new one votes once it has caught up; any master goes on with that.
        Asked again while the new one is a learner, it gives that one's invitation anew; at other addresses than the learner's, it replaces
        the learner. With `member` it replaces that one alone: asked again, whoever is in its place by then is told.

        Raises:
            InvalidCommand: nobody is in that place, an address is taken, or no voter would be left.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """
        return self._run(self._cell.replace_member(replica, member=member, client=client, peer=peer, admin=admin, timeout=timeout))

    def remove_member(self, replica: int, *, timeout: float | None = None) -> Change:
        """Take the member in this place out of the cell. It stops by itself once the others have all that it has.

        Raises:
            InvalidCommand: nobody is in that place, or no voter would be left.
            Unavailable: no master carried it out in time, and it will not be.
            Unknown: it may have been carried out, or may yet be.
        """
        return self._run(self._cell.remove_member(replica, timeout=timeout))

    def status(self) -> CellStatus:
        """What every replica says of itself, asked for at most a second, put together.

        Raises:
            Unavailable: none answered.
        """
        return self._run(self._cell.status())
