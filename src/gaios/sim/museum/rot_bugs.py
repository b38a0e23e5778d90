"""Bugs about records that rotted.  [PML §5.1; SAFETY 6, 7, 15]"""

from collections.abc import Callable
from typing import Any

from gaios.log.steps import Steps
from gaios.sim.museum.exhibit import Exhibit, method, scenario
from gaios.storage import scan

_CAUGHT_BY = ("persist, then say", "agreement", "durability", "no replica stops by itself", "liveness")


def _takes_for_absent(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What cannot be read was never there: a promise says nothing of it."""
    del sound

    def know_damage(self: Steps, waiting: Any, faulty: Any, now: int) -> None:
        del self, waiting, faulty, now

    return know_damage


def _cuts(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Where the log cannot be read it ends, as after an unfinished write."""
    del sound
    return lambda *_arguments: False


EXHIBITS = [
    Exhibit(
        "a damaged record is reported as absent",
        "log",
        "SAFETY 6",
        method(Steps, "know_damage", _takes_for_absent),
        _CAUGHT_BY,
        scenario("rot"),
    ),
    Exhibit(
        "the log is cut at the damage",
        "storage",
        "SAFETY 7",
        method(scan._Scanner, "_is_damage", _cuts),
        _CAUGHT_BY,
        scenario("rot"),
    ),
]
