"""Bugs of changing members: who is counted for which slot, who may be elected, who may go.  [SAFETY 11, 18, 25]"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gaios.log.belonging import Belonging
from gaios.log.changes import Changes
from gaios.log.electing import Electing
from gaios.log.roster import Roster
from gaios.sim.faults import MS, S
from gaios.sim.museum.exhibit import Exhibit, method, scenario, text, together
from gaios.sim.plan import Plan


def _disturbs(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever polls may be elected, listed or not."""
    del sound
    return lambda self, member: member > 0


def _campaigns(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Nobody asks itself whether it is a member yet."""
    del sound

    def consider(self: Electing, now: int) -> None:
        if not self._reign.ballot and self.core.quorum(self._election.yes) and now >= self.core.granted_until:
            self._campaign(now)

    return consider


def _from_memory(sound: property) -> property:
    """I know it, so I know it."""
    del sound
    return property(lambda self: self.roster.settled(self._core.chosen))


def _cut_short(plan: Plan) -> Plan:
    """Power goes in the middle of batches, on slow disks: what is written down at once is in memory alone for a moment."""
    plan = scenario("idle-members")(plan)
    faults = plan.faults
    disk = replace(faults.disk, sync_ns=10 * MS, crash_point=0.02)
    faults = replace(faults, disk=disk, process=replace(faults.process, crash_every_ns=100 * S))
    return replace(plan, options=replace(plan.options, term_ms=300), faults=faults)


def _by_and_by(sound: Callable[..., Any]) -> Callable[..., Any]:
    """That a configuration is chosen is written down with whatever is written next."""

    def follow(self: Belonging, now: int) -> None:
        mark = self._steps.mark
        self._steps.mark = lambda: None  # type: ignore[method-assign]
        try:
            sound(self, now)
        finally:
            self._steps.mark = mark  # type: ignore[method-assign]

    return follow


def _little_is_written(plan: Plan) -> Plan:
    """Next to nothing is written between two changes; the power goes nearly everywhere, and one voter that may be missing stays away."""
    plan = scenario("idle-members")(plan)
    process = replace(plan.faults.process, change_every_ns=300 * MS, crash_every_ns=400 * MS, all_at_once=1.0, lose_disk=1.0)
    options = replace(plan.options, mark_ms=3_000, check_ms=3_000)
    return replace(plan, think_ns=3 * S, safety_ns=10 * S, options=options, faults=replace(plan.faults, process=process))


def _at_elections(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The members are told with polls, and to whoever speaks first."""
    del sound
    return lambda self, now: None


EXHIBITS = [
    Exhibit(
        "a quorum of the old members is counted for a slot of the new ones",
        "paxos",
        "SAFETY 18",
        text(("return founders if config == 0 else voters", "return founders")),
        ("agreement", "durability", "lease exclusivity", "liveness", "no replica stops by itself"),
        scenario("members"),
    ),
    Exhibit(
        "whoever answers is counted, a member or not",
        "paxos",
        "SAFETY 18",
        text(("return most(s, electors())", "return 2 * len(s) > len(electors())")),
        ("agreement", "durability"),
        scenario("members"),
    ),
    Exhibit(
        "a removed replica disturbs",
        "log",
        "SAFETY 9, 18",
        together(
            text(("owner(b) == me and me in electors() and now", "owner(b) == me and now")),
            method(Roster, "votes", _disturbs),
            method(Electing, "_consider", _campaigns),
        ),
        ("members",),
        scenario("members"),
    ),
    Exhibit(
        "settled is said before it is durable",
        "log",
        "SAFETY 5, 18",
        method(Changes, "is_settled", _from_memory),
        ("liveness", "durability", "no replica stops by itself"),
        _cut_short,
    ),
    Exhibit(
        "that a configuration is chosen is written down by and by",
        "log",
        "SAFETY 18",
        method(Belonging, "_follow", _by_and_by),
        ("liveness",),
        _little_is_written,
    ),
    Exhibit(
        "who knows none of the members is told of them at elections only",
        "log",
        "SAFETY 18",
        method(Belonging, "_tell_strays", _at_elections),
        ("liveness",),
        scenario("left-behind"),
    ),
]
