"""Bugs of the log: what is written down, when a lease is asked about, who is answered twice."""

from collections.abc import Callable
from typing import Any

from gaios.log import steps
from gaios.log.reign import Reign
from gaios.log.sessions import Sessions
from gaios.log.steps import Steps
from gaios.sim.museum.exhibit import Exhibit, method, scenario


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


def _claims_too_much(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: the mark in memory, though the values that it covers are in the same batch as the record."""

    def state_record(self: Steps) -> Any:
        mark, self._durable_mark = self._durable_mark, self.core.chosen
        try:
            return sound(self)
        finally:
            self._durable_mark = mark

    return state_record


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
        "exactly-once table ignored",
        "log",
        "SAFETY 19",
        method(Sessions, "recall", lambda sound: lambda self, session, sequence: None),
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
        "a state record claims values that stand behind it",
        "log",
        "SAFETY 15",
        method(Steps, "state_record", _claims_too_much),
        ("no replica stops by itself", "persist, then say", "agreement"),
        scenario("torn-segments"),
    ),
]
