"""The master's side of sessions: who was heard from, what each is told, when their clock goes on.  [CHUBBY §2.8, §2.9; SAFETY 14, 21, 28]

    keepalive · tell · charged  ──►  Steward  ──►  take() -> answers to KeepAlives; charges, by `propose`
                                        │
                                  what the applied log says of sessions (`Book`)

There is one at every replica; it acts during a reign only. What it knows is what may be lost with the master: the KeepAlives that it holds,
and notices that were not told yet.

Rule 1. A charge is due a quarter of the shortest lease after the one before, or when a lock-delay ends; one is under way at a time.
Rule 2. A charge charges the time since the one before was proposed, and never more than was due: who slept charges nobody for it, and hears
first who waited in its sockets meanwhile. The first of a reign charges nothing, nor does the first after nobody needed a clock.
Rule 3. A KeepAlive is *listed* by a charge that is proposed after it came. It is answered when that is chosen, or at once when there is
something to tell.
Rule 4. Whoever comes for the first time in a reign is told of the reign, and from then on of what happens; what happened before, nobody
promised to tell.
Rule 5. Too many notices are not kept: they are dropped together, and the session is told that they were.
Rule 6. Who is to end by a charge, and takes nodes along that others may have cached, ends by a later one: see gate.py.
Rule 7. An answer that extends a lease tells all that there is to tell; one that leaves something out says of no newer KeepAlive that it is
listed. So a client that believes in a longer lease has been told what to forget, and the gate need not wait for its word (cachers.py).
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from gaios import errors, lock_api
from gaios.api import RESERVED_PREFIX, Event
from gaios.lock_api import Charge, Charged, Notice
from gaios.locks import heard
from gaios.locks.cachers import FAR
from gaios.locks.change import Ended, Told
from gaios.locks.gate import Book as GateBook
from gaios.locks.gate import Gate
from gaios.transport import EXPIRED, NOTICES_MAX, KeepAlive, KeptAlive, Status, encode_kept_alive

MS: Final = 1_000_000
"""Nanoseconds in a millisecond."""
NOTICES_KEPT: Final = 1_024
"""Of one session: four answers' worth."""
NOTICES_KEPT_TOTAL: Final = 1 << 18
"""Of all sessions: some 50 MB."""
ANSWERS_A_TURN: Final = 512
"""KeepAlives that are answered in one go: some 5 ms. A charge that lists twenty thousand must not hold up a heartbeat."""

Sender = Hashable
"""Who sent a KeepAlive: a connection and its request."""
Propose = Callable[[int, bytes], None]
"""A charge's number, and the command."""


class Reply(NamedTuple):
    """What a KeepAlive is answered."""

    sender: Any
    status: int
    body: bytes


class Book(GateBook, Protocol):
    """What the applied log says of sessions."""

    @property
    def changes(self) -> int:
        """How many commands changed what is the lock service's."""

    @property
    def clock_ms(self) -> int:
        """The sessions' clock."""

    @property
    def shortest_lease_ms(self) -> int:
        """Of all sessions that live; 0 when none does."""

    @property
    def delay_until_ms(self) -> int:
        """When the next lock-delay ends, by the sessions' clock; 0 when there is none."""

    def lease_of(self, session: int, token: bytes) -> int:
        """A session's lease, ms; 0 when there is none of that number and token."""


class _Known:
    """A session that was heard from in this reign."""

    __slots__ = ("is_aware", "lease_ms", "listed", "lost", "notices", "number", "proposed", "said", "sender", "told")

    def __init__(self) -> None:
        self.is_aware = False
        """It has said that it knows of this reign."""
        self.lease_ms = 0
        self.sender: Sender | None = None
        """Of the KeepAlive that is held."""
        self.number = 0
        """Of the newest KeepAlive."""
        self.proposed = 0
        """Of the newest that a charge under way lists."""
        self.listed = 0
        """Of the newest that a chosen charge lists."""
        self.said = 0
        """Of the newest that was said to be listed, with all that there was to tell."""
        self.notices: deque[Notice] = deque()
        self.told = 0
        """How many there were in this reign before the first that is kept."""
        self.lost = 0
        """How many there were when some were dropped; 0 once the session knows that."""


