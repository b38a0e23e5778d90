"""What processes with sessions do: locks and the work that they are for, files, nodes that come and go; and how the processes come and go.

Rule 1. In safety mode rounds are spread over all of it. `settle` is for liveness mode: each process closes the session that it has, goes
through one more, and rests.
Rule 2. What one process does next never depends on what others believe, only on what it was told and on dice.
"""

from collections import deque

from gaios import errors, lock_api
from gaios.client.handle import NO_ANSWER
from gaios.lock_api import Acquired, Opened, Sequencer
from gaios.sim.client import SimulatedClient
from gaios.sim.dice import Dice
from gaios.sim.faults import MS, S
from gaios.sim.locks import cached
from gaios.sim.locks.history import Records
from gaios.sim.locks.process import AGAIN_NS, Handle, Process, Session
from gaios.sim.locks.resource import Resource
from gaios.sim.locks.tasks import Program, Wait
from gaios.sim.network import Network
from gaios.sim.plan import Plan
from gaios.sim.world import World

TRIES = 4
"""Attempts at one thing; a cell that does not answer is tried again in the next round."""
DOWN_NS = 500 * MS
"""Mean time until a process that was killed begins anew."""
KNOWN = 16
"""Sequencers that are remembered, to be asked about."""


class Work:
    """All processes with sessions, and what they have in common."""

    def __init__(self, world: World, network: Network, plan: Plan, clients: list[SimulatedClient], records: Records) -> None:
        self.world, self.plan, self.locks, self.records = world, plan, plan.locks, records
        dice = world.dice.split("locks")
        self.resource = Resource(world, network, dice.split("resource"), records)
        self.known: deque[Sequencer] = deque(maxlen=KNOWN)
        self.kinds = [kind for kind in ("lock", "file", "node", "meddle", "cached") for _ in range(getattr(plan.locks, kind))]
        self.values = 0
        self.is_resting = self.is_settling = False
        # Half as long as for the database's clients, whose operations end safety mode: a round takes longer than an operation.
        self.rest_ns = plan.safety_ns * max(1, plan.locks.clients) // max(1, plan.locks.rounds)
        self.workers = [_Worker(self, client, dice.split(f"process {client.number}")) for client in clients]

    def begin(self) -> None:
        """Start every process."""
        for worker in self.workers:
            worker.begin()

    def rest(self) -> None:
        """No more rounds for now: whoever is in one ends it, and keeps its session."""
        self.is_resting = True

    def settle(self, deadline_ns: int) -> None:
        """Faults are over: one more session each, in which everything has to succeed."""
        self.is_resting, self.is_settling = False, True
        self.rest_ns = 100 * MS
        for worker in self.workers:
            worker.process.deadline_ns = deadline_ns
            worker.hurry()

    @property
    def is_done(self) -> bool:
        """Whether every process rests."""
        return all(worker.is_done for worker in self.workers)

    def contents(self) -> bytes:
        """What a file has not had before."""
        self.values += 1
        return b"f%d" % self.values


