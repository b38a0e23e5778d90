"""One replica's memory, which may go wrong: a bit of a stored value flips, and nobody is told.  [SAFETY 25]

Rule 1. Only what clients put is hit: a record of the lock service that cannot be read stops its replica, and that is another fault.
Rule 2. The record itself changes, wherever it is shared, as in a real memory.
"""

from typing import Any

from msgspec.structs import force_setattr

from gaios.api import RESERVED_PREFIX
from gaios.db.records import MASK, digest
from gaios.sim.dice import Dice
from gaios.sim.history import Flip


class Memory:
    """Of one seat's process, whichever it is; a new process has a new memory."""

    def __init__(self, seat: Any) -> None:  # noqa: ANN401 (a `Seat`, whose module would have to be loaded for its name)
        self._seat = seat
        self._flipped: tuple[int, int] | None = None

    @property
    def is_odd(self) -> bool:
        """Whether a bit flipped in the database that the process has now."""
        return self._flipped is not None and self._flipped == self._now()

    def flip(self, dice: Dice) -> bool:
        """Flip a bit, if there is one; whether there was."""
        seat = self._seat
        if not seat.node.replica.doubt.may_serve:
            return False
        store = seat.node.replica.applier.machine.database._store  # noqa: SLF001 (a fault asks nobody)
        histories = store.histories
        records = [record for key in sorted(histories) if not key.startswith(RESERVED_PREFIX) for record in histories[key] if record.value]
        if not records:
            return False
        record = dice.pick(records)
        bit = dice.below(8 * len(record.value))
        value = bytearray(record.value)
        value[bit // 8] ^= 1 << bit % 8
        before = digest(record)
        force_setattr(record, "value", bytes(value))
        is_summed = dice.chance(0.5)
        if is_summed:
            # It got in by the front door, as from a command that did not do the same everywhere: only a comparison shows it.
            store.total = (store.total + digest(record) - before) & MASK
            seat.world.count("a wrong value was summed up as if it were right")
        self._flipped = self._now()
        assert self._flipped is not None
        seat.observations.flips.append(Flip(seat.world.now_ns, seat.replica, self._flipped[1], record.key, is_summed))
        seat.world.note(f"flip {seat.replica} {record.key!r}")
        return True

    def _now(self) -> tuple[int, int] | None:
        node = self._seat.node
        return None if node is None else (self._seat.life, node.replica.applier.machine.boot)
