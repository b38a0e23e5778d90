"""The master's gate before changes of nodes: who may have cached what changes forgets it first.  [CHUBBY §2.7; SAFETY 24]

    admit · fetch · heard · listed · charge · ended  ──►  Gate  ──►  take() -> commands that may be proposed now
                                                           │
                                      what the applied log says of nodes and sessions (`Book`)

Rule 1. A session may keep an answer only if that was asked for through `fetch`, in this reign, after it had told that it knows of the reign
(so that it kept nothing older), while no change of the node was held or under way. Else the answer is *uncachable*: no read waits.
Rule 2. A change is proposed when each session that may keep what it changes has acknowledged the notice to forget it, or its lease is over.
Rule 3. A lease is over when its length has passed since the newest charge that lists the session was proposed: its client counts from
earlier, and answers from its cache no longer.
Rule 4. At the beginning of a reign every caching session may keep anything, until it says that it knows of the reign, or its lease counted
from then is over. Every lock command is bound to its reign by the log, so that no change from before comes to light later.
Rule 5. A charge that would change what is cached is made *quiet* instead: leases go on, nobody ends yet.
Rule 6. Everything is bounded: beyond it answers are uncachable, and commands `Overloaded`.  [SAFETY 28]

Left out on purpose: which nodes a command changes (affects.py), how notices travel (steward.py).
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Final, NamedTuple, Protocol

from gaios import lock_api
from gaios.caching import INVALIDATE, FindNode, decode_cached
from gaios.errors import InvalidCommand, Overloaded
from gaios.lock_api import Charge, CloseSession, LockCommand, Notice, Open, OpenSession
from gaios.locks.affects import NOTHING, Affected, Busy
from gaios.locks.marks import Marks

MS: Final = 1_000_000
FAR: Final = 1 << 62
CACHED_MAX: Final = 4_096
"""Nodes that one session may keep in mind."""
CACHED_TOTAL_MAX: Final = 1 << 18
"""And all sessions: some 50 MB."""
HELD_MAX: Final = 4_096
"""Commands that are held."""
HELD_BYTES_MAX: Final = 64 << 20
Token = Hashable
"""Who asked: a connection and its request."""


class Book(Protocol):
    """What the applied log says."""

    def caching(self) -> dict[int, int]:
        """Sessions that cache and live, and their leases in ms; not to be changed."""

    def lease_of(self, session: int, token: bytes) -> int:
        """A session's lease, ms; 0 when there is none of that number and token."""

    def path_of(self, session: int, handle: int) -> str:
        """Where a session's handle stands; empty when there is none."""

    def has_node(self, path: str) -> bool:
        """Is there a node?"""

    def has_session(self, session: int) -> bool:
        """Is there a session, be it ending?"""

    def affected(self, command: LockCommand, busy: Busy) -> Affected:
        """Which nodes' cached facts a client's command may change."""

    def affected_by_charge(self, charge: Charge, busy: Busy) -> Affected:
        """And a charge."""


class _Change(NamedTuple):
    """A command that is held or under way."""

    command: LockCommand | None
    """None: nobody cached when it came, and it was not looked at."""
    data: bytes
    affected: Affected


class _Cacher:
    """A caching session that may keep something."""

    __slots__ = ("acknowledged", "lease_ms", "nodes", "told", "until_ns")

    def __init__(self, lease_ms: int, now: int) -> None:
        self.lease_ms = lease_ms
        self.until_ns = now + lease_ms * MS
        """Its client's lease is over then, by this master's clock."""
        self.nodes: set[str] = set()
        """Of which it may keep something, and was not told to forget it."""
        self.told: dict[str, int] = {}
        """What it was told to forget and did not acknowledge, and the notice's number; empty: everything."""
        self.acknowledged = 0
        """Through which notice."""


