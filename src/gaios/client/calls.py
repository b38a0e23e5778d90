"""The calls of a client: what is sent when and where, and what an answer proves.  [SAFETY 19, 20]

Rule 1. Three outcomes: bytes (done, the reply), a definite error (certainly not done), `Unknown`. A write, or a change of the members, is
certainly not done when it was never sent, or when every attempt was answered by a refusal of that attempt; a refusal proves nothing of an
earlier attempt.
Rule 2. A write is sent again with the same identity and sequence for as long as its deadline allows: after NOT_MASTER, OVERLOADED,
IN_DOUBT, a lost connection, and at a new master while the old one has not answered. Reads are sent again freely; the first answer counts.
Rule 3. UNKNOWN_SESSION: a new registration; what was certainly not done is sent again under it, the rest is `Unknown`.
Rule 4. A call is sent (`links`), queued for a master, blocked for a session, or delayed by back-off. Each ends at its deadline.
"""

from collections import deque
from heapq import heapify, heappop, heappush
from typing import Final

from gaios import entry, errors
from gaios.client.dice import Dice
from gaios.client.search import Search
from gaios.client.session import Session
from gaios.client.state import CHANGE, CLOSED, READ, READY, REGISTER, STATUS, WRITE, Call, Link
from gaios.client.tuning import BACK_OFF, CALL_BYTES_MAX, CALLS_MAX, MS, NEVER, PAYLOAD_BYTES_MAX
from gaios.entry import Identity
from gaios.errors import CommandTooLong, Error, NotMaster, Overloaded, ProtocolError, Unavailable, Unknown, UnknownSession
from gaios.transport import Answer, Kind, Status, encode_change, encode_read, encode_request, encode_submit

CARRIED_OUT: Final = "it was carried out, but its answer was not kept"
_CLOSED: Final = "this client was closed"
_COMMAND: Final = int(entry.Kind.COMMAND)
_DONE: Final = int(Status.DONE)
"""Plain numbers, as in state.py."""


