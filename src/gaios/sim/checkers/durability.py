"""Durability: an acknowledged write is in the log for ever, and in every replica's state at the end.  [PML §2; SAFETY 5]

1. What was acknowledged at (slot, index) stands there in every replica's log at the end, but for what it has from a snapshot.
2. Every replica's state at the end is what the log says, replayed by a model that shares no code with the database.
3. What a replica no longer keeps in memory is on its disk, as it was chosen: others that lag may have to be supplied from there.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Violation

NAME = "durability"


def acknowledged_in_log(
    acknowledged: Iterable[tuple[int, int, int, bytes]],
    logs: Mapping[int, Mapping[tuple[int, int], bytes]],
    bases: Mapping[int, int] | None = None,
) -> list[Violation]:
    """Look every acknowledged write up.

    Args:
        acknowledged: (call number, slot, index, command).
        logs: For each replica, (slot, index) → command of every entry that it applied in its last life.
        bases: For each replica, the slot behind which it took its state over from a snapshot, whose bytes others compare.
    """
    found: list[Violation] = []
    for number, slot, index, command in acknowledged:
        for replica, log in logs.items():
            if bases is not None and slot <= bases[replica]:
                continue
            there = log.get((slot, index))
            if there != command:
                what = "nothing" if there is None else "another command"
                found.append(Violation(NAME, f"call {number} was acknowledged at slot {slot}.{index}; replica {replica} has {what} there"))
    return found


def states_follow_log(expected: Mapping[bytes, bytes], states: Mapping[int, Mapping[bytes, bytes]]) -> list[Violation]:
    """Compare each replica's keys and values at the end with the replayed log's."""
    return [
        Violation(NAME, f"replica {replica} ends with {key!r} = {state.get(key)!r}; the log says {expected.get(key)!r}")
        for replica, state in states.items()
        for key in sorted(expected.keys() | state.keys())
        if expected.get(key) != state.get(key)
    ]


def dropped_is_on_disk(chosen: Mapping[int, bytes], disks: Mapping[int, Mapping[int, bytes | None]]) -> list[Violation]:
    """Look up in every replica's disk what it dropped from memory.

    Args:
        chosen: slot → value.
        disks: For each replica, slot → what would be read back; None: nothing.
    """
    return [
        Violation(NAME, f"replica {replica} dropped slot {slot}, and its disk has {'nothing' if there is None else 'another value'} of it")
        for replica, disk in disks.items()
        for slot, there in disk.items()
        if slot in chosen and there != chosen[slot]
    ]