class Steward:
    """See the module."""

    def __init__(self, book: Book | None, propose: Propose) -> None:
        """No `book`: no sessions. `propose` puts a command of this master's own into the log, and tells `charged` what became of it."""
        self._book, self._propose = book, propose
        self.gate = Gate(book, self.tell, self.knows)
        self._reign = 0
        self._known: dict[int, _Known] = {}
        self._heard: dict[int, None] = {}
        """Sessions to be listed by the next charge."""
        self._charging: dict[int, None] | None = None
        """Those that the charge under way lists."""
        self._ready: dict[int, None] = {}
        """Sessions whose KeepAlive is to be answered."""
        self._replies: list[Reply] = []
        self._kept = 0
        """Notices of all sessions."""
        self._charged_ns = 0
        """Through this time, by this master's clock, everything is charged, or never will be."""
        self._due_ns = FAR
        """When the next charge is due."""
        self._is_idle = True
        """Nobody needs the clock."""
        self._is_first = self._is_stale = False
        """The reign's first charge is due; the book may say something new."""
        self._is_quiet = False
        """The newest charge was to change no node."""
        self._changes = 0
        """Of the book, whose effects were seen: at most turns there is none, and every replica comes by."""
        self.charges = 0
        """Charges proposed."""

    def __len__(self) -> int:
        """Sessions that were heard from in this reign."""
        return len(self._known)

    # -- events ----------------------------------------------------------------------------------------------------------

    def keepalive(self, sender: Sender, keepalive: KeepAlive, *, reign: int, leased: bool) -> None:
        """A KeepAlive came; `reign` is the ballot while this replica is master with its epoch applied, else 0.

        That a session is unknown is final, and so said under the `leased` master's lease only.
        """
        if self._book is None:
            reason = "this cell's machine has no sessions"
            self._replies.append(Reply(sender, Status.INVALID, errors.pack(errors.InvalidCommand(reason=reason))))
            return
        if not reign:
            self._replies.append(Reply(sender, Status.NOT_MASTER, b""))
            return
        self._begin(reign)
        session = keepalive.session
        lease_ms = self._book.lease_of(session, keepalive.token)
        if not lease_ms:
            reply = Reply(sender, Status.DONE, encode_kept_alive(EXPIRED)) if leased else Reply(sender, Status.UNAVAILABLE, b"")
            self._replies.append(reply)
            return
        known = self._known.get(session)
        if known is None:
            known = self._known[session] = _Known()
        if known.sender is not None and known.sender != sender:
            self._answer(known)
        known.sender, known.lease_ms = sender, lease_ms
        self._heard[session] = None
        again = known.number == keepalive.number <= known.listed
        known.number = max(known.number, keepalive.number)
        if keepalive.epoch != reign:
            # It may have been told of the reign already, and this KeepAlive be from before that, late: what it is not told any more, it is
            # told to be lost, however many such come.
            self._forget(known, lost=bool(known.notices or known.lost))
            self._ready[session] = None
            return
        known.is_aware = True
        self.gate.heard(session, keepalive.told)
        self._acknowledge(known, keepalive.told)
        if again or known.notices or known.lost:
            self._ready[session] = None

    def applied(self, effects: Sequence[Any]) -> None:
        """What the machine's effects mean for sessions."""
        if self._book is None or self._book.changes == self._changes:
            return
        self._changes = self._book.changes
        for effect in effects:
            if type(effect) is Event:
                if effect.key.startswith(RESERVED_PREFIX):
                    self._is_stale = self._reign != 0
            elif type(effect) is Told:
                self.tell(*effect)
            elif type(effect) is Ended:
                self.ended(effect.session)

    def knows(self, session: int) -> bool:
        """Whether a session has said that it knows of this reign."""
        known = self._known.get(session)
        return known is not None and known.is_aware

    def tell(self, session: int, notice: Notice) -> int:
        """A session is to be told something; the notice's number in this reign, 0: it is not told.

        Only whoever was heard from in this reign is told: others are told of the reign first.
        """
        known = self._known.get(session)
        if known is None:
            return 0
        if len(known.notices) >= NOTICES_KEPT or self._kept >= NOTICES_KEPT_TOTAL:
            self._forget(known, lost=True)
        else:
            known.notices.append(notice)
            self._kept += 1
        if known.sender is not None:
            self._ready[session] = None
        return known.told + len(known.notices)

    def changed(self) -> None:
        """Sessions began or ended, or lock-delays did: look into the book."""
        self._is_stale = True

    def ended(self, session: int) -> None:
        """A session is over: its client, if it still asks, is told so."""
        self.gate.ended(session)
        known = self._known.pop(session, None)
        self._heard.pop(session, None)
        self._ready.pop(session, None)
        if known is not None:
            self._kept -= len(known.notices)
            if known.sender is not None:
                self._replies.append(Reply(known.sender, Status.DONE, encode_kept_alive(EXPIRED)))

    def charged(self, now: int, number: int, status: int, body: bytes) -> None:
        """A charge was answered."""
        if number != self.charges or self._charging is None:
            return
        listed, self._charging = self._charging, None
        self._is_stale = True
        self.gate.charged()
        if status != Status.DONE:
            # Refused, or the reign is over, which `take` will see: whoever was listed may have been heard from, or not.
            self._heard.update((session, None) for session in listed if session in self._known)
            return
        for session in listed:
            known = self._known.get(session)
            if known is not None:
                known.listed = known.proposed
                if known.sender is not None:
                    self._ready[session] = None
        reply = lock_api.decode_reply(body)
        if isinstance(reply, Charged) and reply.more:
            self._due_ns = now
            self._is_stale = False

    @property
    def is_idle(self) -> bool:
        """Whether, where this replica is no master, `take` and the gate have nothing to do: it was none at the last turn either."""
        return not (self._reign or self._replies) and self.gate.is_idle

    def take(self, now: int, reign: int) -> Sequence[Reply]:
        """What is to be answered now; a charge that is due is proposed. Cheap when nothing is."""
        if reign != self._reign:
            if reign:
                self._begin(reign)
            else:
                self._end()
        if not reign:
            self.gate.end()  # also of a reign that was over before a turn came
        if reign and self._book is not None:
            self.gate.begin(now, reign)
            if self._is_stale:
                self._look(now, self._book)
            if self._is_quiet and self._charging is None and self.gate.may_charge(now):
                self._is_quiet, self._due_ns = False, min(now, self._due_ns)
            if now >= self._due_ns and self._charging is None:
                self._charge(now)
            if self._ready:
                self._answer_ready()
        if not self._replies:
            return ()
        replies, self._replies = self._replies, []
        return replies

    def due_ns(self) -> int:
        """When `take` is next worth a turn."""
        if self._replies or self._ready or self._is_stale:
            return 0
        return min(self._due_ns if self._charging is None else FAR, self.gate.due_ns())

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _begin(self, reign: int) -> None:
        """A reign: nothing is known of anybody."""
        if reign == self._reign:
            return
        self._end()
        self._reign = reign
        self._is_first = self._is_stale = self._book is not None

    def _end(self) -> None:
        """No reign: everybody has to ask another replica."""
        self._replies.extend(Reply(known.sender, Status.NOT_MASTER, b"") for known in self._known.values() if known.sender is not None)
        self._known.clear()
        self._heard.clear()
        self._ready.clear()
        self._charging = None
        self._kept = self._reign = 0
        self._due_ns = FAR
        self._is_idle, self._is_first, self._is_stale = True, False, False
        self._is_quiet = False

    def _look(self, now: int, book: Book) -> None:
        """When is the next charge due?"""
        self._is_stale = False
        lease_ms, until_ms = book.shortest_lease_ms, book.delay_until_ms
        if not (lease_ms or until_ms):
            self._is_idle, self._due_ns = True, FAR
            return
        if self._is_idle:
            # Before anybody needed the clock nobody is to be charged.
            self._is_idle, self._charged_ns = False, now
        due_ms = lease_ms // 4 or lock_api.LEASE_MS // 4
        if until_ms and not self._is_quiet:
            due_ms = min(due_ms, max(until_ms - book.clock_ms, 0))
        self._due_ns = now if self._is_first else self._charged_ns + due_ms * MS

    def _charge(self, now: int) -> None:
        """Propose that the sessions' clock goes on."""
        elapsed_ms = 0 if self._is_first else max(0, min(now, self._due_ns) - self._charged_ns) // MS
        self._is_first = False
        # What was late is never charged; what is below a millisecond is, with the next.
        self._charged_ns = now if now >= self._due_ns + MS else self._charged_ns + elapsed_ms * MS
        self._charging, self._heard = self._heard, {}
        for session in self._charging:
            known = self._known[session]
            known.proposed = known.number
        self.charges += 1
        charge = Charge(elapsed_ms, heard.encode(sorted(self._charging)))
        self._is_quiet = not self.gate.charge(now, charge)
        self.gate.listed(now, self._charging)
        self._propose(self.charges, lock_api.encode(replace(charge, quiet=True) if self._is_quiet else charge))

    def _answer_ready(self) -> None:
        ready = self._ready
        for session in list(islice(ready, ANSWERS_A_TURN)):
            del ready[session]
            known = self._known[session]
            if known.sender is not None:
                self._answer(known)

    def _answer(self, known: _Known) -> None:
        """Answer the KeepAlive that is held, with all that there is to tell."""
        notices = tuple(islice(known.notices, NOTICES_MAX))
        if len(notices) == len(known.notices):
            known.said = known.listed
        kept = KeptAlive(known.lease_ms, known.said, self._reign, known.told + len(notices), known.lost > 0, notices)
        self._replies.append(Reply(known.sender, Status.DONE, encode_kept_alive(kept)))
        known.sender = None

    def _acknowledge(self, known: _Known, told: int) -> None:
        """The session knows all through this one."""
        for _ in range(min(told - known.told, len(known.notices))):
            known.notices.popleft()
            known.told += 1
            self._kept -= 1
        if told >= known.lost:
            known.lost = 0

    def _forget(self, known: _Known, *, lost: bool) -> None:
        """Drop what a session was to be told: it is told that, or of the reign."""
        self._kept -= len(known.notices)
        known.told += len(known.notices) + lost
        known.lost = known.told if lost else 0
        known.notices.clear()
