"""Bugs of the log: what is written down, when a lease is asked about, who is answered twice."""

from collections.abc import Callable
from typing import Any

from gaios.entry import batch_time_ms
from gaios.log import Answer, Replica, Status, steps
from gaios.log.applier import Applier, extend
from gaios.log.catchup import Catchup
from gaios.log.codec import Message
from gaios.log.hearing import Hearing
from gaios.log.options import FAR
from gaios.log.queue import Queue
from gaios.log.reign import Reign
from gaios.log.sessions import Session, Sessions
from gaios.log.steps import Steps
from gaios.paxos import core
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together


def _without_promise(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The copies keep term, boot and nonce, and forget the promise."""
    return lambda promised, *rest: sound(0, *rest)


def _without_own_promise(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The ballot that a candidate claims for itself is not written down until it accepts something in it."""

    def write_copies(self: Steps) -> None:
        promised = self.core.promised
        if promised % 65_536 == self.core.me:
            self.core.promised = max((ballot for ballot, _ in self.core.acc.values()), default=0)
        try:
            sound(self)
        finally:
            self.core.promised = promised

    return write_copies


def _checked_before(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A lease that was there at the last read is taken for granted at the next."""
    checked: dict[int, int] = {}

    def read(self: Reign, now: int, token: Any, question: bytes) -> None:
        if self.ballot and checked.get(id(self)) == self.ballot:
            self._answer(token, question)
            return
        if self._core.holds_lease(now):
            checked[id(self)] = self.ballot
        sound(self, now, token, question)

    return read


def _asks_one_only(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: whoever was asked in vain is asked again, and two that lag may have chosen each other."""

    def wanted(self: Catchup, now: int, chosen: int) -> tuple[int, range]:
        _, slots = sound(self, now, chosen)
        return self.peers[0], slots

    return wanted


def _with_ballots(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The chain takes in the ballot in which each replica happens to have accepted a value."""

    def apply(self: Replica, now: int) -> None:
        before = self.applier.applied
        sound(self, now)
        for slot in range(before + 1, self.applier.applied + 1):
            if slot in self.core.acc:
                self.applier.chain = extend(self.applier.chain, self.core.acc[slot][0], b"")

    return apply


def _raw_time(sound: Callable[..., Any]) -> Callable[..., Any]:
    def apply(self: Applier, slot: int, value: bytes) -> Any:
        result = sound(self, slot, value)
        self.time_ms = batch_time_ms(value)
        return result

    return apply


def _reigns_on(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Its heartbeats go on, so the others go on refusing everybody else, though none of their grants comes back."""

    def tick(self: Reign, *arguments: Any) -> bool:
        sound(self, *arguments)
        return True

    return tick


def _unbounded(sound: Callable[..., Any]) -> Callable[..., Any]:
    def put(self: Queue, token: Any, entry: bytes) -> None:
        self.waiting.append((token, entry))
        self._bytes += len(entry)

    return put


def _waits_on(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: a reign ends while somebody waits for the rest of a crowd, and the next one begins with that wait."""

    def end(self: Reign, **named: Any) -> None:
        rally = self._rally
        left = rally._seen, rally.until_ns
        sound(self, **named)
        rally._seen, rally.until_ns = left

    return end


def _waits_for_anybody(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whether or not anything waits, the reign wants a turn when a wait is over."""

    def due_ns(self: Reign, **named: Any) -> int:
        due: int = sound(self, **named)
        return due if self.in_flight else min(due, self._rally.until_ns or FAR)

    return due_ns


def _reports_alone(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: what only a state record remembers of a torn batch is reported and voted for, and never written again."""

    def restore(self: Steps, *arguments: Any) -> None:
        sound(self, *arguments)
        self.output.records.clear()

    return restore


def _denies(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever waits when a reign ends is sent to another master, though its value may be chosen yet."""

    def end(self: Reign, **named: Any) -> None:
        answers = self._steps.output.answers
        before = len(answers)
        sound(self, **named)
        answers[before:] = [
            (token, Answer(Status.NOT_MASTER) if answer.status == Status.IN_DOUBT else answer) for token, answer in answers[before:]
        ]

    return end


def _learns_for_ever(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: each value that a candidate learns is a step forward, also where another reign chose it."""

    def note(self: Hearing, now: int, member: int, message: Message, *, fired: bool) -> None:
        sound(self, now, member, message, fired=fired)
        if message[0] == core.CHOSEN and fired and self._is_candidate:
            self._election.extend(now)

    return note


EXHIBITS = [
    Exhibit(
        "promise not persisted",
        "log",
        "SAFETY 5",
        method(steps, "Copies", _without_promise),
        ("persist, then say", "agreement"),
        scenario("contested"),
    ),
    Exhibit(
        "ballot reused after a crash",
        "log",
        "SAFETY 1",
        method(Steps, "_write_copies", _without_own_promise),
        ("persist, then say", "agreement"),
        scenario("contested"),
    ),
    Exhibit(
        "a lease check reused for a later read",
        "log",
        "SAFETY 13",
        method(Reign, "read", _checked_before),
        ("linearizability", "linearizability by witness", "revisions monotone"),
        scenario("cut-off-masters"),
    ),
    Exhibit(
        "a read asks for no lease",
        "log",
        "SAFETY 13",
        method(Replica, "read", lambda sound: lambda self, now, token, question: self._reign._answer(token, question)),
        ("linearizability", "linearizability by witness", "revisions monotone"),
        scenario("cut-off-masters"),
    ),
    Exhibit(
        "a master that hears nobody keeps its reign",
        "log",
        "SAFETY 9",
        method(Reign, "tick", _reigns_on),
        ("availability",),
        scenario("deaf-masters"),
    ),
    Exhibit(
        "two laggards ask only each other",
        "log",
        "SAFETY 6",
        method(Catchup, "wanted", _asks_one_only),
        ("liveness",),
        scenario("laggards"),
    ),
    Exhibit(
        "the log's chain depends on ballots",
        "log",
        "SAFETY 16",
        method(Replica, "_apply", _with_ballots),
        ("agreement", "identical state"),
        scenario("contested"),
    ),
    Exhibit(
        "the log's time goes back",
        "log",
        "SAFETY 17",
        together(
            method(Applier, "apply", _raw_time),
            method(Reign, "_time_ms", lambda sound: lambda self, now: self._wall_ms + (now - self._started_ns) // 1_000_000),
        ),
        ("time monotone",),
        scenario("clocks-off"),
    ),
    Exhibit(
        "the master's queue has no bound",
        "log",
        "SAFETY 28",
        method(Queue, "put", _unbounded),
        ("bounded queues",),
        scenario("overload"),
    ),
    Exhibit(
        "the exactly-once table has no bound",
        "log",
        "SAFETY 28",
        method(Sessions, "register", lambda sound: lambda self, identity: self._known.update({identity: Session(identity)})),
        ("bounded queues",),
        scenario("small-tables"),
    ),
    Exhibit(
        "exactly-once table ignored",
        "log",
        "SAFETY 19",
        method(Sessions, "recall", lambda sound: lambda self, *what: (sound(self, *what), None)[1]),
        ("exactly once",),
    ),
    Exhibit(
        "a master serves before its epoch is applied",
        "log",
        "SAFETY 14",
        method(Reign, "is_serving", lambda sound: property(lambda self: self.ballot != 0)),
        ("linearizability", "linearizability by witness", "revisions monotone"),
        scenario("churn"),
    ),
    Exhibit(
        "what a torn batch left in a state record alone is not written again",
        "log",
        "SAFETY 15",
        method(Steps, "restore", _reports_alone),
        ("durability", "agreement"),
        scenario("torn-heads"),
    ),
    Exhibit(
        "a candidate without a majority goes on while it learns",
        "log",
        "SAFETY 9",
        method(Hearing, "_note", _learns_for_ever),
        ("liveness",),
        scenario("loaded-candidates"),
    ),
    Exhibit(
        "a wait for the crowd outlives its reign",
        "log",
        "SAFETY 28",
        together(method(Reign, "end", _waits_on), method(Reign, "due_ns", _waits_for_anybody)),
        ("bounded queues",),
        scenario("changing-crowds"),
    ),
    Exhibit(
        "the rest of a short answer is asked for a retransmission time later",
        "log",
        "PML §4.2",
        method(Catchup, "_came", lambda sound: lambda self, now, chosen: None),
        ("liveness",),
        scenario("short-answers"),
    ),
    Exhibit(
        "what a deposed master proposed is said not to have happened",
        "log",
        "SAFETY 20",
        method(Reign, "end", _denies),
        ("linearizability by witness", "linearizability"),
        scenario("hasty"),
    ),
]
