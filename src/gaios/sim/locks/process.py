"""One client process with sessions: the production core keeps them alive; this knows what it has open, and what it believes it holds.

It is to the core what `client/lock_session.py` is, on programs instead of tasks: it hands commands in, and is told of leases and events.

Rule 1. A belief ends when the lock is given back, when the session is in jeopardy, when the lock is told to be lost, or when the lease is
over by the process's own clock, which it looks at before whatever it does.  [SAFETY 22]
Rule 2. Whoever is told that there may be more to know asks the cell whether it still has what it holds.  [CHUBBY §2.9]
Rule 3. All that is asked is written down, with its outcome; of a process that is killed too.
"""

from collections.abc import Callable
from typing import Any

from gaios import caching, errors, lock_api
from gaios.client.cache import Cache
from gaios.client.core import READ, WRITE
from gaios.client.handle import NO_ANSWER
from gaios.client.lease import AskAgain, Lease, State, Told, shortened_ns
from gaios.lock_api import Acquired, LockAnswer, LockCommand, LockQuestion, LockReply, Sequencer
from gaios.sim.client import Outcome, SimulatedClient
from gaios.sim.dice import Dice
from gaios.sim.history import DONE, REFUSED, UNKNOWN
from gaios.sim.locks.history import CLOSED, EXPIRED, KILLED, Asked, Belief, Hint, Life, Records
from gaios.sim.locks.tasks import Program, Tasks, Wait
from gaios.sim.world import World

AGAIN_NS = 300_000_000
"""Between attempts to ask or close what the cell did not answer."""


class Held:
    """A grant that a client believes in."""

    __slots__ = ("from_ns", "sequencer")

    def __init__(self, sequencer: Sequencer, from_ns: int) -> None:
        self.sequencer, self.from_ns = sequencer, from_ns


class Handle:
    """An open node."""

    __slots__ = ("held", "instance", "is_wanted", "lock_delay_ms", "news", "number", "path", "seen")

    def __init__(self, number: int, path: str, instance: int, lock_delay_ms: int) -> None:
        self.number, self.path, self.instance, self.lock_delay_ms = number, path, instance, lock_delay_ms
        self.news = Wait()
        """Ask the cell how it is with the lock, or the file."""
        self.held: Held | None = None
        self.is_wanted = False
        """Somebody else waits for the lock that it holds."""
        self.seen = 0
        """The file's content generation that was read last; 0: none was."""


