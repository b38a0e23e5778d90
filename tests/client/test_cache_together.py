"""The client cache and everything that makes it consistent, together: leases, notices, the gate, the machine, masters that come and go.

One applied state stands for the log; what a master proposed is applied in its order, or comes to light in a later reign, or never does.
Frames are delayed, lost with their connections, and read late by masters that their clients have left. Clocks drift. Whatever is answered
from a cache is compared with the state of that very moment: since a change waits for the caches, they may never differ. And no change waits
for longer than it should, also where a client hears all and acknowledges nothing.  [SAFETY 24]
"""

import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from gaios import caching, lock_api
from gaios.client.cache import Cache, Fill
from gaios.client.dice import Dice
from gaios.client.lease import AskAgain, Leases, State, shortened_ns
from gaios.client.state import Link
from gaios.client.tuning import MS
from gaios.errors import Error
from gaios.lock_api import Charge, Notice
from gaios.locks import LockService, Steward, steward
from gaios.locks.cachers import FAR, Cachers
from gaios.locks.change import Ended
from gaios.locks.gate import Gate
from gaios.locks.marks import Marks
from gaios.machine import Context
from gaios.transport import Answer, Decoder, Status, decode_keepalive

LEASE_MS = 1_000
TOKEN = b"t" * 16
PATHS = ("/f", "/g", "/d/x", "/d/y", "/e")


class Wire:
    """One connection of one client to one master: frames each way, in order."""

    def __init__(self, reign: int) -> None:
        self.reign = reign
        self.up: deque[tuple[str, Any, Any]] = deque()
        self.down: deque[tuple[str, Any, Any]] = deque()
        self.link = Link(f"master {reign}")


class Client:
    """A caching session, or none: then it only writes."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.rate_ppm = world.random.randint(-400, 400)
        self.requests = 0
        self.leases = Leases(self.request, Dice(number))
        self.wire = Wire(0)
        self.session = 0
        self.cache: Cache | None = None
        self.handles: dict[str, tuple[int, int]] = {}
        self.asked: dict[int, tuple[Fill, str, Any]] = {}
        self.open()

    @property
    def now(self) -> int:
        return self.world.now + self.world.now * self.rate_ppm // 1_000_000

    def request(self) -> int:
        self.requests += 1
        return self.requests

    def open(self) -> None:
        """A session, and a handle of each file that is there: done at once, for these are not what is tried."""
        world, began = self.world, self.now
        self.leases = Leases(self.request, Dice(self.number))
        self.handles.clear()
        self.asked.clear()
        opened = world.do(lock_api.OpenSession(TOKEN, LEASE_MS, caching=True))
        self.session = opened.session
        lease = self.leases.add(self.session, TOKEN, LEASE_MS, began + shortened_ns(LEASE_MS), 10**15)
        self.cache = Cache(lease)
        self.connect()

    def connect(self) -> None:
        """To the present master; the old connection's frames up may be read late, those down are lost."""
        world = self.world
        old, self.wire = self.wire, Wire(world.reign)
        if old.up:
            world.late.append(old)
        self.leases.lost(old.link.leases)
        old.link.leases = {}
        self.leases.start(self.now, self.wire.link, new=True)
        self.pump()

    def pump(self) -> None:
        for data in self.wire.link.out:
            for _, body in Decoder(1 << 20, magic=False).feed(data):
                keepalive = decode_keepalive(body)
                if self.number == self.world.mute:
                    keepalive = keepalive._replace(told=0)
                self.wire.up.append(("keepalive", keepalive.request, keepalive))
        self.wire.link.out = []
        told, self.leases.told = self.leases.told, []
        assert self.cache is not None
        for _, news in told:
            if news == State.EXPIRED:
                self.cache.flush()
                self.open()
                return
            if isinstance(news, AskAgain) or news == State.JEOPARDY:
                self.cache.flush()
            elif isinstance(news, tuple):
                for notice in news:
                    assert isinstance(notice, Notice)
                    if notice.what == caching.INVALIDATE:
                        self.cache.forget(notice.name)

    def read(self) -> None:
        """From the cache, where it is compared with the truth; else the cell is asked, and the answer kept if it may be."""
        world, cache = self.world, self.cache
        assert cache is not None
        path, what = world.random.choice(PATHS), world.random.choice(("read", "find", "list"))
        question: Any
        if what == "find":
            key: Any = "find"
            question = caching.FindNode(self.session, TOKEN, path)
        else:
            if what == "list":
                path = world.random.choice(("/", "/d"))
            if path not in self.handles or not world.is_open(self.session, self.handles[path][0]):
                try:
                    opened = world.do(lock_api.Open(self.session, TOKEN, path))
                except Error:
                    return
                self.handles[path] = (opened.handle, opened.stat.instance)
            handle, instance = self.handles[path]
            key = (what, instance)
            if what == "list":
                question = lock_api.ReadDir(self.session, TOKEN, handle)
            else:
                question = lock_api.GetContentsAndStat(self.session, TOKEN, handle)
        kept = cache.get(self.now, path, key)
        if kept is not None:
            world.counts["hit " + what] += 1
            truth = world.ask(question)
            assert kept == truth, f"seed {world.seed}: {path} {what}: {kept} was answered from a cache, {truth} is there"
            return
        request = self.request()
        self.asked[request] = (cache.begin(path), path, key)
        self.wire.up.append(("read", request, caching.encode(caching.Cached(lock_api.encode(question)))))

    def receive(self) -> None:
        if not self.wire.down:
            return
        kind, request, body = self.wire.down.popleft()
        assert self.cache is not None
        if kind == "keepalive":
            if request in self.wire.link.leases:
                self.leases.answered(self.now, self.wire.link, Answer(request, body[0], 0, 0, body[1]))
                self.pump()
            return
        if request in self.asked:
            fill, _, key = self.asked.pop(request)
            if body is not None and body[0]:
                self.cache.keep(self.now, fill, key, body[1], 10)
                self.world.counts["kept"] += 1
            else:
                self.cache.leave(fill)


