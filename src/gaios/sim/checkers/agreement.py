"""Agreement: no two replicas ever choose different values for a slot, nor differ after applying it.  [PML §2; SAFETY 16, 27]

1. A slot has one value, whichever replica learned it and in whichever life.
2. A slot has one chain hash, and one checksum of the machine's state.
3. One life of one replica applies slots upwards without a gap.
"""

from collections.abc import Iterable

from gaios.sim.history import Applied, Violation

NAME = "agreement"


def agreement(applied: Iterable[Applied]) -> list[Violation]:
    """Compare every two replicas at every slot that both applied."""
    found: list[Violation] = []
    first: dict[int, Applied] = {}
    latest: dict[tuple[int, int], int] = {}
    for seen in applied:
        life = (seen.replica, seen.boot)
        before = latest.get(life)
        if before is not None and seen.slot != before + 1:
            found.append(Violation(NAME, f"replica {seen.replica} (boot {seen.boot}) applied slot {seen.slot} after slot {before}"))
        latest[life] = seen.slot
        other = first.setdefault(seen.slot, seen)
        if other is seen:
            continue
        pair = f"slot {seen.slot}: replicas {other.replica} (boot {other.boot}) and {seen.replica} (boot {seen.boot})"
        if other.value != seen.value:
            found.append(Violation(NAME, f"{pair} chose {_short(other.value)} and {_short(seen.value)}"))
        elif other.chain != seen.chain:
            found.append(Violation(NAME, f"{pair} have chain {other.chain.hex()[:16]} and {seen.chain.hex()[:16]}"))
        elif other.checksum != seen.checksum:
            found.append(Violation(NAME, f"{pair} have state checksum {other.checksum:016x} and {seen.checksum:016x}"))
    return found


def _short(value: bytes) -> str:
    return f"{value[:24]!r}… ({len(value)} bytes)" if len(value) > 24 else repr(value)
