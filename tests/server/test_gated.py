"""Claims about what stands between a replica's clients and its log."""

from types import SimpleNamespace
from typing import Any, cast

from gaios import caching, entry, errors, lock_api
from gaios.api import Put
from gaios.api import encode as encode_key_command
from gaios.locks import LockService, Steward
from gaios.log import Answer
from gaios.machine import Context
from gaios.server.gated import Gated
from gaios.transport import KeepAlive, Status

TOKEN = b"t" * 16
REIGN = 65_537
CLIENT = entry.Identity(1, 0)


class Bench:
    """A replica that serves, and what reaches its log; nothing is chosen before a test says so."""

    def __init__(self) -> None:
        self.machine = LockService()
        self.slot = 0
        self.submitted: list[tuple[Any, bytes, bool]] = []
        self.asked: list[tuple[Any, bytes]] = []
        self.answers: list[tuple[Any, Answer]] = []
        self.replica: Any = SimpleNamespace(
            applier=SimpleNamespace(machine=self.machine), is_serving=True, epoch=REIGN, submit=self.submit, read=self.read
        )
        self.steward = Steward(self.machine, lambda *_: None)
        self.gated = Gated(cast("Any", self.replica), self.steward, self.answers.extend)
        self.session = self.do(lock_api.OpenSession(TOKEN, caching=True)).session
        self.handle = self.do(lock_api.Open(self.session, TOKEN, "/f", lock_api.MAY_CREATE)).handle
        self.steward.take(0, REIGN)
        for epoch in (0, REIGN):
            self.steward.keepalive("k", KeepAlive(1, self.session, 1, epoch, 0, TOKEN), reign=REIGN, leased=True)

    def submit(self, _now: int, token: Any, data: bytes, *, bound: bool = False) -> None:
        self.submitted.append((token, data, bound))

    def read(self, _now: int, token: Any, question: bytes) -> None:
        self.asked.append((token, question))

    def do(self, command: Any) -> Any:
        self.slot += 1
        body, effects = self.machine.apply(lock_api.encode(command), Context(self.slot, 0, 0, REIGN))
        self.steward.applied(effects)
        return lock_api.decode_reply(body)

    def write(self) -> bytes:
        return entry.encode(entry.Kind.COMMAND, CLIENT, 1, 0, lock_api.encode(lock_api.SetContents(self.session, TOKEN, self.handle, b"x")))

    def question(self) -> bytes:
        return caching.encode(caching.Cached(lock_api.encode(lock_api.GetContentsAndStat(self.session, TOKEN, self.handle))))

    def fetch(self, request: int) -> bool:
        """Ask, be answered, and look whether that may be kept."""
        self.gated.read(0, (1, request), self.question())
        token, question = self.asked.pop()
        ((_, answer),) = self.gated.answered([(token, Answer(Status.DONE, 1, 0, self.machine.query(question)))])
        may, body = caching.decode_may_cache(answer.body)
        assert isinstance(lock_api.decode_answer(body), lock_api.ContentsAndStat)
        return may


def test_what_is_the_databases_goes_straight_on() -> None:
    bench = Bench()
    data = entry.encode(entry.Kind.COMMAND, CLIENT, 1, 0, encode_key_command(Put(b"k", b"v")))
    for each in (data, entry.register(), b""):
        bench.gated.submit(0, (1, 1), each)
    assert bench.submitted == [((1, 1), each, False) for each in (data, entry.register(), b"")]


def test_a_lock_command_is_bound_and_waits_for_who_keeps_what_it_changes() -> None:
    """[SAFETY 24]"""
    bench = Bench()
    assert bench.fetch(1)
    bench.gated.submit(0, (1, 2), bench.write())
    assert bench.submitted == []
    assert not bench.gated.attend(0)
    assert not bench.fetch(3)
    bench.steward.keepalive("k", KeepAlive(2, bench.session, 2, REIGN, 1, TOKEN), reign=REIGN, leased=True)
    assert bench.gated.attend(0)
    assert bench.submitted == [((1, 2), bench.write(), True)]
    assert not bench.fetch(4)
    bench.gated.answered([((1, 2), Answer(Status.DONE))])
    assert bench.fetch(5)


def test_what_is_held_when_the_reign_ends_is_sent_away() -> None:
    bench = Bench()
    assert bench.fetch(1)
    bench.gated.submit(0, (1, 2), bench.write())
    bench.steward.take(0, 0)
    bench.gated.attend(0)
    assert bench.answers == [((1, 2), Answer(Status.NOT_MASTER))]


def test_what_comes_before_the_first_turn_of_a_reign_is_not_forgotten_in_it() -> None:
    """Frames are taken before the steward hears of the reign: what they left at the gate is that reign's."""
    bench = Bench()
    bench.replica.epoch = REIGN + 65_536
    opening = lock_api.encode(lock_api.Open(bench.session, TOKEN, "/f"))
    bench.gated.submit(0, (1, 2), entry.encode(entry.Kind.COMMAND, CLIENT, 1, 0, opening))
    bench.gated.submit(0, (1, 3), bench.write())
    bench.steward.take(0, bench.replica.epoch)
    bench.gated.attend(0)
    assert bench.answers == []
    assert [bench.steward.gate.has((1, request)) for request in (2, 3)] == [True, True]
    assert [token for token, _, _ in bench.submitted] == [(1, 2)]


def test_a_reign_that_no_turn_saw_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.steward.take(0, 0)
    bench.gated.submit(0, (1, 3), bench.write())
    bench.replica.is_serving = False
    bench.steward.take(0, 0)
    bench.gated.attend(0)
    assert bench.answers == [((1, 3), Answer(Status.NOT_MASTER))]
    assert bench.submitted == []


def test_what_cannot_be_asked_so_is_said_so() -> None:
    bench = Bench()
    bench.gated.read(0, (1, 1), caching.encode(caching.Cached(b"nonsense")))
    ((_, answer),) = bench.answers
    assert answer.status == Status.INVALID
    assert isinstance(errors.unpack(answer.body), errors.InvalidCommand)


def test_a_refusal_is_no_answer_to_keep() -> None:
    bench = Bench()
    bench.gated.read(0, (1, 1), bench.question())
    refused = Answer(Status.REFUSED, 1, 0, b"why")
    assert bench.gated.answered([((1, 1), refused)]) == [((1, 1), refused)]


def test_a_replica_that_does_not_serve_holds_nothing() -> None:
    bench = Bench()
    bench.replica.is_serving = False
    bench.gated.submit(0, (1, 1), bench.write())
    assert bench.submitted == [((1, 1), bench.write(), False)]
    assert not bench.fetch(2)
