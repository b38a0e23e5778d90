"""Bugs of upgrades: what a version does with what it does not know, and when the cell is taken to a new level."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gaios.entry import Entry, Kind
from gaios.log import feature
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.raising import Raising
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together

UPGRADE = scenario("rolling-upgrade")


def _goes_on(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Levels above what this version supports do not stop it."""
    del sound  # it is not asked

    def check(level: int, highest: int, what: str) -> None:
        del level, highest, what

    return check


def _skips(sound: Callable[..., Any]) -> Callable[..., Any]:
    """An entry of a kind that is not known is passed over."""

    def own(self: Applier, slot: int, index: int, entry: Entry) -> tuple[Answer, Sequence[Any]]:
        if entry.kind not in set(Kind):
            return Answer(Status.DONE, slot, index), ()
        found: tuple[Answer, Sequence[Any]] = sound(self, slot, index, entry)
        return found

    return own


def _most_will_do(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A majority is enough."""
    del sound  # it is not asked

    def decide(self: Raising, now: int, members: Mapping[int, int]) -> None:
        told = sorted(self.highest if member == self._me else self._told(now, member) for member in members)
        level = told[(len(told) - 1) // 2]
        self.wanted = level if level > self._applier.feature else 0

    return decide


def _silence_is_consent(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever does not answer is taken for able."""

    def told(self: Raising, now: int, member: int) -> int:
        found: int = sound(self, now, member)
        return found or self.highest

    return told


def _who_joined_is_not_asked(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The members are those of the manifest."""

    def decide(self: Raising, now: int, members: Mapping[int, int]) -> None:
        founders = self._boots._roster.founders
        sound(self, now, {member: place for member, place in members.items() if member in founders} or members)

    return decide


RAISED = ("raised when all can",)
EXHIBITS = [
    Exhibit(
        "an unknown entry is skipped",
        "log",
        "SAFETY 17",
        together(method(feature, "check", _goes_on), method(Applier, "_own", _skips)),
        ("identical state",),
        UPGRADE,
    ),
    Exhibit("the level is raised while one member cannot", "log", "SAFETY 17", method(Raising, "_decide", _most_will_do), RAISED, UPGRADE),
    Exhibit(
        "who joined later is not asked what it supports",
        "log",
        "SAFETY 17, 18",
        method(Raising, "_decide", _who_joined_is_not_asked),
        RAISED,
        scenario("members-upgrade"),
    ),
    Exhibit("a silent member is taken for able", "log", "SAFETY 17", method(Raising, "_told", _silence_is_consent), RAISED, UPGRADE),
]
