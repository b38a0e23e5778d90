"""The log's advisory time never goes back, whatever the masters' wall clocks say.  [SAFETY 17]

1. Along the log the time that commands are given never decreases.
2. All replicas give the same time at the same slot.
"""

from collections.abc import Iterable

from gaios.sim.history import Applied, Violation

NAME = "time monotone"


def time_monotone(applied: Iterable[Applied]) -> list[Violation]:
    """Compare each life's times in slot order, and all lives' at equal slots."""
    found: list[Violation] = []
    latest: dict[tuple[int, int], Applied] = {}
    first: dict[int, Applied] = {}
    for seen in applied:
        life = (seen.replica, seen.boot)
        before = latest.get(life)
        if before is not None and seen.time_ms < before.time_ms:
            where = f"{before.time_ms} ms at slot {before.slot}, {seen.time_ms} ms at slot {seen.slot}"
            found.append(Violation(NAME, f"replica {seen.replica}: time {where}"))
        latest[life] = seen
        other = first.setdefault(seen.slot, seen)
        if other.time_ms != seen.time_ms:
            pair = f"replicas {other.replica} and {seen.replica}"
            found.append(Violation(NAME, f"slot {seen.slot}: {pair} have times {other.time_ms} and {seen.time_ms} ms"))
    return found
