"""Is this master's disk so slow that the cell were better off under another?  [PML §5.1; SAFETY 9]

    a slot is proposed ──┬── own records durable ───────────────────► own
                         └── a majority of *others* has accepted ───► others', what the cell would do without this disk

Rule 1. Slow is who takes `FACTOR` times as long as a majority of the others, and longer than `FLOOR_MS`, in the middle of its last syncs. A
sync that is under way counts for as long as it has taken. Both are measured on this replica's clock, so its own load slows both.
Rule 2. Where all disks are slow, or too few of the others answer, nobody is: without a majority of others the cell needs this disk anyway.
Rule 3. A yes is given once, and again only after a time that doubles; meanwhile this replica lets the others poll first. So two slow
disks do not hand the cell to and fro.

A disk that hangs for a whole term ends the reign without this file. Safety rests on none of it.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from gaios.log.options import MS
from gaios.log.roster import Roster

SAMPLES: Final = 16
"""How many of the newest own syncs, and of the newest acceptances by others, have their medians compared."""
SAMPLES_MIN: Final = 8
"""Fewer prove nothing: one long sync is every disk's."""
FACTOR: Final = 4
"""So many times the others' median is slow (rule 1)."""
FLOOR_MS: Final = 30
"""Below this nobody would notice."""
FRESH_NS: Final = 30_000_000_000
"""What happened longer ago says nothing of the disk as it is."""
AGAIN_MS: Final = 60_000
"""The least between two handovers of one replica; each doubles it, up to an hour."""
AGAIN_MS_MAX: Final = 3_600_000
OPEN_MAX: Final = 64
"""Proposals whose acceptance is awaited: more than are ever in flight."""
_Samples = deque[tuple[int, int]]
"""When, and how long it took."""


class Pace:
    """How quick one replica's disk was as master, beside the others': over all its reigns."""

    def __init__(self, roster: Roster, now: int) -> None:
        self._roster = roster
        self._own: _Samples = deque(maxlen=SAMPLES)
        self._others: _Samples = deque(maxlen=SAMPLES)
        self._open: dict[int, tuple[int, set[int]]] = {}
        """When each slot was proposed, and which others accepted it."""
        self._again_ns = now
        self._wait_ms = AGAIN_MS

    def begin(self, now: int) -> None:
        """A reign begins: nothing is known of it yet."""
        self._own.clear()
        self._others.clear()
        self._open.clear()
        if now > self._again_ns + self._wait_ms * MS:
            self._wait_ms = AGAIN_MS

    def proposed(self, now: int, slot: int) -> None:
        """A value was put into a slot."""
        if len(self._open) >= OPEN_MAX:
            del self._open[next(iter(self._open))]
        self._open[slot] = (now, set())

    def accepted(self, now: int, slot: int, member: int) -> None:
        """Another member told that it accepted it."""
        if slot in self._open:
            began, members = self._open[slot]
            members.add(member)
            if sum(map(self._roster.counts, members)) >= self._roster.majority:
                self._others.append((now, now - began))
                del self._open[slot]

    def synced(self, now: int, began: int) -> None:
        """What was handed to this disk then is durable."""
        self._own.append((now, now - began))

    def is_slow(self, now: int, waiting: Iterable[int] = ()) -> bool:
        """Whether another should reign; a yes counts as done. `waiting`: when each thing was handed over that is not durable yet."""
        if now < self._again_ns:
            return False
        own, others = _middle(self._own, now, [now - began for began in waiting]), _middle(self._others, now, [])
        if own is None or others is None or own <= max(FACTOR * others, FLOOR_MS * MS):
            return False
        self._again_ns = now + self._wait_ms * MS
        self._wait_ms = min(2 * self._wait_ms, AGAIN_MS_MAX)
        return True

    def stands_back(self, at: int) -> bool:
        """Whether this replica lets the others poll first: its disk was slow not long before."""
        return at < self._again_ns


def _middle(samples: _Samples, now: int, ages: list[int]) -> int | None:
    """The median of the fresh ones, and of those that are still open, with their ages; None if they are too few."""
    while samples and samples[0][0] < now - FRESH_NS:
        samples.popleft()
    found = sorted([took for _, took in samples] + ages)
    return found[len(found) // 2] if len(found) >= SAMPLES_MIN else None
