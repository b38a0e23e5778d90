"""The epoch never goes back, and only a new reign's own entry moves it.  [PML §5.3; SAFETY 14]

1. Along the log the epoch never decreases.
2. All replicas have the same epoch at the same slot.
"""

from collections.abc import Iterable

from gaios.sim.history import Applied, Violation

NAME = "epoch monotone"


def epoch_monotone(applied: Iterable[Applied]) -> list[Violation]:
    """Compare each life's epochs in slot order, and all lives' at equal slots."""
    found: list[Violation] = []
    latest: dict[tuple[int, int], Applied] = {}
    first: dict[int, Applied] = {}
    for seen in applied:
        life = (seen.replica, seen.boot)
        before = latest.get(life)
        if before is not None and seen.epoch < before.epoch:
            found.append(
                Violation(NAME, f"replica {seen.replica}: epoch {before.epoch} at slot {before.slot}, {seen.epoch} at slot {seen.slot}")
            )
        latest[life] = seen
        other = first.setdefault(seen.slot, seen)
        if other.epoch != seen.epoch:
            pair = f"replicas {other.replica} and {seen.replica}"
            found.append(Violation(NAME, f"slot {seen.slot}: {pair} have epochs {other.epoch} and {seen.epoch}"))
    return found
