"""Bugs about disks that are full or slow."""

from collections.abc import Callable
from typing import Any

from gaios.log.options import FAR
from gaios.log.pace import Pace
from gaios.server.commit import GroupCommit
from gaios.sim.museum.exhibit import Exhibit, method, scenario
from gaios.storage import Journal

SLOW_NS = 20_000_000


def _gives_up(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: a shell that makes no files ahead did not try again, either, where there had been no room."""

    def spare(self: GroupCommit, now: int, *, began: bool) -> Any:
        if not self.journal.spares.full:
            return sound(self, now, began=began)
        self._make_due = FAR
        return None

    return spare


def _compares_nothing(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A disk is slow by itself, whatever the others' do, and as often as it is."""
    del sound

    def is_slow(self: Pace, now: int, waiting: Any = ()) -> bool:
        del now, waiting
        return any(took > SLOW_NS for _, took in self._own)

    return is_slow


EXHIBITS = [
    Exhibit(
        "a batch of the log makes its segment itself",
        "storage",
        "SAFETY 28",
        method(Journal, "lacks", lambda _: lambda *_arguments: 0),
        ("no replica stops by itself",),
        scenario("full-disks"),
    ),
    Exhibit(
        "a disk that was full is not tried again",
        "server",
        "SAFETY 28",
        method(GroupCommit, "spare", _gives_up),
        ("liveness",),
        scenario("full-disks"),
    ),
    Exhibit(
        "a slow disk gives way to disks that are as slow",
        "log",
        "SAFETY 9",
        method(Pace, "is_slow", _compares_nothing),
        ("availability",),
        scenario("slow-everywhere"),
    ),
]
