"""Where two replicas part: the first slot behind which they came to something else, and the keys that differ.  [PML §6.2; SAFETY 25]

    a log, applied again, perhaps above a snapshot (`Traced`)  ·  sums that a running replica remembers  ·  a state kept as evidence
                            └──────────────── sums by slot ────────────────┘

Rule 1. Where both sides have a sum of a slot these are compared; what lies between two compared slots is a bracket, and is told as one.
Rule 2. Once chains differ they differ for ever: the first slot of two logs is found by halving. States may become equal again.
Rule 3. A log that is applied again says what is right for that log: what differs from it went wrong elsewhere. Where it begins with a
snapshot that is as right as the snapshot: one that a majority had, wherever there is one (base.py).
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gaios.api import Event
from gaios.explain.replay import Replay
from gaios.log.snapshots import Unpacked
from gaios.log.sums import Sum

Newest = Mapping[bytes, tuple[bytes, int]]
"""What stands under each key: value and revision."""
KEYS_TOLD: Final = 1_000
"""Keys that are named; the others are counted."""


class Traced(Replay):
    """A log applied again, with what it came to behind every slot: 32 bytes a slot."""

    def __init__(self, *, directory: str = "the directory", through: int | None = None) -> None:
        super().__init__(directory=directory, through=through)
        self.sums: dict[int, Sum] = {}
        self.values: dict[int, bytes] = {}
        """Of the slots that were applied."""

    def begin(self, base: Unpacked) -> None:
        """As any replay; what the snapshot comes to is compared like what a slot comes to."""
        super().begin(base)
        self.sums[self.since] = self._applier.sum()

    def _apply(self, slot: int, value: bytes) -> None:
        super()._apply(slot, value)
        self.sums[slot] = self._applier.sum()
        self.values[slot] = value


class Bracket(NamedTuple):
    """Where two replicas part."""

    agree: int
    """The newest compared slot before that behind which they came to the same; 0: none."""
    differ: int
    """The first compared slot behind which they did not; 0: none."""
    logs_differ: bool = False
    """They do not even have the same values up to there."""


class Key(NamedTuple):
    """A key that differs; None where it is not there."""

    key: bytes
    one: tuple[bytes, int] | None
    """Value and revision."""
    other: tuple[bytes, int] | None


def bracket(one: Mapping[int, Sum], other: Mapping[int, Sum]) -> Bracket:
    """Compare the slots that both have."""
    slots = sorted(one.keys() & other.keys())
    low, high = 0, len(slots)
    while low < high:
        middle = (low + high) // 2
        if one[slots[middle]].chain == other[slots[middle]].chain:
            low = middle + 1
        else:
            high = middle
    if low < len(slots):
        return Bracket(slots[low - 1] if low else 0, slots[low], logs_differ=True)
    agree = 0
    for slot in slots:
        if one[slot] != other[slot]:
            return Bracket(agree, slot)
        agree = slot
    return Bracket(agree, 0)


def keys(one: Newest, other: Newest) -> list[Key]:
    """The keys whose newest records differ, in order; the lock service's own among them."""
    return [Key(key, one.get(key), other.get(key)) for key in sorted(one.keys() | other.keys()) if one.get(key) != other.get(key)]


def first_revision(differing: list[Key]) -> int:
    """The earliest revision that only one side has; 0 when none differs."""
    return min((side[1] for key in differing for side in (key.one, key.other) if side is not None), default=0)


def newest(records: Iterable[Event]) -> dict[bytes, tuple[bytes, int]]:
    """What stands under each key, of records in order."""
    found: dict[bytes, tuple[bytes, int]] = {}
    for record in records:
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = (record.value, record.mod_revision)
    return found