class Gate:
    """See the module."""

    def __init__(self, book: Book | None, tell: Callable[[int, Notice], int], knows: Callable[[int], bool]) -> None:
        """`tell` sends a notice, and says its number; `knows`: whether a session has said that it knows of the reign."""
        self._book, self._tell, self._knows = book, tell, knows
        self._reign = 0
        self._cachers: dict[int, _Cacher] = {}
        self._cached: dict[str, set[int]] = {}
        """By node: who may keep something of it."""
        self._total = 0
        self._unaware: dict[int, int] = {}
        """Caching sessions that may keep what they read in an earlier reign, and until when."""
        self._held: dict[Token, _Change] = {}
        self._held_bytes = 0
        self._under_way: dict[Token, _Change] = {}
        self._unseen: set[Token] = set()
        """Under way, and not looked at: nobody cached when they came."""
        self._openers: dict[Token, int] = {}
        """Under way: those that open handles, of which session; or sessions, 0."""
        self._closing: dict[int, Affected] = {}
        """Sessions that were closed by commands under way, and may be ending after that."""
        self._marks = Marks()
        """Of what is held or under way."""
        self._charge: Affected = NOTHING
        """What the charge may change that is under way, or is to be proposed."""
        self._is_quiet = self._is_charge_unseen = False
        """The charge under way changes no node; nobody cached when it was proposed."""
        self.refused: list[Token] = []
        """Commands that were held when their reign ended, to be answered so by the shell."""

    # -- events ----------------------------------------------------------------------------------------------------------

    def begin(self, now: int, reign: int) -> None:
        """A reign begins or goes on; `now` is not before its epoch was applied."""
        if reign == self._reign or self._book is None:
            return
        self.end()
        self._reign = reign
        self._unaware = {session: now + lease_ms * MS for session, lease_ms in self._book.caching().items()}

    def end(self) -> None:
        """The reign is over."""
        self.refused += self._held
        for each in (
            self._cachers, self._cached, self._unaware, self._held, self._under_way, self._unseen, self._openers, self._closing, self._marks
        ):  # fmt: skip
            each.clear()
        self._total = self._held_bytes = self._reign = 0
        self._charge = NOTHING
        self._is_quiet = self._is_charge_unseen = False

    def admit(self, now: int, token: Token, command: bytes, data: bytes) -> bool:
        """A client's lock command came, in the entry `data`; whether it may be proposed now. Else `take` gives it.

        Raises:
            Overloaded: too much is held already.
        """
        assert self._book is not None
        assert not self.has(token)
        if not self._book.caching():
            self._unseen.add(token)
            return True
        try:
            asked = lock_api.decode_command(command)
        except InvalidCommand:
            return True  # it is refused where all commands are looked at
        affected = self._affected(asked)
        change = _Change(asked, data, affected)
        if not affected and affected is not None:
            self._go(token, change)
            return True
        if len(self._held) >= HELD_MAX:
            raise Overloaded(what="the gate before changes of nodes", limit=HELD_MAX, unit="commands that wait")
        if self._held_bytes + len(data) > HELD_BYTES_MAX:
            raise Overloaded(what="the gate before changes of nodes", limit=HELD_BYTES_MAX, unit="bytes of commands that wait")
        self._marks.add(affected)
        self._forget(affected)
        if not self._is_blocked(now, affected):
            self._go(token, change)
            return True
        self._held[token] = change
        self._held_bytes += len(data)
        return False

    @property
    def is_busy(self) -> bool:
        """Whether answers are to be told."""
        return bool(self._unseen or self._under_way or self._held)

    def has(self, token: Token) -> bool:
        """Whether a command of that token is held or under way."""
        return token in self._unseen or token in self._under_way or token in self._held

    def answered(self, token: Token) -> None:
        """A command that was admitted was answered: it is applied, or never will be in this reign."""
        if token in self._unseen:
            self._unseen.discard(token)
            return
        change = self._under_way.pop(token, None)
        if change is None:
            return
        self._openers.pop(token, None)
        if isinstance(change.command, CloseSession) and self._book is not None and self._book.has_session(change.command.session):
            # It is ending: charges go on with it, also such as were proposed when nobody knew.
            before = self._closing.get(change.command.session, NOTHING)
            self._closing[change.command.session] = None if before is None or change.affected is None else before | change.affected
            self._marks.add(self._closing[change.command.session])
            self._marks.remove(before)
        self._marks.remove(change.affected)

    def fetch(self, now: int, reign: int, question: bytes) -> tuple[bytes, bool]:
        """A caching session would like to keep an answer: the question, and whether it may. Raises `InvalidCommand`: it is no such one."""
        inner = decode_cached(question)
        asked = lock_api.decode_question(inner)
        if not isinstance(asked, lock_api.GetContentsAndStat | lock_api.ReadDir | FindNode):
            raise InvalidCommand(reason=f"the answer to a {type(asked).__name__} is not one to keep")
        self.begin(now, reign)
        if not reign or self._book is None:
            return inner, False
        path = asked.path if isinstance(asked, FindNode) else self._book.path_of(asked.session, asked.handle)
        return inner, bool(path) and self._register(now, asked.session, asked.token, path)

    def heard(self, session: int, told: int) -> None:
        """A session that knows of the reign has seen every notice through this one."""
        self._unaware.pop(session, None)
        cacher = self._cachers.get(session)
        if cacher is not None and told > cacher.acknowledged:
            cacher.acknowledged = told
            for path in [path for path, number in cacher.told.items() if number <= told]:
                del cacher.told[path]

    def listed(self, now: int, sessions: Iterable[int]) -> None:
        """A charge is proposed that lists them."""
        if self._cachers:
            for session in sessions:
                cacher = self._cachers.get(session)
                if cacher is not None:
                    cacher.until_ns = now + cacher.lease_ms * MS

    def ended(self, session: int) -> None:
        """A session is over: so was its client's lease, or its client has closed it."""
        self._unaware.pop(session, None)
        self._drop(session)

    def charge(self, now: int, charge: Charge) -> bool:
        """A charge is to be proposed; whether it may change nodes, else it has to be quiet."""
        book = self._book
        if book is None:
            return True
        self._is_charge_unseen = not book.caching()
        if self._is_charge_unseen:
            return True
        self._marks.remove(self._charge)
        self._charge = book.affected_by_charge(charge, self._is_busy)
        self._marks.add(self._charge)
        self._forget(self._charge)
        self._is_quiet = not self.may_charge(now)
        return not self._is_quiet

    def charged(self) -> None:
        """The charge was answered. After a quiet one nobody begins to keep what the next is to change."""
        self._is_charge_unseen = False
        if not self._is_quiet:
            self._marks.remove(self._charge)
            self._charge = NOTHING

    def may_charge(self, now: int) -> bool:
        """Whether what makes a charge quiet is out of the way."""
        # A session may be ending soon that was closed when nobody looked.
        return not (self._unseen or self._is_blocked(now, self._charge))

    def take(self, now: int) -> list[tuple[Token, bytes]]:
        """Commands that were held and are to be proposed now, in this order."""
        if self._closing and self._book is not None:
            for session in [session for session in self._closing if not self._book.has_session(session)]:
                self._marks.remove(self._closing.pop(session))
        if not self._held:
            return []
        found: list[tuple[Token, bytes]] = []
        for token, held in list(self._held.items()):
            change = held
            assert change.command is not None
            affected = self._affected(change.command, change.affected)
            if affected != change.affected:
                # What it may change became more meanwhile.
                self._marks.add(affected)
                self._marks.remove(change.affected)
                self._forget(affected)
                change = self._held[token] = change._replace(affected=affected)
            if not self._is_blocked(now, affected):
                del self._held[token]
                self._held_bytes -= len(change.data)
                self._go(token, change)
                found.append((token, change.data))
        return found

    def due_ns(self) -> int:
        """When time alone may let something pass."""
        if not self._held:
            return FAR
        return min([each.until_ns for each in self._cachers.values() if each.told] + list(self._unaware.values()), default=0)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _is_busy(self, session: int) -> bool:
        """May a handle of that session (of any, for 0) be open soon of which the applied log does not know yet?"""
        if self._unseen or not self._openers:
            return bool(self._unseen)
        return not session or session in self._openers.values()

    def _affected(self, asked: LockCommand, before: Affected = NOTHING) -> Affected:
        assert self._book is not None
        if before is None:
            return None
        if (
            isinstance(asked, Open)
            and asked.create
            and not before
            and self._book.has_node(asked.path)
            and not (self._unseen or self._is_charge_unseen or self._marks.has(asked.path))
        ):
            return NOTHING  # it is there, and nothing under way takes it away
        affected = self._book.affected(asked, self._is_busy)
        return None if affected is None else affected | before

    def _go(self, token: Token, change: _Change) -> None:
        self._under_way[token] = change._replace(data=b"")
        if isinstance(change.command, Open):
            self._openers[token] = change.command.session
        elif isinstance(change.command, OpenSession):
            self._openers[token] = 0

    def _register(self, now: int, session: int, token: bytes, path: str) -> bool:
        assert self._book is not None
        lease_ms = self._book.caching().get(session, 0)
        if not lease_ms or not self._book.lease_of(session, token) or not self._knows(session):
            return False
        if self._unseen or self._is_charge_unseen or session in self._unaware or self._marks.has(path):
            return False
        cacher = self._cachers.get(session)
        if cacher is None:
            cacher = self._cachers[session] = _Cacher(lease_ms, now)
        if path not in cacher.nodes:
            if len(cacher.nodes) >= CACHED_MAX or self._total >= CACHED_TOTAL_MAX:
                return False
            cacher.nodes.add(path)
            self._cached.setdefault(path, set()).add(session)
            self._total += 1
        return True

    def _forget(self, affected: Affected) -> None:
        """Tell whoever may keep something of these nodes to forget it."""
        if affected is None:
            for session, cacher in self._cachers.items():
                if cacher.nodes:
                    for path in cacher.nodes:
                        self._leave(path, session)
                    cacher.nodes.clear()
                    cacher.told[""] = self._tell(session, Notice(0, INVALIDATE))
            return
        for path in sorted(affected & self._cached.keys()):
            for session in sorted(self._cached[path]):
                cacher = self._cachers[session]
                cacher.nodes.discard(path)
                self._leave(path, session)
                cacher.told[path] = self._tell(session, Notice(0, INVALIDATE, path))

    def _leave(self, path: str, session: int) -> None:
        self._cached[path].discard(session)
        if not self._cached[path]:
            del self._cached[path]
        self._total -= 1

    def _is_blocked(self, now: int, affected: Affected) -> bool:
        """Must a change wait for somebody?"""
        if affected is not None and not affected:
            return False
        for session in [session for session, until_ns in self._unaware.items() if until_ns <= now]:
            del self._unaware[session]
        if self._unaware:
            return True
        for session, cacher in list(self._cachers.items()):
            if cacher.told and (affected is None or "" in cacher.told or not affected.isdisjoint(cacher.told)):
                if cacher.until_ns > now:
                    return True
                # Its lease is over: it forgot everything. It comes back as one that keeps nothing.
                self._drop(session)
        return False

    def _drop(self, session: int) -> None:
        cacher = self._cachers.pop(session, None)
        if cacher is not None:
            for path in cacher.nodes:
                self._leave(path, session)
