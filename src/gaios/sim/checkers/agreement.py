"""Agreement: no two replicas ever choose different values for a slot.  [PML §2]

1. A slot has one value, whichever replica learned it and in whichever life.
2. One life of one replica applies slots upwards without a gap, but where it goes on behind a peer's snapshot.
"""

from collections.abc import Collection, Iterable

from gaios.sim.history import Applied, Violation

NAME = "agreement"


def agreement(applied: Iterable[Applied], jumps: Collection[tuple[int, int, int]] = ()) -> list[Violation]:
    """Compare every two replicas at every slot that both applied; `jumps`: replica, life and slot of snapshots that were taken over."""
    found: list[Violation] = []
    first: dict[int, Applied] = {}
    latest: dict[tuple[int, int], int] = {}
    for seen in applied:
        life = (seen.replica, seen.boot)
        before = latest.get(life)
        jumped = (*life, seen.slot - 1) in jumps and before is not None and seen.slot > before
        if before is not None and seen.slot != before + 1 and not jumped:
            found.append(Violation(NAME, f"replica {seen.replica} (boot {seen.boot}) applied slot {seen.slot} after slot {before}"))
        latest[life] = seen.slot
        other = first.setdefault(seen.slot, seen)
        if other.value != seen.value:
            pair = f"slot {seen.slot}: replicas {other.replica} (boot {other.boot}) and {seen.replica} (boot {seen.boot})"
            found.append(Violation(NAME, f"{pair} chose {_short(other.value)} and {_short(seen.value)}"))
    return found


def _short(value: bytes) -> str:
    return f"{value[:24]!r}… ({len(value)} bytes)" if len(value) > 24 else repr(value)
