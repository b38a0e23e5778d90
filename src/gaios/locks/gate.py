"""The master's gate before changes of nodes: who may have cached what changes forgets it first.  [CHUBBY §2.7; SAFETY 24]

    admit · fetch · heard · listed · charge · ended  ──►  Gate  ──►  take() -> commands that may be proposed now
                                                           │
                                      what the applied log says of nodes and sessions (`Book`)

Rule 1. A session may keep an answer only if that was asked for through `fetch`, in this reign, after it had told that it knows of the reign
(so that it kept nothing older), while no change of the node was held or under way. Else the answer is *uncachable*: no read waits.
Rule 2. A change is proposed when each session that may keep what it changes has acknowledged the notice to forget it, or the lease is over
that it had when it was told.
Rule 3. A lease is over when its length has passed since the newest charge that lists the session was proposed: its client counts from
earlier, and answers from its cache no longer. A later charge extends it by an answer that tells of the notice: then it forgot.
Rule 4. At the beginning of a reign every caching session may keep anything, until it says that it knows of the reign, or its lease counted
from then is over. Every lock command is bound to its reign by the log, so that no change from before comes to light later.
Rule 5. A charge that would change what is cached is made *quiet* instead: leases go on, nobody ends yet.
Rule 6. A charge goes into the log ahead of what waits for a slot: it is quiet also while that rests on what it would take away.
Rule 7. Everything is bounded: beyond it answers are uncachable, and commands `Overloaded`.  [SAFETY 28]

Left out on purpose: which nodes a command changes (affects.py), who may keep what (cachers.py), how notices travel (steward.py).
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Final, NamedTuple, Protocol

from gaios import lock_api
from gaios.caching import FindNode, decode_cached
from gaios.errors import InvalidCommand, Overloaded
from gaios.lock_api import Charge, CloseSession, LockCommand, Notice, Open, OpenSession
from gaios.locks import limits
from gaios.locks.affects import NOTHING, Affected, Busy
from gaios.locks.cachers import FAR, MS, Cachers
from gaios.locks.marks import Marks

HELD_MAX: Final = 4_096
"""Commands that are held."""
HELD_BYTES_MAX: Final = 64 << 20
"""Of their entries."""
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

    def is_ending(self, session: int) -> bool:
        """Is there a session that is over, and not all of it gone?"""

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


class Gate:
    """See the module."""

    def __init__(self, book: Book | None, tell: Callable[[int, Notice], int], knows: Callable[[int], bool]) -> None:
        """`tell` sends a notice, and says its number; `knows`: whether a session has said that it knows of the reign."""
        self._book, self._knows = book, knows
        self._reign = 0
        self._cachers = Cachers(tell)
        self._unaware: dict[int, int] = {}
        """Caching sessions that may keep what they read in an earlier reign, and until when."""
        self._held: dict[Token, _Change] = {}
        self._held_bytes = 0
        self._is_stirred = False
        """Somebody was waited for, and is not any more."""
        self._under_way: dict[Token, _Change] = {}
        self._unseen: set[Token] = set()
        """Under way, and not looked at: nobody cached when they came."""
        self._openers: dict[Token, int] = {}
        """Under way: those that open handles, of which session; or sessions, 0."""
        self._resting: dict[Token, str] = {}
        """Under way: those that would create a node if it were not there, and which; they were let pass because nothing took it away."""
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
        if not self._reign:
            return
        self.refused += self._held
        for each in (
            self._cachers, self._unaware, self._held, self._under_way, self._unseen, self._openers, self._resting, self._closing,
            self._marks,
        ):  # fmt: skip
            each.clear()
        self._held_bytes = self._reign = 0
        self._is_stirred = False
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
        if isinstance(asked, CloseSession) and self._book.lease_of(asked.session, asked.token):
            self.ended(asked.session)  # its client forgot everything, and says no more
        affected = self._affected(asked)
        change = _Change(asked, data, affected)
        if not affected and affected is not None:
            self._go(token, change)
            return True
        self._cachers.forget(affected)
        if not self._is_blocked(now, affected):
            self._marks.add(affected)
            self._go(token, change)
            return True
        if len(self._held) >= HELD_MAX:
            raise Overloaded(what="the gate before changes of nodes", limit=HELD_MAX, unit="commands that wait")
        if self._held_bytes + len(data) > HELD_BYTES_MAX:
            raise Overloaded(what="the gate before changes of nodes", limit=HELD_BYTES_MAX, unit="bytes of commands that wait")
        self._marks.add(affected)
        self._held[token] = change
        self._held_bytes += len(data)
        return False

    @property
    def is_idle(self) -> bool:
        """Whether no reign is on, as far as is known here, and nothing that one held is to be answered."""
        return not (self._reign or self.refused)

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
        self._resting.pop(token, None)
        if isinstance(change.command, CloseSession) and self._book is not None and self._book.is_ending(change.command.session):
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
        limits.check_question(asked)
        self.begin(now, reign)
        if not reign or self._book is None:
            return inner, False
        path = asked.path if isinstance(asked, FindNode) else self._book.path_of(asked.session, asked.handle)
        return inner, bool(path) and self._register(now, asked.session, asked.token, path)

    def heard(self, session: int, told: int) -> None:
        """A session that knows of the reign has seen every notice through this one."""
        was_unaware = self._unaware.pop(session, None) is not None
        self._is_stirred |= self._cachers.acknowledged(session, told) or was_unaware

    def listed(self, now: int, sessions: Iterable[int]) -> None:
        """A charge is proposed that lists them."""
        self._cachers.listed(now, sessions)

    def ended(self, session: int) -> None:
        """A session is over: so was its client's lease, or its client has closed it."""
        self._unaware.pop(session, None)
        self._cachers.drop(session)
        self._is_stirred = True

    def charge(self, now: int, charge: Charge) -> bool:
        """A charge is to be proposed; whether it may change nodes, else it has to be quiet."""
        book = self._book
        if book is None:
            return True
        # Of the charge before; if that was quiet its marks are still there.
        self._marks.remove(self._charge)
        self._charge, self._is_quiet = NOTHING, False
        self._is_charge_unseen = not book.caching()
        if self._is_charge_unseen:
            return True
        self._charge = book.affected_by_charge(charge, self._is_busy)
        self._marks.add(self._charge)
        self._cachers.forget(self._charge)
        self._is_quiet = not self.may_charge(now)
        self._is_stirred |= self._cachers.drop_lapsed(now)
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
        return not (self._unseen or self._takes_away() or self._is_blocked(now, self._charge))

    def take(self, now: int) -> list[tuple[Token, bytes]]:
        """Commands that were held and are to be proposed now, in this order."""
        if self._closing and self._book is not None:
            for session in [session for session in self._closing if not self._book.is_ending(session)]:
                self._marks.remove(self._closing.pop(session))
        if not self._held or not (self._is_stirred or now >= self.due_ns()):
            return []
        self._is_stirred = False
        found: list[tuple[Token, bytes]] = []
        for token, held in list(self._held.items()):
            change = held
            assert change.command is not None
            if self._is_blocked(now, change.affected):
                continue
            affected = self._affected(change.command, change.affected)
            if affected != change.affected:
                # What it may change became more meanwhile.
                self._marks.add(affected)
                self._marks.remove(change.affected)
                self._cachers.forget(affected)
                change = self._held[token] = change._replace(affected=affected)
            if not self._is_blocked(now, affected):
                del self._held[token]
                self._held_bytes -= len(change.data)
                self._go(token, change)
                found.append((token, change.data))
        self._cachers.drop_lapsed(now)
        return found

    def due_ns(self) -> int:
        """When time alone may let something pass."""
        if not self._held:
            return FAR
        return min(self._cachers.due_ns(), min(self._unaware.values(), default=FAR))

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
            if change.command.create and not change.affected and change.affected is not None:
                self._resting[token] = change.command.path
        elif isinstance(change.command, OpenSession):
            self._openers[token] = 0

    def _register(self, now: int, session: int, token: bytes, path: str) -> bool:
        assert self._book is not None
        lease_ms = self._book.caching().get(session, 0)
        if not lease_ms or not self._book.lease_of(session, token) or not self._knows(session):
            return False
        if self._unseen or self._is_charge_unseen or session in self._unaware or self._marks.has(path):
            return False
        return self._cachers.add(now, session, lease_ms, path)

    def _takes_away(self) -> bool:
        """May the charge take a node away on which something under way rests?"""
        if self._charge is None:
            return bool(self._resting)
        return bool(self._resting) and not self._charge.isdisjoint(self._resting.values())

    def _is_blocked(self, now: int, affected: Affected) -> bool:
        """Must a change wait for somebody?"""
        if affected is not None and not affected:
            return False
        for session in [session for session, until_ns in self._unaware.items() if until_ns <= now]:
            del self._unaware[session]
            self._is_stirred = True
        return bool(self._unaware) or self._cachers.is_waited_for(now, affected)