class World:
    """See the module."""

    binds = True
    """A command is bound to the reign in which it was proposed."""
    pauses = 0.03

    def __init__(self, seed: int, *, clients: int = 3, mute: int = 0) -> None:
        """`mute`: a client that acknowledges nothing, although it carries it out."""
        self.seed, self.random = seed, random.Random(seed)
        self.now = 10**12
        self.machine = LockService()
        self.slot = 0
        self.reign = self.newest = 65_537
        self.counts: Counter[str] = Counter()
        self.proposed: deque[tuple[int, Any, bytes]] = deque()
        """By this master: the reign, a token, the command; in the log's order."""
        self.buried: list[tuple[int, Any, bytes]] = []
        """What deposed masters proposed, to be recovered by some later one."""
        self.late: list[Wire] = []
        self.tokens = 0
        self.mute = mute
        self.waits: dict[Any, int] = {}
        """What the gate holds, and since when."""
        self.looked = self.now
        """When the gate was last asked what may pass."""
        self.steward = self.make_steward()
        self.begin_epoch()
        self.owner = self.do(lock_api.OpenSession(TOKEN, 60_000)).session
        self.do(lock_api.Open(self.owner, TOKEN, "/d", lock_api.MAY_CREATE, directory=True))
        self.clients = [Client(self, number) for number in range(1, clients + 1)]

    # -- the log ---------------------------------------------------------------------------------------------------------

    def make_steward(self) -> Steward:
        return Steward(self.machine, self.propose_own)

    def context(self) -> Context:
        self.slot += 1
        return Context(self.slot, 0, 0, self.reign)

    def begin_epoch(self) -> None:
        self.machine.begin_epoch(self.context())
        self.take()

    def propose_own(self, number: int, command: bytes) -> None:
        """Ahead of what waits for a slot; how much has one already, chance says."""
        self.proposed.insert(self.random.randint(0, len(self.proposed)), (self.reign, number, command))

    def submit(self, command: Any) -> None:
        """A client's command comes to the master."""
        self.tokens += 1
        data = lock_api.encode(command)
        self.steward.gate.begin(self.now, self.reign)
        if self.steward.gate.admit(self.now, ("t", self.tokens), data, data):
            self.proposed.append((self.reign, ("t", self.tokens), data))
        else:
            self.counts["held"] += 1
            self.waits[("t", self.tokens)] = self.now

    def do(self, command: Any) -> Any:
        """One that changes no node, from the client to its answer."""
        self.submit(command)
        reply: Any = None
        while self.proposed:
            reply = self.apply()
        if isinstance(reply, Error):
            raise reply
        return reply

    def apply(self) -> Any:
        """The next of the log: the reply, or the error."""
        reign, token, data = self.proposed.popleft()
        mine = reign == self.reign
        reply: Any = None
        status, body = Status.NOT_MASTER, b""
        effects: Sequence[Any] = ()
        if mine:
            work = self.machine.apply if isinstance(token, tuple) else self.machine.apply_own
            try:
                body, effects = work(data, self.context())
                status, reply = Status.DONE, lock_api.decode_reply(body)
            except Error as refusal:
                status, reply = Status.REFUSED, refusal
        self.steward.applied(effects)
        self.counts["ended"] += sum(isinstance(effect, Ended) for effect in effects)
        if mine and isinstance(token, tuple):
            self.steward.gate.answered(token)
        elif mine:
            self.steward.charged(self.now, token, status, body)
            self.counts["quiet"] += _is_quiet(data)
        return reply

    def fail_over(self) -> None:
        """Some of what was proposed is chosen, some comes to light later or never; whatever the master knew alone is lost."""
        for _ in range(self.random.randint(0, len(self.proposed))):
            self.apply()
        self.buried += self.proposed
        self.proposed.clear()
        self.newest += 65_536
        if self.random.random() < 0.5:
            # A later reign recovers what an earlier one did not: before its own epoch.
            self.random.shuffle(self.buried)
            for _ in range(self.random.randint(0, len(self.buried))):
                self.recover(*self.buried.pop())
        self.reign = self.newest
        self.waits.clear()
        self.steward = self.make_steward()
        self.begin_epoch()

    def recover(self, reign: int, token: Any, data: bytes) -> None:
        if reign == self.reign:
            # The reign's own would have been chosen in order; here it is one of those that never were.
            return
        self.counts["buried"] += 1
        if self.binds or not isinstance(token, tuple):
            return
        with contextlib.suppress(Error):
            self.machine.apply(data, self.context())

    # -- the master ------------------------------------------------------------------------------------------------------

    def take(self) -> None:
        for (wire, request), status, body in self.steward.take(self.now, self.reign):
            wire.down.append(("keepalive", request, (status, body)))
        for token, data in self.steward.gate.take(self.now):
            self.proposed.append((self.reign, token, data))
            del self.waits[token]
        # What one may change can become more while it waits, once: the session to be closed opened something else.
        late = [token for token, since in self.waits.items() if self.looked - since > 2 * LEASE_MS * MS]
        assert not late, f"seed {self.seed}: {late} waits for too long"
        self.looked = self.now

    def serve(self, wire: Wire) -> None:
        """The next frame that came over a connection."""
        if not wire.up:
            return
        kind, request, body = wire.up.popleft()
        if wire.reign != self.reign:
            if kind == "keepalive":
                wire.down.append(("keepalive", request, (Status.NOT_MASTER, b"")))
            else:
                wire.down.append(("read", request, None))
        elif kind == "keepalive":
            self.steward.keepalive((wire, request), body, reign=self.reign, leased=True)
        else:
            question, may = self.steward.gate.fetch(self.now, self.reign, body)
            try:
                wire.down.append(("read", request, (may, strip(lock_api.decode_answer(self.machine.query(question))))))
            except Error:
                wire.down.append(("read", request, None))
        self.take()

    def ask(self, question: Any) -> Any:
        try:
            return strip(lock_api.decode_answer(self.machine.query(lock_api.encode(question))))
        except Error as error:
            return error

    def is_open(self, session: int, handle: int) -> bool:
        known = self.machine._index.sessions.get(session)
        return known is not None and handle in known.handles and self.machine._index.node_of(known.handles[handle]) is not None

    # -- what happens ----------------------------------------------------------------------------------------------------

    def change(self) -> None:
        """Somebody changes something: a file's contents, whether it is there, who is there, who holds its lock."""
        path = self.random.choice(PATHS)
        index = self.machine._index
        sessions = [number for number, each in index.sessions.items() if not each.record.ending]
        session = self.random.choice(sessions)
        handles = [each.number for each in index.sessions[session].handles.values()]
        what = self.random.randrange(9)
        if what <= 1 or not handles:
            is_ephemeral = self.random.random() < 0.7
            self.submit(lock_api.Open(session, TOKEN, path, lock_api.MAY_CREATE, ephemeral=is_ephemeral, contents=b"%d" % self.slot))
            return
        handle = self.random.choice(handles)
        of = (session, TOKEN, handle)
        if what <= 3:
            self.submit(lock_api.SetContents(*of, b"%d" % self.slot))
        elif what == 4:
            self.submit(lock_api.DeleteNode(*of))
        elif what == 5:
            self.submit(lock_api.Close(*of))
        elif what == 6:
            self.submit(lock_api.Acquire(*of))
        elif what == 7:
            self.submit(lock_api.SetAcl(*of, (str(self.slot), "", "")))
        elif self.random.random() < 0.5 and session != self.owner and all(session != client.session for client in self.clients):
            self.submit(lock_api.CloseSession(session, TOKEN))
        else:
            self.submit(lock_api.OpenSession(TOKEN, LEASE_MS))

    def step(self) -> None:
        dice = self.random.random()
        client = self.random.choice(self.clients)
        if dice < 0.30:
            client.read()
        elif dice < 0.55:
            self.serve(client.wire)
        elif dice < 0.80:
            client.receive()
        elif dice < 0.82:
            self.change()
        elif dice < 0.88:
            if self.proposed:
                self.apply()
                self.take()
        elif dice < 0.90 and self.late:
            wire = self.random.choice(self.late)
            self.serve(wire)
            if not wire.up:
                self.late.remove(wire)
        elif dice < 0.903:
            self.fail_over()
        elif dice < 0.91 or client.wire.reign != self.reign:
            client.connect()
        else:
            self.pass_time()

    def pass_time(self) -> None:
        long = self.random.random() < self.pauses
        self.now += self.random.randint(1, 1_500 if long else 60) * MS
        self.take()
        if long and self.random.random() < 0.7:
            return  # every client sleeps
        for client in self.clients:
            client.leases.tick(client.now)
            client.pump()