class Calls:
    """All calls that have no outcome yet. `finished` collects those that got one."""

    def __init__(self, search: Search, dice: Dice) -> None:
        self._search = search
        self._dice = dice
        self._numbers = 1
        self._session: Session | None = None
        self._registration: Call | None = None
        self._open: dict[int, Call] = {}
        self._bytes = 0
        self._targeted = 0
        self._queue: deque[Call] = deque()
        self._blocked: deque[Call] = deque()
        self._delayed: list[tuple[int, int]] = []
        self._deadlines: list[tuple[int, int]] = []
        self.finished: list[tuple[int, bytes | Error]] = []

    def number(self) -> int:
        """A request's number that was not used before; 1 is every PING's."""
        self._numbers += 1
        return self._numbers

    def waiting(self) -> bool:
        """Whether any call needs the master."""
        return len(self._open) > self._targeted + (self._registration is not None)

    def add(self, now: int, kind: int, payload: bytes, deadline: int, target: Link | None) -> int:
        """A new call; see `Core.call`."""
        if len(self._open) >= CALLS_MAX:
            raise Overloaded(what="this client", limit=CALLS_MAX, unit="calls")
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise CommandTooLong(length=len(payload), limit=PAYLOAD_BYTES_MAX)
        if self._bytes + len(payload) > CALL_BYTES_MAX:
            raise Overloaded(what="this client", limit=CALL_BYTES_MAX, unit="bytes of calls")
        call = Call(self.number(), kind, payload, now, deadline, target)
        self._open[call.id] = call
        self._bytes += len(payload)
        heappush(self._deadlines, (deadline, call.id))
        if target is None:
            self._place(now, call)
        else:
            self._targeted += 1
            if target.state == READY:
                self._send(now, call, target)
            elif target.state == CLOSED:
                self._search.open(now, target)
        return call.id

    def cancel(self, call_id: int) -> None:
        """Nobody waits for it any more."""
        call = self._open.get(call_id)
        if call is not None:
            self._finish(call, None)

    # ------------------------------------------------------------------------------------------------------------ sending

    def pump(self, now: int, master: Link, new: bool) -> None:
        """Send what waited for this master, or if it is new for any."""
        if new:
            for call in self._open.values():
                if call.target is None and not call.queued and not call.again_at and call.verdict is None and master not in call.links:
                    call.queued = True
                    self._queue.append(call)
        while self._queue:
            call = self._queue.popleft()
            call.queued = False
            if call.id in self._open:
                self._place(now, call)
        if self._blocked:
            self._unblock(now)

    def _unblock(self, now: int) -> None:
        """Writes go on as far as there are a session and room in its window."""
        if self._session is None:
            self._register(now)
            return
        while self._blocked and self._session.has_room():
            call = self._blocked.popleft()
            call.queued = False
            if call.id in self._open:
                self._place(now, call)

    def _place(self, now: int, call: Call) -> None:
        """Send it to the master, or put it where it waits."""
        if call.queued or call.again_at:
            return
        master = self._search.master
        if master is None:
            call.queued = True
            self._queue.append(call)
        elif master in call.links:
            return
        elif call.kind == WRITE and not self._identify(now, call):
            call.queued = True
            self._blocked.append(call)
        else:
            self._send(now, call, master)

    def _identify(self, now: int, call: Call) -> bool:
        """Give a write its identity, sequence and bytes; False when there is none to be had now."""
        session = self._session
        if call.session is not None and (call.session is session or not call.clean):
            return True
        if session is None:
            self._register(now)
            return False
        if not session.has_room():
            return False
        call.session = session
        call.sequence = session.take()
        data = entry.encode(_COMMAND, session.identity, call.sequence, session.acknowledged, call.payload)
        call.frame = encode_submit(call.id, data)
        return True

    def _register(self, now: int) -> None:
        if self._registration is None:
            call = self._registration = Call(self.number(), REGISTER, entry.register(), now, NEVER, None)
            self._open[call.id] = call
            self._bytes += len(call.payload)
            self._place(now, call)

    def _send(self, now: int, call: Call, link: Link) -> None:
        if not call.frame:
            if call.kind == READ:
                call.frame = encode_read(call.id, call.payload)
            elif call.kind == STATUS:
                call.frame = encode_request(Kind.STATUS, call.id)
            elif call.kind == CHANGE:
                call.frame = encode_change(call.id, call.payload)
            else:
                call.frame = encode_submit(call.id, call.payload)
        link.attempts[call.id] = call
        call.links.append(link)
        link.out.append(call.frame)
        if link.owes_since == NEVER:
            link.owes_since = now

    def opened(self, now: int, link: Link) -> None:
        """A connection was made: send the calls that are for this replica alone."""
        if self._targeted:
            for call in self._open.values():
                if call.target is link:
                    self._send(now, call, link)

    # ------------------------------------------------------------------------------------------------------------ answers

    def answered(self, now: int, link: Link, answer: Answer) -> None:
        """An attempt was answered."""
        call = link.attempts.pop(answer.request, None)
        link.heard(now)
        if call is None:
            return
        call.links.remove(link)
        if answer.status != _DONE:
            self._refused(now, link, call, answer)
        elif call.kind != REGISTER:
            self._finish(call, answer.body)
        else:
            self._finish(call, None)
            self._registration = None
            self._session = Session(Identity(answer.slot, answer.index))

    def _refused(self, now: int, link: Link, call: Call, answer: Answer) -> None:
        status = answer.status
        error = errors.unpack(answer.body) if answer.body else None
        call.refusal = error or call.refusal
        if status in {Status.NOT_MASTER, Status.UNAVAILABLE}:
            self.declined(now, link, error)
        elif status == Status.IN_DOUBT:
            call.doubt = call.binds
            self.declined(now, link, error)
        elif status == Status.UNKNOWN_SESSION:
            if call.session is self._session:
                self._session = None
            if not call.clean:
                call.verdict = error or UnknownSession(slot=0, index=0)
            elif call.tries:
                # Registered anew and unknown again: a cell that forgets so fast is not to be asked as fast.
                self._delay(now, call)
            call.tries += 1
        elif status == Status.STALE:
            call.verdict = unknown(call, CARRIED_OUT)
        elif status == Status.INVALID or (status == Status.REFUSED and not isinstance(error, Overloaded)):
            call.verdict = error or ProtocolError(reason=f"a refusal of status {status} came without its reason")
            if status == Status.REFUSED or call.kind == READ:
                # The machine's answer, whichever attempt brought the question there.
                self._finish(call, call.verdict)
                return
        else:
            # Overloaded; or a status that a later version invented, which proves nothing.
            call.doubt = call.doubt or (call.binds and status not in {Status.OVERLOADED, Status.REFUSED})
            self._delay(now, call)
        self._go_on(now, call)

    def declined(self, now: int, link: Link, error: Error | None) -> None:
        """It is not the master, or does not serve as one now."""
        hint = error.master if isinstance(error, NotMaster) else ""
        self._search.why = f"{link.endpoint}: {error}" if error is not None else f"{link.endpoint} does not serve"
        self._search.refused(now, link, "" if hint == link.endpoint else hint)

    def _go_on(self, now: int, call: Call) -> None:
        """An attempt ended without an outcome: there is another, or a verdict when none is open any more."""
        verdict = call.verdict
        if call.target is not None:
            said = verdict or call.refusal or Unavailable(waited_ms=(now - call.began) // MS, reason="it declined")
            self._finish(call, unknown(call, f"its answer proves nothing ({said})") if call.doubt and said.definite else said)
        elif verdict is None:
            self._place(now, call)
        elif call.links:
            return
        elif call.doubt and verdict.definite:
            self._finish(call, unknown(call, f"an earlier attempt was lost, and a later one was refused ({verdict})"))
        elif isinstance(verdict, UnknownSession) or call.kind == REGISTER:
            call.verdict = None
            self._delay(now, call)
        else:
            self._finish(call, verdict)

    def _delay(self, now: int, call: Call) -> None:
        call.tries += 1
        call.again_at = now + self._dice.back_off(call.tries, BACK_OFF)
        heappush(self._delayed, (call.again_at, call.id))

    # ------------------------------------------------------------------------------------------------------------ endings

    def lost(self, now: int, link: Link, attempts: dict[int, Call], why: str) -> None:
        """A connection ended, and with it these attempts."""
        for call in attempts.values():
            call.links.remove(link)
            call.doubt = call.doubt or call.binds
            if call.target is None:
                self._go_on(now, call)
        if self._targeted:
            for call in list(self._open.values()):
                if call.target is link:
                    lost = Unavailable(waited_ms=(now - call.began) // MS, reason=why)
                    self._finish(call, unknown(call, f"it was sent, and the connection was lost ({why})") if call.doubt else lost)

    def tick(self, now: int) -> None:
        """What time brings."""
        while self._deadlines and self._deadlines[0][0] <= now:
            call = self._open.get(heappop(self._deadlines)[1])
            if call is not None:
                self._expire(now, call)
        while self._delayed and self._delayed[0][0] <= now:
            call = self._open.get(heappop(self._delayed)[1])
            if call is not None:
                call.again_at = 0
                self._place(now, call)

    def shut(self, now: int) -> None:
        """All end."""
        self._search.why = _CLOSED
        self._registration = None
        for call in list(self._open.values()):
            self._expire(now, call)

    def deadline_ns(self) -> int:
        """When `tick` is needed next."""
        soonest = self._deadlines[0][0] if self._deadlines else NEVER
        return min(soonest, self._delayed[0][0]) if self._delayed else soonest

    def _expire(self, now: int, call: Call) -> None:
        waited_ms = (now - call.began) // MS
        why = self._search.why
        if call.binds and not call.clean:
            reason = f"no answer within {waited_ms} ms after it was sent"
            self._finish(call, unknown(call, f"{reason} ({why})" if self._search.master is None and why else reason))
        elif isinstance(call.refusal, Overloaded):
            self._finish(call, call.refusal)
        else:
            waited_ms = 0 if why == _CLOSED else waited_ms
            self._finish(call, Unavailable(waited_ms=waited_ms, reason=why or "no replica was reached"))

    def _finish(self, call: Call, outcome: bytes | Error | None) -> None:
        del self._open[call.id]
        self._bytes -= len(call.payload)
        for link in call.links:
            link.attempts.pop(call.id, None)
        if call.target is not None:
            self._targeted -= 1
        if call.session is not None:
            call.session.resolve(call.sequence)
        if outcome is not None:
            self.finished.append((call.id, outcome))
        if len(self._deadlines) + len(self._queue) + len(self._blocked) > 3 * len(self._open) + 1024:
            self._forget_finished()

    def _forget_finished(self) -> None:
        """What waits somewhere for a call that has its outcome goes, long before it is too much."""
        self._deadlines = [(deadline, number) for deadline, number in self._deadlines if number in self._open]
        heapify(self._deadlines)
        self._queue = deque(call for call in self._queue if call.id in self._open)
        self._blocked = deque(call for call in self._blocked if call.id in self._open)


def unknown(call: Call, reason: str) -> Unknown:
    """The outcome of what binds is not known; of a write the error says where the log tells."""
    error = Unknown(reason=reason)
    if call.session is not None:
        operation = f"{call.session.identity.slot}.{call.session.identity.index}:{call.sequence}"
        error.hint = f"see what is there: gaios get, gaios ls; or what became of it: gaios explain --operation {operation} --dir DIR"
    return error
