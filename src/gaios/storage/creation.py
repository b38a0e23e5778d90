"""A new replica's files, made once.  [SAFETY 2]"""

from collections.abc import Iterable

from gaios.storage import copies as promise
from gaios.storage import record, segment
from gaios.storage.copies import Copy
from gaios.storage.journal import RESERVE_BYTES
from gaios.storage.record import STATE, Encoder
from gaios.storage.segment import OPENING_BYTES, SEGMENT_BYTES
from gaios.storage.words import Create, Identity, Operation, Record, Remove, Sync, SyncDirectory, Write

FIRST_SEGMENT = 1
GENERATION = 1
"""Of the promise copies as they are created; whoever starts on them writes newer ones."""


def create(
    identity: Identity, copies: bytes, state: Record, *, segment_bytes: int = SEGMENT_BYTES, leftovers: Iterable[str] = ()
) -> list[Operation]:
    """Make a new replica's files. Only the explicit creation of a cell does this, and records it (its manifest) afterwards.  [SAFETY 2]

    Args:
        identity: Whose directory it becomes.
        copies: The first content of the promise copies.
        state: The first state record.
        segment_bytes: Size of the first segment.
        leftovers: Files that an interrupted creation left behind: they are removed.
    """
    operations: list[Operation] = [Remove(name) for name in leftovers]
    parts: list[bytes] = []
    encoder = Encoder(seed=record.seed(identity), segment=FIRST_SEGMENT, offset=OPENING_BYTES, sequence=0, previous=0)
    size = max(segment_bytes, segment.SEGMENT_BYTES_MIN, OPENING_BYTES + record.size(len(state[3])) + RESERVE_BYTES)
    opening, encoder.previous = segment.encode(
        cell=identity.cell,
        member=identity.member,
        boot=identity.boot,
        size=size,
        segment=FIRST_SEGMENT,
        chain=0,
        sequence=0,
        batch=1,
    )
    parts.append(opening)
    encoder.add(parts, STATE, state[1], state[2], state[3], 1, 0)
    file = segment.name(FIRST_SEGMENT)
    operations += (Create(file, size), Write(file, 0, b"".join(parts)), SyncDirectory(segment.DIRECTORY), Sync(file))
    copy = Copy(1, identity.member, identity.cell, GENERATION, 1, FIRST_SEGMENT, FIRST_SEGMENT, copies)
    return operations + promise.create(copy)
