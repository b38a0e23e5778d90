"""Bugs of the client: what a retry is, and what an answer proves."""

from collections.abc import Callable
from typing import Any

from gaios.client.calls import Calls
from gaios.client.session import Session
from gaios.client.watches import Watches
from gaios.errors import Unavailable
from gaios.sim.museum.exhibit import Exhibit, method, scenario


def _new_sequence(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Each attempt takes a sequence number of its own."""

    def identify(self: Calls, now: int, call: Any) -> bool:
        call.session = None
        return bool(sound(self, now, call))

    return identify


def _denies(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever was not answered in time is said not to have happened."""

    def expire(self: Calls, now: int, call: Any) -> None:
        self._finish(call, Unavailable(waited_ms=(now - call.began) // 1_000_000, reason="no answer came"))

    return expire


def _skips_one(sound: Callable[..., Any]) -> Callable[..., Any]:
    """After a connection was lost a watch goes on one revision too late."""

    def lost(self: Watches, requests: dict[int, int]) -> None:
        sound(self, requests)
        for watch in requests.values():
            if watch in self._all:
                self._all[watch].next_revision += 1

    return lost


EXHIBITS = [
    Exhibit(
        "an operation in doubt is said not to have happened",
        "client",
        "SAFETY 20",
        method(Calls, "_expire", _denies),
        ("linearizability by witness", "linearizability"),
        scenario("hasty"),
    ),
    Exhibit(
        "a watch that lost its connection skips a revision",
        "client",
        "PML §5.6",
        method(Watches, "lost", _skips_one),
        ("watch completeness",),
        scenario("minority-crashes"),
    ),
    Exhibit(
        "a retry takes a new sequence number",
        "client",
        "SAFETY 19",
        method(Calls, "_identify", _new_sequence),
        ("linearizability", "linearizability by witness", "exactly once"),
        scenario("hasty"),
    ),
    Exhibit(
        "an answer acknowledges all commands before it",
        "client",
        "SAFETY 19",
        method(
            Session,
            "resolve",
            lambda sound: lambda self, sequence: setattr(self, "acknowledged", max(self.acknowledged, sequence)),
        ),
        ("exactly once",),
    ),
]
