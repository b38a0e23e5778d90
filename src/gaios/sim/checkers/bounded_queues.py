"""Bounded queues: nothing grows beyond the bound that it states.  [SAFETY 28]"""

from collections.abc import Iterable

from gaios.sim.history import Level, Violation

NAME = "bounded queues"


def bounded_queues(levels: Iterable[Level]) -> list[Violation]:
    """Compare each high-water mark with its limit."""
    return [
        Violation(NAME, f"replica {level.replica}: {level.name} reached {level.highest}; its limit is {level.limit}")
        for level in levels
        if level.highest > level.limit
    ]
