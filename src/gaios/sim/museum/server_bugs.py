"""Bugs of the shell and of group commit: what leaves when, and what time it is."""

from collections.abc import Callable
from typing import Any, cast

from msgspec.structs import replace

from gaios.log import Output, Recovered, codec
from gaios.log.steps import Steps
from gaios.paxos import core
from gaios.server import damage, node
from gaios.server.commit import GroupCommit
from gaios.sim.museum.exhibit import Exhibit, Plant, method, scenario, together
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


def _stops_in_suspension() -> Plant:
    """The clock is CLOCK_MONOTONIC: while the machine is suspended it stands still."""
    slept: dict[int, int] = {}

    def resume_at(sound: Callable[..., Any]) -> Callable[..., Any]:
        def plant(self: Seat, action: Any) -> None:
            if self._suspended and self._pause is not None:
                slept[id(self)] = self.world.now_ns
            sound(self, action)

        return plant

    def wake(sound: Callable[..., Any]) -> Callable[..., Any]:
        def plant(self: Seat, life: int, action: Any) -> None:
            if self._suspended and life == self.life:
                self.clock._base_ns -= self.world.now_ns - slept.pop(id(self), self.world.now_ns)
            sound(self, life, action)

        return plant

    return together(method(Seat, "_resume_at", resume_at), method(Seat, "_wake", wake))


def _as_before(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start takes the boot number that it finds, and not the next one."""

    def found(*arguments: Any) -> Recovered:
        recovered: Recovered = sound(*arguments)
        recovered.copies = replace(recovered.copies, boot=max(0, recovered.copies.boot - 1))
        return recovered

    return found


def _believes_connections(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A frame is its connection's, whoever it says it is from."""

    def peer_frame(self: node.Node, now: int, member: int, nonce: int, body: bytes) -> bool:
        _, boot, _, messages = codec.decode(body)
        self.replica.receive(now, member, boot, nonce, messages)
        return True

    return peer_frame


EXHIBITS = [
    Exhibit(
        "a boot number is used again",
        "server",
        "SAFETY 3",
        method(damage, "recovered", _as_before),
        ("boots rise", "no replica stops by itself"),
    ),
    Exhibit(
        "a frame is counted for the wrong member",
        "server",
        "SAFETY 4",
        method(node.Node, "peer_frame", _believes_connections),
        ("agreement", "lease exclusivity"),
        scenario("wrong-members"),
    ),
    Exhibit(
        "a clock that stops in suspension",
        "server",
        "SAFETY 10",
        _stops_in_suspension(),
        ("lease exclusivity", "linearizability"),
        scenario("suspended-masters"),
    ),
    Exhibit(
        "a failed sync is taken for done",
        "server",
        "SAFETY 5",
        method(Seat, "_disk_failed", lambda sound: lambda self, life: self._disk_done(life, "disk_done")),
        ("damage is where it is found", "persist, then say", "agreement", "durability"),
        scenario("failing-disks"),
    ),
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
        method(Seat, "now", lambda _: lambda self: self.clock.read(self._polled_at)),
        ("lease exclusivity", "linearizability"),
        scenario("sleepy-masters"),
    ),
    Exhibit(
        "a value is read back before it was written",
        "server",
        "SAFETY 15",
        together(
            method(GroupCommit, "unwritten", lambda _: lambda self, kind, slot: None),
            method(Steps, "durable_mark", lambda _: property(lambda self: self.core.chosen)),
        ),
        ("damage is where it is found", "no replica stops by itself"),
        scenario("lagging"),
    ),
]