class Session:
    """A session, its handles, and what it was told."""

    def __init__(self, process: "Process", token: bytes, life: Life) -> None:
        self.process, self.token, self.life = process, token, life
        self.number = life.session
        self.lease: Lease = None  # type: ignore[assignment] # until `keep`
        self.cache: Cache | None = None
        """Of one that caches."""
        self.handles: dict[int, Handle] = {}
        self.is_over = False
        self._end_ns = 0

    def keep(self, end_ns: int, grace_ns: int, *, caches: bool) -> None:
        """Keep it alive from now on."""
        self.lease = self.process.client.keep_alive(self.number, self.token, self.life.lease_ms, end_ns, grace_ns, self._told)
        self.cache = Cache(self.lease) if caches else None
        self.kept()

    def kept(self) -> None:
        """Its lease may end later than it was known to."""
        if self.lease.end_ns > self._end_ns:
            self._end_ns = self.lease.end_ns
            self.life.promised_ns = max(self.life.promised_ns, self.process.client.when(self._end_ns))
            self.life.kept += 1
            self.life.heard_ns = self.process.world.now_ns

    def is_sure(self, handle: Handle) -> bool:
        """Whether a holder may go on: it asks its own clock."""
        return handle.held is not None and self.process.client.now() < self.lease.end_ns

    def believe(self, handle: Handle, sequencer: Sequencer) -> bool:
        """The lock was granted; False when it may be lost already."""
        if self.is_over or self.lease.state != State.SAFE or self.process.client.now() >= self.lease.end_ns:
            return False
        handle.held, handle.is_wanted = Held(sequencer, self.process.world.now_ns), False
        return True

    def give_up(self, handle: Handle) -> None:
        """It holds nothing any more, as far as it knows."""
        held, handle.held = handle.held, None
        if held is None:
            return
        process, sequencer = self.process, held.sequencer
        until_ns = min(process.world.now_ns, process.client.when(self.lease.end_ns))
        if until_ns > held.from_ns:
            process.records.beliefs.append(
                Belief(
                    process.client.number, self.number, handle.number, handle.path, handle.instance, sequencer.shared,
                    (sequencer.generation, sequencer.revision), handle.lock_delay_ms, held.from_ns, until_ns,
                )
            )  # fmt: skip

    def over(self, how: str) -> None:
        """It is closed, given up, or told to be over."""
        if self.is_over:
            return
        self.is_over = True
        for handle in list(self.handles.values()):
            self.give_up(handle)
            handle.news.set()
        self.life.ended_ns, self.life.how = self.process.world.now_ns, how
        self.process.sessions.pop(self.number, None)

    def _told(self, told: Told) -> None:
        process = self.process
        if self.cache is not None and (isinstance(told, AskAgain) or told in {State.JEOPARDY, State.EXPIRED}):
            self.cache.flush()
        if isinstance(told, State):
            process.world.note(f"session {self.number} {told.name}")
            if told == State.EXPIRED:
                process.world.count("a session expired")
                self.over(EXPIRED)
            elif told == State.JEOPARDY:
                process.world.count("a session was in jeopardy")
                for handle in list(self.handles.values()):
                    self.give_up(handle)
            else:
                process.world.count("a session came out of jeopardy")
        elif isinstance(told, AskAgain):
            self._hint(None)
            for handle in list(self.handles.values()):
                handle.news.set()
                if handle.held is not None:
                    process.tasks.begin(self._verify(handle, handle.held))
        else:
            for notice in told:
                if notice.what == caching.INVALIDATE:
                    process.world.note(f"forget {self.number} {notice.name}")
                    if self.cache is not None:
                        self.cache.forget(notice.name)
                    continue
                self._hint(notice)
                noted = self.handles.get(notice.handle)
                if noted is None:
                    continue
                noted.news.set()
                if notice.what == lock_api.HANDLE_INVALID:
                    self.give_up(noted)
                elif notice.what == lock_api.CONFLICTING_REQUEST:
                    noted.is_wanted = True

    def _hint(self, notice: lock_api.Notice | None) -> None:
        world = self.process.world
        world.note(f"hint {self.number} {notice}")
        self.life.hints.append(Hint(world.now_ns, world.next_order(), notice))

    def _verify(self, handle: Handle, held: Held) -> Program:
        acquired = yield from self.look(handle)
        if handle.held is held and not (isinstance(acquired, Acquired) and acquired.sequencer is not None):
            self.process.world.count("a holder asked, and had lost its lock")
            self.give_up(handle)

    def look(self, handle: Handle) -> Program:
        """How it is with a lock: asked until the cell answers, or the session is over."""
        while not self.is_over:
            found = yield from self.do(lock_api.GetSequencer, handle)
            if not isinstance(found, NO_ANSWER):
                return found
            yield self.process.tasks.sleep(AGAIN_NS)
        return None

    def do(self, kind: Callable[..., Any], handle: Handle | None, *arguments: Any, **named: Any) -> Program:  # noqa: ANN401 (the noun's)
        """Ask something in its name; of a handle, unless that is None. What says that it is over ends it here."""
        of = () if handle is None else (handle.number,)
        return self.heard((yield self.process.ask(kind(self.number, self.token, *of, *arguments, **named))))

    def heard(self, reply: Any) -> Any:  # noqa: ANN401 (of whatever was asked, or an error)
        """The same reply; what says that the session is over ends it here."""
        if isinstance(reply, errors.SessionExpired) and not self.is_over:
            self.process.world.count("a session heard from a command that it is over")
            self.over(EXPIRED)
            self.process.client.let_go(self.lease.lease)
        return reply


