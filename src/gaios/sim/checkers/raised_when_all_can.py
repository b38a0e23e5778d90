"""The cell's feature level is raised raised only when all can: each ran a version that supports it a moment before.  [SAFETY 17]"""

from collections.abc import Iterable

from gaios.log.raising import FRESH_MS
from gaios.sim.history import Raised, Ran, Violation

NAME = "raised when all can"
BEFORE_NS = FRESH_MS * 1_010_000
"""A word counts for so long, by a clock that may be slow."""


def raised_when_all_can(raised: Iterable[Raised], ran: Iterable[Ran]) -> list[Violation]:
    """Compare each decision with what ran shortly before it."""
    lives = list(ran)
    found = []
    for each in raised:
        since = each.at_ns - BEFORE_NS
        able = {life.replica for life in lives if life.highest >= each.level and life.from_ns <= each.at_ns and life.until_ns >= since}
        if unable := set(each.members) - able:
            where = f"replica {each.replica} raised the level to {each.level} at {each.at_ns} ns"
            found.append(Violation(NAME, f"{where}; of members {sorted(unable)} no version that supports it ran shortly before"))
    return found
