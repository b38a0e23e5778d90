"""Exactly once: however often a command was sent, it takes effect once.  [SAFETY 19]

1. In one life of one replica, the machine carries out each (identity, sequence) at most once.
2. What was acknowledged at (slot, index) was carried out there, and nowhere else, by every replica that applied that slot.
3. Of what a client was told that it was carried out, though its answer was not kept, that is true.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gaios.sim.history import Executed, Violation

NAME = "exactly once"


class Submitted(NamedTuple):
    """Whose command stands in a place of the log."""

    client_slot: int
    client_index: int
    sequence: int


def exactly_once(
    executed: Iterable[Executed],
    log: Mapping[tuple[int, int], Submitted],
    acknowledged: Iterable[tuple[int, int, int]],
    claimed: Iterable[tuple[int, Submitted]] = (),
) -> list[Violation]:
    """Count executions.

    Args:
        executed: What each machine carried out, in order.
        log: (slot, index) → whose command stands there; registrations and epochs left out.
        acknowledged: (call number, slot, index).
        claimed: (call number, whose command) of what was told to be carried out, without its answer.
    """
    found: list[Violation] = []
    places: dict[tuple[int, int, Submitted], Executed] = {}
    at_place: set[tuple[int, int]] = set()
    for done in executed:
        at_place.add((done.slot, done.nth))
        whose = log.get((done.slot, done.nth))
        if whose is None:
            found.append(Violation(NAME, f"replica {done.replica} carried out slot {done.slot}.{done.nth}, where no command stands"))
            continue
        life = (done.replica, done.boot, whose)
        before = places.get(life)
        places[life] = done
        if before is not None:
            found.append(
                Violation(
                    NAME,
                    f"replica {done.replica} (boot {done.boot}) carried out sequence {whose.sequence} of client "
                    f"{whose.client_slot}.{whose.client_index} at slot {before.slot}.{before.nth} and at {done.slot}.{done.nth}",
                )
            )
    found.extend(
        Violation(NAME, f"call {number} was acknowledged at slot {slot}.{index}, where no replica carried it out")
        for number, slot, index in acknowledged
        if (slot, index) not in at_place
    )
    once = {whose for _, _, whose in places}
    found.extend(
        Violation(NAME, f"call {number} was told to be carried out, and no replica did") for number, whose in claimed if whose not in once
    )
    return found
