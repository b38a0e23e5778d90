"""Revisions never go back: not along the log, not for any client, not between clients that can know of each other.

1. Along the log a replica's revision never decreases.
2. An answer's revision is at least that of every answer that came before its operation began, whoever got it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from gaios import api
from gaios.sim.history import DONE, Applied, Call, Violation

NAME = "revisions monotone"


def revisions_monotone(applied: Iterable[Applied], calls: Sequence[Call]) -> list[Violation]:
    """Compare revisions in log order, and in real time."""
    found: list[Violation] = []
    latest: dict[tuple[int, int], Applied] = {}
    for seen in applied:
        life = (seen.replica, seen.boot)
        before = latest.get(life)
        if before is not None and seen.revision < before.revision:
            where = f"{before.revision} at slot {before.slot}, {seen.revision} at slot {seen.slot}"
            found.append(Violation(NAME, f"replica {seen.replica}: revision {where}"))
        latest[life] = seen
    ended: list[int] = []
    highest: list[Call] = []
    answered = sorted(
        (call for call in calls if call.outcome == DONE and call.ended is not None and _revision(call)),
        key=lambda call: call.ended or 0,
    )
    for call in answered:
        at = bisect_left(ended, call.began)
        if at and _revision(highest[at - 1]) > _revision(call):
            other = highest[at - 1]
            found.append(
                Violation(
                    NAME,
                    f"call {call.number} of client {call.client} was answered revision {_revision(call)}, "
                    f"after call {other.number} of client {other.client} had been answered {_revision(other)}",
                )
            )
        ended.append(call.ended or 0)
        highest.append(call if not highest or _revision(call) > _revision(highest[-1]) else highest[-1])
    return found


def _revision(call: Call) -> int:
    return call.reply.revision if isinstance(call.reply, api.MultiOpResult | api.Page) else 0