class _Worker:
    """One process's programs."""

    def __init__(self, work: Work, client: SimulatedClient, dice: Dice) -> None:
        self.work, self.dice, self.locks = work, dice, work.locks
        self.process = Process(work.world, client, work.records, dice.split("process"), work.plan.deadline_ns)
        self.contents = work.contents
        self.resting: list[Wait] = []
        self.is_done = self._is_down = False
        client.on_kill = self._kill

    @property
    def hold_ns(self) -> int:
        """How long something is held, about; not long any more once everybody is to come to rest, whatever the seed drew."""
        return min(self.locks.hold_ns, self.work.rest_ns) if self.work.is_settling else self.locks.hold_ns

    def begin(self) -> None:
        """Start it, or start it anew."""
        self._is_down = False
        self.process.tasks.begin(self._live())

    def hurry(self) -> None:
        """Rest no longer."""
        resting, self.resting = self.resting, []
        for rest in resting:
            rest.set()

    def _kill(self) -> None:
        if not self._is_down:
            self.work.world.count("a process with sessions was killed")
            self._is_down = True
            self.process.kill()
            self.resting.clear()
            self.work.world.after(self.dice.around(DOWN_NS), self.begin)

    # -- sessions ----------------------------------------------------------------------------------------------------------

    def _live(self) -> Program:
        """One session after the other."""
        dice, locks, process = self.dice, self.locks, self.process
        is_last = False
        while not is_last:
            is_last = self.work.is_settling
            caches = locks.caching > 0 and dice.chance(locks.caching)
            session = yield from process.open_session(dice.pick(locks.leases_ms), locks.grace_ms * MS, caches=caches)
            if session is None:
                is_last = False
                yield process.tasks.sleep(AGAIN_NS)
                continue
            programs = 1 if is_last else dice.pick((1, 1, 2, 3))
            ended = [Wait() for _ in range(programs)]
            rounds = self.work.plan.final_operations if is_last else 1 + dice.below(2 * locks.session_rounds)
            for wait in ended:
                process.tasks.begin(self._rounds(session, rounds, wait))
            for wait in ended:
                yield wait
            if dice.chance(1.0 - locks.abandons):
                yield from process.close_session(session)
            else:
                process.abandon(session)
        self.is_done = True

    def _rounds(self, session: Session, rounds: int, ended: Wait) -> Program:
        """So many rounds, or until the session is over."""
        work, dice = self.work, self.dice
        for _ in range(rounds):
            yield from self._rest(dice.around(work.rest_ns))
            while work.is_resting:
                yield from self._rest(0)
            if session.is_over:
                break
            kind = dice.pick(self.work.kinds)
            if kind == "lock":
                yield from self._lock(session)
            elif kind == "file":
                yield from self._file(session)
            elif kind == "node":
                yield from self._node(session)
            elif kind == "cached":
                yield from cached.go_over(self, session)
            else:
                yield from self._meddle(session)
        ended.set()

    def _rest(self, duration_ns: int) -> Program:
        """Until it is over, or until everybody is told to hurry; 0: only then."""
        rest = Wait()
        self.resting.append(rest)
        if duration_ns:
            self.process.tasks.within(rest, duration_ns)
        yield rest
        self.resting = [other for other in self.resting if other is not rest]

    # -- locks -------------------------------------------------------------------------------------------------------------

    def _lock(self, session: Session) -> Program:
        """Take a lock, do what it is for, and give it back, mostly."""
        dice, locks = self.dice, self.locks
        events = dice.pick((0, lock_api.CONFLICTING_REQUEST, lock_api.EVENTS))
        delay_ms = dice.skewed(100, locks.delay_ms) if dice.chance(locks.delayed) else 0
        path = f"/l/{dice.below(locks.locks)}"
        handle = yield from self.open(session, path, lock_api.MAY_CREATE, events=events, lock_delay_ms=delay_ms)
        if handle is None:
            return
        shared = dice.chance(locks.shared)
        for _ in range(dice.pick((1, 1, 2))):
            patience_ns = dice.around(3 * S) if dice.chance(locks.waits) else 0
            sequencer = yield from self._acquire(session, handle, shared=shared, patience_ns=patience_ns)
            if sequencer is None:
                break
            self.work.known.append(sequencer)
            if session.believe(handle, sequencer):
                yield from self._hold(session, handle)
                if session.is_over or (dice.chance(locks.keeps) and not self.work.is_settling):
                    return  # held until the session ends
            session.give_up(handle)
            yield from self._settle(session, lock_api.Release, handle)
        yield from self.close(session, handle)

    def _acquire(self, session: Session, handle: Handle, *, shared: bool, patience_ns: int) -> Program:
        """The grant; None when it is not had in time."""
        process = self.process
        until_ns = self.work.world.now_ns + patience_ns
        for _ in range(TRIES):
            handle.news = Wait()
            acquired = yield from session.do(lock_api.Acquire, handle, shared, patience_ns > 0)
            if isinstance(acquired, errors.Error) and not acquired.definite:
                acquired = yield from session.look(handle)
            if isinstance(acquired, Acquired) and acquired.delay_ms:
                self.work.world.count("a lock-delay kept a lock from a client")
            while isinstance(acquired, Acquired) and acquired.waits and acquired.sequencer is None:
                left_ns = until_ns - self.work.world.now_ns
                if left_ns <= 0 or session.is_over:
                    self.work.world.count("nobody waits for a lock any more")
                    return None
                yield process.tasks.within(handle.news, left_ns)
                handle.news = Wait()
                acquired = yield from session.look(handle)
                if isinstance(acquired, Acquired) and acquired.sequencer is not None:
                    self.work.world.count("a lock was waited for, and granted")
            if not isinstance(acquired, Acquired):
                return None
            if acquired.sequencer is not None:
                return acquired.sequencer
            if not patience_ns:
                return None
            yield process.tasks.sleep(AGAIN_NS)
        return None

    def _hold(self, session: Session, handle: Handle) -> Program:
        """Work, for as long as the lock is sure to be held."""
        dice, world, process = self.dice, self.work.world, self.process
        assert handle.held is not None
        sequencer = handle.held.sequencer
        until_ns = world.now_ns + dice.around(self.hold_ns)
        guarded = None
        if dice.chance(0.3):
            guarded = yield from self.open(session, f"/g{handle.path}", lock_api.MAY_CREATE)
            if guarded is not None:
                yield from session.do(lock_api.SetSequencer, guarded, sequencer)
        while world.now_ns < until_ns and session.is_sure(handle) and not (handle.is_wanted and dice.chance(0.3)):
            if not sequencer.shared:
                self.work.resource.write(process.client.number, handle.number, sequencer)
            if guarded is not None and dice.chance(0.5):
                yield from session.do(lock_api.SetContents, guarded, self.work.contents())
            else:
                yield process.tasks.sleep(dice.around(self.hold_ns // 4))
        if guarded is not None:
            if dice.chance(0.5):
                # Whoever gave the lock back tries to go on.
                session.give_up(handle)
                yield from self._settle(session, lock_api.Release, handle)
                yield from session.do(lock_api.SetContents, guarded, self.work.contents())
            yield from self.close(session, guarded)

    # -- files and nodes ---------------------------------------------------------------------------------------------------

    def _file(self, session: Session) -> Program:
        """Read and write a file that others read and write; sometimes only when it is told that it changed."""
        dice, work = self.dice, self.work
        path = f"/f/{dice.below(self.locks.files)}"
        events = dice.pick((0, 0, lock_api.CONTENTS_MODIFIED))
        contents = dice.pick((b"", work.contents()))
        handle = yield from self.open(session, path, lock_api.MAY_CREATE, events=events, contents=contents)
        if handle is None:
            return
        for _ in range(1 + dice.below(3)):
            if events and dice.chance(0.5):
                handle.news = Wait()
                yield self.process.tasks.within(handle.news, dice.around(S))
            what = dice.pick(("read", "write", "cas", "stat"))
            if what in {"read", "stat"}:
                if what == "read":
                    found = yield from cached.read(session, handle, lock_api.GetContentsAndStat)
                else:
                    found = yield from session.do(lock_api.GetContentsAndStat, handle, False)
                if isinstance(found, lock_api.ContentsAndStat):
                    handle.seen = found.stat.content_generation
            else:
                generation = handle.seen if what == "cas" else None
                yield from session.do(lock_api.SetContents, handle, work.contents(), generation)
            if session.is_over:
                return
        yield from self.close(session, handle)

    def _node(self, session: Session) -> Program:
        """Nodes that are gone with whoever has them open, or when somebody deletes them."""
        dice, work = self.dice, self.work
        directory = f"/d/{dice.below(2)}"
        above = yield from self.open(
            session, directory, lock_api.MAY_CREATE, directory=True, ephemeral=True, events=dice.pick((0, lock_api.EVENTS))
        )
        if above is None:
            return
        path = f"{directory}/{dice.below(2)}"
        create = dice.pick((lock_api.MAY_CREATE, lock_api.MAY_CREATE, lock_api.MUST_CREATE))
        handle = yield from self.open(
            session, path, create, ephemeral=dice.chance(0.7), contents=work.contents(), events=dice.pick((0, lock_api.EVENTS))
        )
        if handle is not None:
            for _ in range(dice.below(3)):
                what = dice.pick(("list", "lock", "write", "read", "delete"))
                if what == "list":
                    yield from cached.read(session, above, lock_api.ReadDir)
                elif what == "lock":
                    yield from session.do(lock_api.Acquire, handle, wait=dice.chance(0.5))
                elif what == "write":
                    yield from session.do(lock_api.SetContents, handle, work.contents())
                elif what == "read":
                    yield from cached.read(session, handle, lock_api.GetContentsAndStat)
                else:
                    yield from session.do(lock_api.DeleteNode, handle)
                yield self.process.tasks.sleep(dice.around(self.hold_ns // 4))
                if session.is_over:
                    return
            yield from self.close(session, handle)
        yield from self.close(session, above)

    def _meddle(self, session: Session) -> Program:
        """Ask about grants that anybody had; touch what is another's, which must not work."""
        dice, work = self.dice, self.work
        if work.known and dice.chance(0.7):
            yield self.process.ask(lock_api.CheckSequencer(dice.pick(list(work.known))))
            return
        handles = [handle for worker in work.workers for other in worker.process.sessions.values() for handle in other.handles.values()]
        others = [handle for handle in handles if handle not in session.handles.values()]
        if others:
            handle = dice.pick(others)
            kind = dice.pick((lock_api.Release, lock_api.Close, lock_api.Acquire, lock_api.DeleteNode))
            yield from session.do(kind, handle)
        else:
            yield self.process.ask(lock_api.Open(session.number, bytes(lock_api.TOKEN_BYTES), "/l/0"))

    # -- handles -----------------------------------------------------------------------------------------------------------

    def open(self, session: Session, path: str, create: int, **named: object) -> Program:
        """A handle, with the directories that it stands in; None when there is none to be had."""
        opened = yield from session.do(lock_api.Open, None, path, create, **named)
        if isinstance(opened, errors.NoSuchNode):
            names = path.split("/")[1:-1]
            for depth in range(1, len(names) + 1):
                above = "/" + "/".join(names[:depth])
                made = yield from session.do(lock_api.Open, None, above, lock_api.MAY_CREATE, directory=True)
                if isinstance(made, Opened):
                    yield from session.do(lock_api.Close, Handle(made.handle, above, made.stat.instance, 0))
            opened = yield from session.do(lock_api.Open, None, path, create, **named)
        if not isinstance(opened, Opened):
            return None
        delay_ms = named.get("lock_delay_ms", 0)
        assert isinstance(delay_ms, int)
        handle = Handle(opened.handle, path, opened.stat.instance, delay_ms)
        if session.is_over:
            return None
        session.handles[opened.handle] = handle
        return handle

    def close(self, session: Session, handle: Handle) -> Program:
        """Close it, whatever the cell answers, unless the session is over."""
        session.give_up(handle)
        yield from self._settle(session, lock_api.Close, handle)
        session.handles.pop(handle.number, None)

    def _settle(self, session: Session, kind: type[lock_api.Close | lock_api.Release], handle: Handle) -> Program:
        """Ask until the cell has said yes or no, or the session is over."""
        while not session.is_over:
            done = yield from session.do(kind, handle)
            if not isinstance(done, errors.Error) or (done.definite and not isinstance(done, NO_ANSWER)):
                return
            yield self.process.tasks.sleep(AGAIN_NS)