class Process:
    """See the module."""

    def __init__(self, world: World, client: SimulatedClient, records: Records, dice: Dice, deadline_ns: int) -> None:
        self.world, self.client, self.records, self.dice = world, client, records, dice
        self.deadline_ns = deadline_ns
        """What it gives one command."""
        self.tasks = Tasks(world, client.awake)
        self.sessions: dict[int, Session] = {}
        client.on_answer = self._kept

    def ask(self, request: LockCommand | LockQuestion, leave: list[int] | None = None) -> Wait:
        """Ask something; the reply or the error comes later. `leave`: the answer is to be kept; if it may be, its bytes are put there."""
        world, records, wait = self.world, self.records, Wait()
        records.numbers += 1
        number, began, began_ns = records.numbers, world.next_order(), world.now_ns
        world.note(f"asked {number} by {self.client.number}")

        def finish(outcome: Outcome, whose: tuple[int, int, int], place: tuple[int, int]) -> None:
            if leave is not None and isinstance(outcome, bytes):
                may, outcome = caching.decode_may_cache(outcome)
                leave.extend([len(outcome)] * may)
            asked = Asked(number, self.client.number, request, began, began_ns, None, 0, UNKNOWN, None, "", whose)
            asked = _with(asked, outcome, place)
            if asked.outcome != UNKNOWN:
                asked = asked._replace(ended=world.next_order(), ended_ns=world.now_ns)
            world.note(f"learnt {number} {asked.outcome} {asked.error}")
            records.asked.append(asked)
            wait.set(outcome if asked.reply is None else asked.reply)

        is_command = isinstance(request, LockCommand)
        payload = lock_api.encode(request)
        if leave is not None:
            payload = caching.encode(caching.Cached(payload))
        self.client.call(WRITE if is_command else READ, payload, self.deadline_ns, finish)
        return wait

    def open_session(self, lease_ms: int, grace_ns: int, *, caches: bool = False) -> Program:
        """A new session; None when the cell did not say that there is one."""
        token, began_ns = self.dice.bytes(lock_api.TOKEN_BYTES), self.client.now()
        opened = yield self.ask(lock_api.OpenSession(token, lease_ms, caches, f"client {self.client.number}"))
        if not isinstance(opened, lock_api.SessionOpened):
            return None
        life = Life(opened.session, self.client.number, opened.lease_ms, self.world.now_ns)
        self.records.lives.append(life)
        session = self.sessions[opened.session] = Session(self, token, life)
        session.keep(began_ns + shortened_ns(opened.lease_ms), grace_ns, caches=caches)
        return session

    def close_session(self, session: Session) -> Program:
        """End it, and say so, once."""
        if not session.is_over:
            session.over(CLOSED)
            self.client.let_go(session.lease.lease)
            closed = yield from session.do(lock_api.CloseSession, None)
            if isinstance(closed, errors.Error):
                session.life.how = KILLED  # it ends by itself, unless that got through

    def abandon(self, session: Session) -> None:
        """Send no more KeepAlives, and say nothing."""
        if not session.is_over:
            self.world.count("a session was abandoned")
            session.over(KILLED)
            self.client.let_go(session.lease.lease)

    def kill(self) -> None:
        """It ends with everything that it has."""
        self.tasks.kill()
        for session in list(self.sessions.values()):
            if any(handle.held is not None for handle in session.handles.values()):
                self.world.count("a process was killed that held a lock")
            session.over(KILLED)
        self.client.die()

    def _kept(self) -> None:
        for session in self.sessions.values():
            session.kept()


def _with(asked: Asked, outcome: Outcome, place: tuple[int, int]) -> Asked:
    """With its outcome."""
    slot, nth = place
    if isinstance(outcome, errors.Error):
        known = REFUSED if outcome.definite else UNKNOWN
        return asked._replace(
            outcome=known, refusal=type(outcome).__name__, slot=slot, nth=nth, error=f"{type(outcome).__name__}: {outcome}"
        )
    decode: Callable[[bytes], LockReply | LockAnswer] = (
        lock_api.decode_reply if isinstance(asked.request, LockCommand) else lock_api.decode_answer
    )
    return asked._replace(outcome=DONE, reply=decode(outcome), slot=slot, nth=nth)
