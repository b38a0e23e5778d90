"""Durability: an acknowledged write is in the log for ever, and in every replica's state at the end.  [PML §2; SAFETY 5]

1. What was acknowledged at (slot, index) stands there in every replica's log at the end.
2. Every replica's state at the end is what the log says, replayed by a model that shares no code with the database.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Violation

NAME = "durability"


def acknowledged_in_log(
    acknowledged: Iterable[tuple[int, int, int, bytes]],
    logs: Mapping[int, Mapping[tuple[int, int], bytes]],
) -> list[Violation]:
    """Look every acknowledged write up.

    Args:
        acknowledged: (call number, slot, index, command).
        logs: For each replica, (slot, index) → command of every entry that it applied in its last life.
    """
    found: list[Violation] = []
    for number, slot, index, command in acknowledged:
        for replica, log in logs.items():
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
