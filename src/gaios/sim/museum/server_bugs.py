"""Bugs of the shell and of group commit: what leaves when, and what time it is."""

from collections.abc import Callable
from typing import Any, cast

from gaios.log import Output
from gaios.log.steps import Steps
from gaios.paxos import core
from gaios.server.commit import GroupCommit
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.sim.seat import Seat
from gaios.storage import Operation


def _at_once(sound: Callable[..., Any]) -> Callable[..., Any]:
    def add(self: GroupCommit, output: Output) -> Any:
        held, output.after = output.after, []
        return sound(self, output) + held

    return add


def _copies_first(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Promises leave when the copies are synced, though records that were accepted before are not."""

    def batch(self: GroupCommit, now: int) -> list[Operation] | None:
        if self._flies or self._copies is None or not self._records:
            return cast("list[Operation] | None", sound(self, now))
        records, self._records = self._records, []
        promises = [waiting for waiting in self._after if waiting[1][0] == core.PROMISE]
        rest = [waiting for waiting in self._after if waiting[1][0] != core.PROMISE]
        self._after = promises
        number, self._number = self._number, 0
        operations: list[Operation] | None = sound(self, now)
        self._records, self._after, self._number, self._gathers = records, rest, number, True
        return operations

    return batch


EXHIBITS = [
    Exhibit(
        "acknowledge before sync",
        "server",
        "SAFETY 5",
        method(GroupCommit, "add", _at_once),
        ("agreement", "durability", "persist, then say"),
        scenario("power-cuts"),
    ),
    Exhibit(
        "a promise overtakes an earlier record",
        "server",
        "SAFETY 5",
        method(GroupCommit, "batch", _copies_first),
        ("persist, then say",),
        scenario("slow-disks"),
    ),
    Exhibit(
        "cached now",
        "server",
        "SAFETY 12",
        method(Seat, "now", lambda _: lambda self: self._poll_ns),
        ("lease exclusivity", "linearizability"),
        scenario("sleepy-masters"),
    ),
    Exhibit(
        "a value is read back before it was written",
        "server",
        "SAFETY 15",
        together(
            method(GroupCommit, "is_unwritten", lambda _: lambda self, kind, slot: False),
            method(Steps, "durable_mark", lambda _: property(lambda self: self.core.chosen)),
        ),
        ("no replica stops by itself",),
        scenario("lagging"),
    ),
]
