"""Identical state: at equal slots replicas are the same, byte for byte.  [SAFETY 16, 25, 27]

1. A slot has one hash of the log's chain, and one checksum of the machine's state: the running ones, compared at every slot.
2. Replicas that end at the same slot have the same snapshot, down to its last byte, and none of them doubts its own.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Applied, Final, Violation

NAME = "identical state"


def identical_state(applied: Iterable[Applied], finals: Mapping[int, Final]) -> list[Violation]:
    """Compare every two lives at every slot that both applied, and every two replicas at the end."""
    found: list[Violation] = []
    first: dict[int, Applied] = {}
    for seen in applied:
        other = first.setdefault(seen.slot, seen)
        if other.chain == seen.chain and other.checksum == seen.checksum:
            continue
        pair = f"slot {seen.slot}: replicas {other.replica} (boot {other.boot}) and {seen.replica} (boot {seen.boot})"
        if other.chain != seen.chain:
            found.append(Violation(NAME, f"{pair} have chain {other.chain.hex()[:16]} and {seen.chain.hex()[:16]}"))
        else:
            found.append(Violation(NAME, f"{pair} have state checksum {other.checksum:016x} and {seen.checksum:016x}"))
    ends: dict[int, tuple[int, Final]] = {}
    for replica, final in finals.items():
        if not final.serves:
            found.append(Violation(NAME, f"replica {replica} ends at slot {final.applied}, and doubts its database"))
            continue
        one, before = ends.setdefault(final.applied, (replica, final))
        if before.snapshot != final.snapshot:
            what = f"{before.snapshot.hex()[:16]} and {final.snapshot.hex()[:16]}"
            found.append(Violation(NAME, f"replicas {one} and {replica} end at slot {final.applied} with snapshots that hash to {what}"))
    return found