def strip(answer: Any) -> Any:
    """Without lock generations, which are not kept."""
    if isinstance(answer, lock_api.ContentsAndStat):
        return (answer.contents, *_numbers(answer.stat))
    if isinstance(answer, lock_api.Children):
        return tuple((name, *_numbers(stat)) for name, stat in answer.children)
    assert isinstance(answer, caching.Found)
    return answer.there


def _numbers(stat: lock_api.Stat) -> tuple[Any, ...]:
    return tuple(getattr(stat, name) for name in stat.__struct_fields__ if name != "lock_generation")


def _is_quiet(data: bytes) -> bool:
    command = lock_api.decode_command(data)
    return isinstance(command, Charge) and command.quiet


def run(seed: int, steps: int = 4_000, mute: int = 0) -> Counter[str]:
    world = World(seed, mute=mute)
    for _ in range(steps):
        world.step()
    return world.counts


def run_all(seeds: range, mute: int = 0) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts.update(run(seed, mute=mute))
    return counts


def break_gate(name: str, instead: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(Gate, name, instead)


def begin_unaware(self: Gate, now: int, reign: int) -> None:
    _begin(self, now, reign)
    self._unaware.clear()


def heard_all(self: Gate, session: int, told: int) -> None:
    _heard(self, session, told)
    self._is_stirred = self._cachers.acknowledged(session, FAR)


def listed_for_all(self: Cachers, now: int, sessions: Iterable[int]) -> None:
    """Charges extend what it was told of before, too."""
    sessions = list(sessions)
    _listed(self, now, sessions)
    for cacher in (self._asked[session] for session in sessions if session in self._asked):
        cacher.told = {path: (number, cacher.until_ns) for path, (number, _) in cacher.told.items()}


_begin, _heard, _listed = Gate.begin, Gate.heard, Cachers.listed
BREAKS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], range]] = {
    # What breaks it, and seeds of which one shows that.
    "a change waits for nobody": (break_gate("_is_blocked", lambda *_: False), range(3)),
    "a new master waits for nobody": (break_gate("begin", begin_unaware), range(5)),
    "what is held or under way may be kept": (lambda patch: patch.setattr(Marks, "has", lambda *_: False), range(3)),
    "a notice counts as seen when it was not": (break_gate("heard", heard_all), range(5)),
    "a lease that was extended counts from before": (break_gate("listed", lambda *_: None), range(30)),
    "a charge changes what others keep": (
        lambda patch: patch.setattr(LockService, "affected_by_charge", lambda *_: frozenset()),
        range(108, 109),
    ),
    "a lease that is over is believed": (lambda patch: patch.setattr(Cache, "_is_safe", lambda *_: True), range(10)),
    "a deposed master's command is carried out": (lambda patch: patch.setattr(World, "binds", False), range(27, 28)),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_rule_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it some run answers from a cache what is not there.  [SAFETY 30]"""
    breaking, seeds = BREAKS[name]
    breaking(monkeypatch)
    with pytest.raises(AssertionError, match="was answered from a cache"):
        run_all(seeds)


@pytest.mark.parametrize("seed", range(12))
def test_what_a_cache_answers_is_what_is_there(seed: int) -> None:
    counts = run(seed)
    assert min(counts[each] for each in ("hit read", "hit find", "hit list")) > 3, counts


@pytest.mark.parametrize("seed", range(6))
def test_a_client_that_acknowledges_nothing_reads_what_is_there_and_holds_up_nobody_for_longer_than_a_lease(seed: int) -> None:
    counts = run(seed, mute=1)
    assert counts["held"] > 3, counts


def test_it_would_hold_up_others_for_as_long_as_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 30]"""
    monkeypatch.setattr(Cachers, "listed", listed_for_all)
    with pytest.raises(AssertionError, match="waits for too long"):
        run_all(range(6), mute=1)


def test_answers_that_leave_something_out_and_notices_that_are_lost_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steward, "NOTICES_MAX", 1)
    monkeypatch.setattr(steward, "NOTICES_KEPT", 3)
    run_all(range(40, 46))


def test_everything_happened() -> None:
    """A check that nothing leads up to proves nothing."""
    counts = run_all(range(20, 26))
    for each in ("held", "kept", "ended", "quiet", "buried"):
        assert counts[each] > 0, each
