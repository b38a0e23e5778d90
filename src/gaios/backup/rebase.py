"""What a new cell begins with: a restored machine under a new name, as a snapshot behind a slot of its own.  [SAFETY 2, 16, 23]

    the old log … slot s │ s + 1: the restore │ the new cell's log begins here

Rule 1. The restore stands for a slot: behind it the log's hash covers the old log, the new cell's id and the generation, so that no log of
the old cell, and none of another restore, has the same hash there.
Rule 2. The generation is above the old one, so that every sequencer of the new cell is above every one of the old.
Rule 3. Nobody is known to the exactly-once table: whoever was a client of the old cell is a stranger here, and is told so. Sessions and
locks stay, until their leases are over.
Rule 4. All founders are given the same bytes; they have promised the old cell's epoch, so that the new cell's ballots are above it.
"""

from typing import NamedTuple

import msgspec

from gaios.locks import LockService
from gaios.log import encode
from gaios.log.applier import Applier, extend
from gaios.log.snapshots import Closing
from gaios.machine import Context


class Rebuilt(NamedTuple):
    """A machine as it was behind a slot."""

    applier: Applier
    machine: LockService
    snapshot: str
    """The digest of the snapshot that it was made from; empty without one."""

    @property
    def slot(self) -> int:
        """Through which the log is applied."""
        return self.applier.applied


class Base(NamedTuple):
    """What each founder's directory is made with."""

    closing: Closing
    chunks: list[bytes]
    promised: int
    """Ballots begin above this one."""

    @property
    def slot(self) -> int:
        """The new cell's log begins behind it."""
        return self.closing.handle.slot


class Lineage(msgspec.Struct, array_like=True, frozen=True):
    """The restore's value, as the hash covers it."""

    word: str
    cell: bytes
    generation: int


def rebase(rebuilt: Rebuilt, *, cell: bytes, generation: int, members: dict[int, int]) -> Base:
    """The first snapshot of a new cell, whose founders are `members` (number to replica id). The machine is the new cell's from here on.

    Raises:
        InvariantViolated: the generation is not above the present one.
    """
    applier, machine = rebuilt.applier, rebuilt.machine
    slot = applier.applied + 1
    applier.chain = extend(applier.chain, slot, encode(Lineage("restore", cell, generation)))
    applier.applied = slot
    applier.sessions.clear()
    machine.begin_generation(generation, Context(slot, 0, applier.time_ms, applier.epoch))
    capture, chunks = applier.capture(0, encode(sorted(members.items()))), list[bytes]()
    while not capture.is_done:
        chunks += capture.take()
    return Base(capture.closing(cell), chunks, applier.epoch)
