"""Bugs of comparing: which sums are compared, who is believed, what a replica in quarantine may do."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gaios.locks import LockService
from gaios.log import records, steps
from gaios.log.doubt import Doubt, Phase
from gaios.log.records import Copies, Recovered
from gaios.log.sums import Finding, Judgement, Sums
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together


def _whatever_slot(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A member's word is taken for the slot where this replica is, not for its own."""

    def hear(self: Sums[Any], member: int, told: Any) -> None:
        newest = self.newest()
        sound(self, member, told if newest is None or newest.slot > told.slot else told._replace(slot=newest.slot))

    return hear


def _the_few(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever differs from the majority is believed."""

    def judge(self: Sums[Any], slot: int) -> Judgement[Any]:
        found: Judgement[Any] = sound(self, slot)
        if not found.odd or found.right is None:
            return found
        rare = self.said(slot)[found.odd[0]]
        others = tuple(sorted(member for member, each in self.said(slot).items() if each != rare))
        return Judgement(Finding.ODD if self._me in others else Finding.AGREED, rare, others)

    return judge


def _serves_on(sound: Callable[..., Any]) -> Callable[..., Any]:
    """It says that it is doubted, and goes on."""

    def enter(self: Doubt, phase: Phase) -> None:
        sound(self, phase)
        self.may_serve = not self.must_stop

    return enter


def _forgets(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start takes no notice of the record, as if it had rotted."""

    def fold(*arguments: Any) -> Recovered:
        found: Recovered = sound(*arguments)
        found.quarantine = b""
        return found

    return fold


def _tells_one(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The promise copies say nothing of it: the record does."""

    def encode_copies(copies: Copies) -> bytes:
        told: bytes = sound(replace(copies, is_doubted=False))
        return told

    return encode_copies


def _trusts(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What was summed up once is never looked at again."""
    del sound  # it is not asked
    return lambda self, records: True


BAD_MEMORY = scenario("bad-memory")
CAUGHT = ("quarantined", "identical state")
EXHIBITS = [
    Exhibit(
        "sums of different slots are compared",
        "log",
        "SAFETY 25",
        method(Sums, "hear", _whatever_slot),
        ("quarantined", "no replica stops by itself"),
    ),
    Exhibit("the minority is believed", "log", "SAFETY 25", method(Sums, "judge", _the_few), CAUGHT, BAD_MEMORY),
    Exhibit("a replica in quarantine serves", "log", "SAFETY 25", method(Doubt, "_enter", _serves_on), CAUGHT, BAD_MEMORY),
    Exhibit(
        "quarantine is forgotten at a restart",
        "log",
        "SAFETY 25",
        together(method(records, "fold", _forgets), method(steps, "encode_copies", _tells_one)),
        ("quarantined",),
        BAD_MEMORY,
    ),
    Exhibit("memory is never looked at again", "locks", "SAFETY 25", method(LockService, "recheck", _trusts), CAUGHT, BAD_MEMORY),
]
