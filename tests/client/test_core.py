"""The whole core against a cell that misbehaves in every way that a cell may: what it tells its caller is true, and comes in time."""

import random
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

import pytest

from gaios import entry, errors
from gaios.api import Event
from gaios.client.core import READ, WRITE, Core
from gaios.client.tuning import MS
from gaios.entry import Identity
from gaios.errors import ConfigurationError, Error, NotANumber, NotMaster, Overloaded, Unavailable, Unknown, UnknownSession
from gaios.transport import (
    Decoder,
    Kind,
    Status,
    Welcome,
    decode_request,
    decode_submit,
    encode_answer,
    encode_events,
    encode_pong,
    encode_watch_end,
)
from tests.client.script import CELL, Script

NAMES = ("a:1", "b:2", "c:3")


class Misbehaving:
    """Three replicas, one log: masters change, connections break and stall, entries linger and come up later, sessions are forgotten."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.core = Core(NAMES, seed)
        self.now = 0
        self.events: list[tuple[int, int, Callable[[], object]]] = []
        self.numbers = 0
        self.master = "a:1"
        self.connections: dict[str, object] = {}
        self.stalled: dict[str, int] = {}
        self.sessions: dict[Identity, tuple[list[int], dict[int, bytes | Error]]] = {}
        self.slot = 0
        self.applied: dict[bytes, int] = {}
        self.outcomes: dict[int, tuple[int, bytes | Error]] = {}
        self.calls: dict[int, tuple[bytes, int]] = {}
        self.calm = False

    # the world

    def later(self, ns: int, what: Callable[[], object]) -> None:
        self.at(self.now + ns, what)

    def at(self, when: int, what: Callable[[], object]) -> None:
        self.numbers += 1
        heappush(self.events, (when, self.numbers, what))

    def run(self, until: int) -> None:
        while True:
            tick = self.core.deadline_ns()
            due = min(self.events[0][0] if self.events else until, tick, until)
            self.now = max(self.now, due)
            if self.events and self.events[0][0] <= self.now:
                heappop(self.events)[2]()
            elif tick <= self.now:
                self.core.tick(self.now)
            elif self.now >= until:
                return
            self.carry_out()

    def carry_out(self) -> None:
        output = self.core.drain()
        for endpoint in output.close:
            self.connections.pop(endpoint, None)
        for endpoint in output.dial:
            self.dial(endpoint)
        for endpoint, data in output.send:
            connection = self.connections[endpoint]
            for kind, body in Decoder(1 << 26, magic=False).feed(data):
                self.on_wire(endpoint, partial(self.serve, endpoint, connection, kind, body))
        for number, outcome in output.finished:
            assert number not in self.outcomes
            self.outcomes[number] = (self.now, outcome)

    def on_wire(self, endpoint: str, what: Callable[[], object]) -> None:
        """In order on one connection, a little later; much later while it stalls."""
        at = max(self.now + self.dice.randrange(1, 3) * MS // 10, self.stalled.get(endpoint, 0))
        self.stalled[endpoint] = at
        self.at(at, what)

    def dial(self, endpoint: str) -> None:
        connection = self.connections[endpoint] = object()
        if not self.calm and self.dice.random() < 0.2:
            self.later(self.dice.randrange(5) * MS, lambda: self.break_(endpoint, connection))
            return
        welcome = Welcome(version=1, cell=CELL, serving=self.master == endpoint, master=self.hint())
        self.on_wire(endpoint, lambda: self.to_client(endpoint, connection, lambda: self.core.opened(self.now, endpoint, welcome)))

    def to_client(self, endpoint: str, connection: object, what: Callable[[], object]) -> None:
        if self.connections.get(endpoint) is connection:
            what()

    def break_(self, endpoint: str, connection: object) -> None:
        if self.connections.get(endpoint) is connection:
            del self.connections[endpoint]
            self.core.closed(self.now, endpoint, "reset")

    def hint(self) -> str:
        return self.dice.choice(["", self.master, self.dice.choice(NAMES)])

    def trouble(self) -> None:
        if self.calm:
            return
        choice = self.dice.randrange(4)
        endpoint = self.dice.choice(NAMES)
        if choice == 0:
            self.master = endpoint
            for connected, connection in list(self.connections.items()):
                # Replicas say so unasked, unless it is lost with the connection or comes late.
                self.reply(connected, connection, encode_pong(0, connected == endpoint, self.hint()))
        elif choice == 1 and endpoint in self.connections:
            self.break_(endpoint, self.connections[endpoint])
        elif choice == 2:
            self.stalled[endpoint] = self.now + self.dice.randrange(1, 2_000) * MS
        elif self.sessions and self.dice.random() < 0.3:
            del self.sessions[self.dice.choice(list(self.sessions))]
        self.later(self.dice.randrange(1, 200) * MS, self.trouble)

    # a replica

    def serve(self, endpoint: str, connection: object, kind: int, body: bytes) -> None:
        if self.connections.get(endpoint) is not connection and self.dice.random() < 0.5:
            return  # bytes that were on their way when the connection broke may arrive, or not
        if kind == Kind.PING:
            self.reply(endpoint, connection, encode_pong(decode_request(body), endpoint == self.master, self.hint()))
            return
        request, data = decode_submit(body)

        def answer(status: int, reply: bytes | Error = b"", slot: int = 0) -> None:
            packed = errors.pack(reply) if isinstance(reply, Error) else reply
            self.reply(endpoint, connection, encode_answer(request, status, slot, 0, packed))

        dice = self.dice.random() if not self.calm else 1.0
        if endpoint != self.master:
            answer(Status.NOT_MASTER, NotMaster(replica=1, master=self.hint()))
        elif kind == Kind.READ:
            answer(Status.UNAVAILABLE) if dice < 0.1 else answer(Status.DONE, b"read")
        elif dice < 0.05:
            answer(Status.OVERLOADED, Overloaded(what="q", limit=1, unit="entries"))
        elif dice < 0.10:
            answer(Status.IN_DOUBT)  # and it is never chosen
        elif dice < 0.15:
            answer(Status.IN_DOUBT)
            self.later(self.dice.randrange(3_000) * MS, lambda: self.apply(data))
        elif dice < 0.20:
            self.later(self.dice.randrange(3_000) * MS, lambda: self.apply(data))  # chosen late, by another master; nobody answers
        elif dice < 0.23:
            pass
        else:
            self.later(self.dice.randrange(1, 20) * MS, lambda: answer(*self.apply(data)))

    def reply(self, endpoint: str, connection: object, frame: bytes) -> None:
        ((kind, body),) = Decoder(1 << 26, magic=False).feed(frame)
        self.on_wire(endpoint, lambda: self.to_client(endpoint, connection, lambda: self.core.received(self.now, endpoint, kind, body)))

    def apply(self, data: bytes) -> tuple[Any, ...]:
        """The log: in this order, exactly once.  [SAFETY 19]"""
        submitted = entry.check_submitted(data)
        self.slot += 1
        if submitted.kind == entry.Kind.REGISTER:
            self.sessions[Identity(self.slot, 0)] = ([0], {})
            return Status.DONE, b"", self.slot
        session = self.sessions.get(submitted.identity)
        if session is None:
            return Status.UNKNOWN_SESSION, UnknownSession(slot=submitted.identity.slot, index=0)
        mark, answers = session
        mark[0] = max(mark[0], submitted.acknowledged)
        if submitted.sequence <= mark[0]:
            return (Status.STALE,)
        if submitted.sequence not in answers:
            if submitted.command.endswith(b"!"):
                answers[submitted.sequence] = NotANumber(key=b"k", reason=submitted.command.decode())
            else:
                self.applied[submitted.command] = self.applied.get(submitted.command, 0) + 1
                answers[submitted.sequence] = b"reply to " + submitted.command
        reply = answers[submitted.sequence]
        return (Status.REFUSED if isinstance(reply, Error) else Status.DONE), reply

    # the caller

    def ask(self, within_ms: int = 0) -> None:
        number = len(self.calls)
        command = b"%d%s" % (number, b"!" if number % 7 == 3 else b"")
        kind = READ if number % 5 == 4 else WRITE
        deadline = self.now + (within_ms or self.dice.choice([50, 500, 2_000, 5_000])) * MS
        self.calls[self.core.call(self.now, kind, command, deadline)] = (command, deadline)


@pytest.mark.seeds(60)
def test_outcomes_are_true_and_in_time(seed: int) -> None:
    """Done means once, a definite error means never, `Unknown` at most once; each by its deadline; and after the trouble all is done."""
    world = Misbehaving(seed)
    world.trouble()
    for _ in range(150):
        world.ask()
        world.run(world.now + world.dice.randrange(60) * MS)
    world.run(world.now + 10_000 * MS)
    world.calm = True
    world.run(world.now + 5_000 * MS)
    assert world.outcomes.keys() == world.calls.keys()
    kinds = {"done": 0, "refused": 0, "unknown": 0}
    for number, (command, deadline) in world.calls.items():
        at, outcome = world.outcomes[number]
        times = world.applied.get(command, 0)
        assert at <= deadline
        if isinstance(outcome, bytes):
            kinds["done"] += 1
            assert outcome == b"read" or (times == 1 and outcome == b"reply to " + command)
        elif outcome.definite:
            kinds["refused"] += 1
            assert times == 0
            assert isinstance(outcome, Unavailable | Overloaded) or command.decode() in str(outcome)
        else:
            kinds["unknown"] += 1
            assert isinstance(outcome, Unknown)
            assert times <= 1
    assert kinds["done"] > 30
    before = len(world.calls)
    for _ in range(20):
        world.ask(250)
        world.run(world.now + 300 * MS)
    for number in list(world.calls)[before:]:
        outcome = world.outcomes[number][1]
        assert isinstance(outcome, bytes | NotANumber), f"{outcome!r} although nothing is wrong any more"
    assert world.core._calls._bytes == 0
    assert not world.core._calls._open


def test_the_same_seed_gives_the_same_client() -> None:
    """The simulator replays it.  [DESIGN §4]"""
    worlds = [Misbehaving(5), Misbehaving(5)]
    for world in worlds:
        world.trouble()
        for _ in range(50):
            world.ask()
            world.run(world.now + world.dice.randrange(60) * MS)
    assert repr(worlds[0].outcomes) == repr(worlds[1].outcomes)


def test_fuzz_whatever_a_replica_says_costs_its_connection_at_most() -> None:
    """100,000 frames of all kinds, good ones mutated, to a client with calls and a watch under way."""
    dice = random.Random(6)
    script = Script("a:1").at_home("a:1")
    refusal = errors.pack(NotMaster(replica=1, master="a:1"))
    dropped = watch = 0
    for _ in range(100_000):
        while script.core.master == "":
            script.core.call(script.now, READ, b"x", script.now + 1_000 * MS)
            script.step()
            if script.take_dialled():
                script.welcome("a:1", serving=True)
            else:
                script.advance(20 * MS)
                script.pong("a:1", serving=True)
            script.take()
        if dice.random() < 0.02:
            script.core.call(script.now, dice.choice([READ, WRITE]), b"x", script.now + 1_000 * MS)
            script.core.unwatch(watch)
            watch = script.core.watch(script.now, b"k", None, 1, script.now + 1_000 * MS)
            script.step()
        number = max(0, script.core._calls._numbers - dice.randrange(20))
        good = dice.choice(
            [
                encode_answer(number, dice.randrange(12), 1, 2, dice.choice([b"", refusal])),
                encode_pong(number, dice.random() < 0.8, "a:1"),
                encode_events(number, dice.randrange(9), [Event(b"k", b"v", 1, 1, 1)]),
                encode_watch_end(number, NotMaster(replica=1)),
            ]
        )
        body = good[9:]
        if dice.random() < 0.1:
            at = dice.randrange(len(body))
            body = body[:at] + dice.randbytes(dice.randrange(3)) + body[at + dice.randrange(3) :]
        script.core.received(script.now, "a:1", good[8] if dice.random() < 0.99 else dice.randrange(256), body)
        dropped += bool(script.step().close)
    assert 3_000 < dropped < 90_000, dropped
    script.core.shut(script.now)
    script.step()
    assert not script.core._calls._open


def test_no_endpoint_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="no endpoints"):
        Core([])


def test_warming_up_finds_the_master_before_anything_is_asked() -> None:
    script = Script()
    script.core.warm_up(script.now)
    script.step()
    (first,) = script.dialled
    script.welcome(first, serving=True)
    assert script.core.master == first
    script.read()
    assert len(script.take(Kind.READ)) == 1


def test_warming_up_does_not_go_on_for_ever() -> None:
    """A client that nobody uses leaves a cell that is away alone."""
    script = Script()
    script.core.warm_up(script.now)
    for _ in range(50):
        script.advance(100 * MS)
        for endpoint in script.take_dialled():
            script.lose(endpoint, "connection refused")
    script.advance(60_000 * MS)
    assert script.dialled == []
