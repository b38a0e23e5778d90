"""What a run writes down for the checkers while it happens."""

from collections.abc import Iterable, Sequence
from typing import Any

from gaios.locks import LockService
from gaios.machine import Context
from gaios.sim.checkers.persist_then_say import Remembered
from gaios.sim.history import (
    REBUILT,
    Applied,
    Call,
    Compared,
    Doubted,
    Executed,
    Flip,
    Lease,
    Level,
    Life,
    Raised,
    Ran,
    Violation,
    Watch,
)
from gaios.sim.locks.history import Records

_NEVER = (1 << 62, b"")
_new = tuple.__new__
"""Past the named tuples' own constructors: each replay makes one for every slot and every command."""


class Observations:
    """Records in the order of the world's events."""

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self.jumps: set[tuple[int, int, int]] = set()
        """Replica, life, slot: it went on behind a peer's snapshot there."""
        self.executed: list[Executed] = []
        self.charged: list[Executed] = []
        """Charges that a machine carried out."""
        self.locks = Records()
        self.leases: list[Lease] = []
        self.calls: list[Call] = []
        self.watches: list[Watch] = []
        self.starts: list[Remembered] = []
        self.chosen: dict[int, tuple[int, bytes]] = {}
        """Slot → the lowest ballot in which any replica knew it to be chosen, and its value."""
        self.lives: list[Life] = []
        self.flips: list[Flip] = []
        self.captured: dict[tuple[int, int], tuple[int, int]] = {}
        """When, and in which life, a replica took its snapshot behind a slot: by replica and slot."""
        self.compared: list[Compared] = []
        self.doubted: list[Doubted] = []
        self.ran: list[Ran] = []
        self.raised: list[Raised] = []
        self.patience_ns = 0
        """How long a replica waits for others' sums before it decides without them."""
        self.broken: list[Violation] = []
        """Replicas that stopped by themselves, and what else is wrong as soon as it is seen."""
        self._levels: dict[tuple[int, str], Level] = {}

    def inherit(self, now_ns: int, replica: int, boot: int, slot: int) -> bool:
        """A life begins with its replica's own snapshot behind a slot; whether that is of a database in which a wrong value was summed up.

        Then it is this life's, too: nothing but a comparison shows it.
        """
        when, whose = self.captured.get((replica, slot), (0, 0))
        wrong = [flip for flip in self.flips if flip[1:3] == (replica, whose) and flip.is_summed and flip.at_ns <= when]
        if wrong:
            self.flips.append(wrong[-1]._replace(at_ns=now_ns, boot=boot))
        return bool(wrong)

    def known(self, participant: Any, before: int) -> int:  # noqa: ANN401 (a participant, planted ones included)
        """A replica knows more slots to be chosen than the ones through `before`; through which it does now."""
        for slot in range(before + 1, participant.chosen + 1):
            held = participant.acc.get(slot)  # none: a snapshot covers it
            if held is not None and held[0] < self.chosen.get(slot, _NEVER)[0]:
                self.chosen[slot] = held
        return int(participant.chosen)

    def level(self, replica: int, name: str, value: int, limit: int) -> None:
        """How full something bounded is."""
        before = self._levels.get((replica, name))
        if before is None or value > before.highest:
            self._levels[replica, name] = Level(replica, name, value, limit)

    def levels(self) -> list[Level]:
        """The highest of each."""
        return list(self._levels.values())


class ObservedService(LockService):
    """The production machine, whose executions are counted."""

    def __init__(self, observations: Observations, replica: int) -> None:
        super().__init__()
        self._observations, self._replica = observations, replica
        self.boot = 0

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """As `LockService.apply`."""
        self._observations.executed.append(_new(Executed, (self._replica, self.boot, context[0], context[1])))
        return super().apply(command, context)

    def apply_own(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """As `LockService.apply_own`."""
        self._observations.charged.append(_new(Executed, (self._replica, self.boot, context[0], context[1])))
        return super().apply_own(command, context)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """As `LockService.restore`."""
        super().restore(chunks)
        self.boot += REBUILT


def watch_applier(observations: Observations, replica: int, applier: Any, clock_ns: Any) -> None:  # noqa: ANN401
    """Write down every slot that this life applies."""
    original = applier.apply

    def apply(slot: int, value: bytes) -> Any:  # noqa: ANN401 (handed through)
        result = original(slot, value)
        machine = applier.machine
        now_ns, checksum = clock_ns(), machine.checksum()
        seen = (now_ns, replica, machine.boot, slot, value, applier.chain, checksum, applier.epoch, machine.revision, applier.time_ms)
        observations.applied.append(_new(Applied, seen))
        return result

    taken_over = applier.restore

    def restore(part: Any, sessions: Any) -> None:  # noqa: ANN401 (handed through)
        taken_over(part, sessions)
        observations.jumps.add((replica, applier.machine.boot, part.slot))
        observations.captured.pop((replica, part.slot), None)  # a majority has this one

    captured = applier.capture

    def capture(*arguments: Any) -> Any:  # noqa: ANN401 (handed through)
        observations.captured[replica, applier.applied] = (clock_ns(), applier.machine.boot)
        return captured(*arguments)

    applier.apply, applier.restore, applier.capture = apply, restore, capture
