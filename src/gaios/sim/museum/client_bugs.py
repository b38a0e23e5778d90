"""Bugs of the client: what a retry is, and what an answer proves."""

from collections.abc import Callable
from typing import Any

from gaios.client.calls import Calls
from gaios.sim.museum.exhibit import Exhibit, method, scenario


def _new_sequence(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Each attempt takes a sequence number of its own."""

    def identify(self: Calls, now: int, call: Any) -> bool:
        call.session = None
        return bool(sound(self, now, call))

    return identify


EXHIBITS = [
    Exhibit(
        "a retry takes a new sequence number",
        "client",
        "SAFETY 19",
        method(Calls, "_identify", _new_sequence),
        ("linearizability", "linearizability by witness", "exactly once"),
        scenario("hasty"),
    ),
]
