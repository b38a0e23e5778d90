"""The two copies of what a replica must never forget: its promise and its boot.  [PML §5.1; SAFETY 15]

    copy = header (80 bytes, little-endian) · payload, `length` bytes · whatever an older one left behind
    header = "gaioscpy" · version u16 · which u16 · member u32 · cell 16 bytes · generation u64 · batch u64 ·
             first u32 · last u32 · length u32 · crc of payload u32 · 0 u64 · 0 u32 · crc of this header u32

Rule 1. Each copy is a file of fixed size that exists from the directory's creation on and is overwritten in place, first one and then
the other, each synced before the next thing happens. So a crash spoils at most one, and both are written before anything is said.
Rule 2. The newer intact copy counts. The other is written anew from it before the replica says anything; then it itself, because
what was read may never have reached the disk.
Rule 3. Both missing is missing state; none intact is lost state. Never "no promise".  [SAFETY 2, 8]
Rule 4. A copy is also a mark: when it was written, the log was durable through `batch`, in segments `first` to `last`.
"""

import struct
from collections.abc import Collection, Iterable
from typing import NamedTuple

import google_crc32c

from gaios.errors import AnotherCell, InvariantViolated, StateDamaged, StateMissing
from gaios.storage.words import UNREADABLE, Create, Identity, Operation, Problem, Reader, Remove, Sync, SyncDirectory, Write, refusal

VERSION = 1
NAMES = ("promise-1", "promise-2")
COPY_BYTES = 64 << 10
"""A promise and the boots of some hundreds of members."""
_MAGIC = b"gaioscpy"
_HEADER = struct.Struct("<8sHHI16sQQIIIIQII")
_SEALED_BYTES = _HEADER.size - 4
HEADER_BYTES = _HEADER.size
PAYLOAD_BYTES_MAX = COPY_BYTES - HEADER_BYTES


class Copy(NamedTuple):
    """An intact copy."""

    which: int
    """1 or 2."""
    member: int
    cell: bytes
    generation: int
    batch: int
    first: int
    last: int
    payload: bytes


class Pin(NamedTuple):
    """What the log is known to hold, whatever its own marks say."""

    batch: int
    """All through this batch was synced."""
    first: int
    """The oldest segment that must be there."""
    last: int
    """The newest segment that must be there."""


NO_PIN = Pin(0, 1, 0)


def encode(copy: Copy) -> bytes:
    """A copy's bytes.

    Raises:
        InvariantViolated: the payload is longer than a copy can hold.
    """
    if len(copy.payload) > PAYLOAD_BYTES_MAX:
        raise InvariantViolated(invariant="copies", detail=f"{len(copy.payload)} bytes do not fit into {PAYLOAD_BYTES_MAX}")
    crc = google_crc32c.value(copy.payload)
    sealed = _HEADER.pack(
        _MAGIC,
        VERSION,
        copy.which,
        copy.member,
        copy.cell,
        copy.generation,
        copy.batch,
        copy.first,
        copy.last,
        len(copy.payload),
        crc,
        0,
        0,
        0,
    )[:_SEALED_BYTES]
    sealed_crc: int = google_crc32c.value(sealed)
    return sealed + sealed_crc.to_bytes(4, "little") + copy.payload


def decode(data: bytes, which: int) -> Copy | Problem:
    """The copy in a file's bytes, or what is wrong with it. Total."""
    file = NAMES[which - 1]
    if len(data) < HEADER_BYTES or data[:8] != _MAGIC:
        return Problem(file, 0, "header", "it does not begin like a copy")
    _, version, place, member, cell, generation, batch, first, last, length, payload_crc, _, _, crc = _HEADER.unpack_from(data)
    if crc != google_crc32c.value(data[:_SEALED_BYTES]):
        return Problem(file, 0, "header", "its checksum is wrong")
    if version != VERSION:
        return Problem(file, 8, "version", f"format {version} is not known; this version reads {VERSION}")
    if place != which:
        return Problem(file, 10, "misdirected", f"it is copy {place}")
    payload = data[HEADER_BYTES : HEADER_BYTES + length]
    if len(payload) != length or google_crc32c.value(payload) != payload_crc:
        return Problem(file, HEADER_BYTES, "payload", f"the payload of generation {generation} is not the one that was written")
    return Copy(which, member, cell, generation, batch, first, last, payload)


def load(reader: Reader, names: Collection[str]) -> list[Copy | Problem]:
    """Both copies, or what is wrong with them."""
    return [
        _load(reader, file, which) if file in names else Problem(file, 0, "missing", "the file is not there")
        for which, file in enumerate(NAMES, 1)
    ]


def _load(reader: Reader, file: str, which: int) -> Copy | Problem:
    try:
        return decode(reader.read(file, 0, COPY_BYTES), which)
    except StateDamaged as error:
        return Problem(file, error.offset, error.kind, error.detail)


def choose(loaded: list[Copy | Problem], directory: str) -> Copy:
    """The copy that counts.

    Raises:
        StateMissing: neither file is there.
        StateDamaged: no copy is intact, or they contradict each other.
        TooOld: a newer version wrote one.
        DiskFailed: no copy is intact, and the disk does not give one of them back.
    """
    intact = [copy for copy in loaded if isinstance(copy, Copy)]
    problems = [problem for problem in loaded if isinstance(problem, Problem)]
    if not intact:
        if all(problem.kind == "missing" for problem in problems):
            raise StateMissing(directory=directory, what=" and ".join(NAMES))
        worst = next(problem for problem in problems if problem.kind != "missing")
        if other := next((problem for kind in ("version", UNREADABLE) for problem in problems if problem.kind == kind), None):
            raise refusal(other)
        detail = "; ".join(f"{problem.file}: {problem.detail}" for problem in problems)
        raise StateDamaged(file=worst.file, offset=worst.offset, kind=worst.kind, detail=f"both copies are lost ({detail})")
    if problem := contradiction(intact) or next((problem for problem in problems if problem.kind == "version"), None):
        raise refusal(problem)
    return max(intact, key=lambda copy: copy.generation)


def contradiction(intact: list[Copy]) -> Problem | None:
    """What two intact copies may not differ in."""
    if len({copy[1:3] for copy in intact}) > 1:
        return Problem(NAMES[1], 0, "copies", "the two copies belong to different members or cells")
    if len({copy.generation for copy in intact}) == 1 and len({copy[1:] for copy in intact}) > 1:
        return Problem(NAMES[1], 0, "copies", f"the two copies of generation {intact[0].generation} differ")
    return None


def check_owner(copy: Copy, identity: Identity) -> None:
    """Is this directory ours?

    Raises:
        AnotherCell: it is another cell's or another member's.
    """
    if (copy.cell, copy.member) != (identity.cell, identity.member):
        raise AnotherCell(what=NAMES[copy.which - 1], found=owner(copy.cell, copy.member), expected=owner(identity.cell, identity.member))


def owner(cell: bytes, member: int) -> str:
    """A directory's owner, for people."""
    return f"member {member} of cell {cell.hex()}"


def write(copy: Copy, gone: Collection[str] = (), unreadable: Collection[str] = ()) -> list[Operation]:
    """Write both copies, one after the other; those that are `gone` are made anew, before the other one is touched.

    So is each that is `unreadable`, when it is its turn: a part of a page that cannot be read cannot be written either.
    """
    order = (2, 1) if NAMES[1] in gone and NAMES[0] not in gone else (1, 2)
    made = [Create(NAMES[which - 1], COPY_BYTES) for which in order if NAMES[which - 1] in gone]
    written = _write(copy, order, {*unreadable} - {*gone})
    return [*made, SyncDirectory(""), *written] if made else written


def _write(copy: Copy, order: tuple[int, int], unreadable: Collection[str]) -> list[Operation]:
    operations: list[Operation] = []
    for which in order:
        if NAMES[which - 1] in unreadable:
            operations += (Remove(NAMES[which - 1]), Create(NAMES[which - 1], COPY_BYTES), SyncDirectory(""))
        operations += (Write(NAMES[which - 1], 0, encode(copy._replace(which=which))), Sync(NAMES[which - 1]))
    return operations


def create(copy: Copy) -> list[Operation]:
    """Make both files."""
    operations: list[Operation] = [Create(file, COPY_BYTES) for file in NAMES]
    return [*operations, *write(copy), SyncDirectory("")]


def repair(copy: Copy, names: Collection[str], loaded: Iterable[Copy | Problem] = ()) -> list[Operation]:
    """Write the other copy anew from the one that counts, then that one: the intact one is touched last."""
    unreadable = [each.file for each in loaded if isinstance(each, Problem) and each.kind == UNREADABLE]
    other = 3 - copy.which
    file = NAMES[other - 1]
    made: list[Operation] = [] if file in names else [Create(file, COPY_BYTES)]
    # Synced even when nothing is made: the process that made it may have been killed before it did so.
    return [*made, SyncDirectory(""), *_write(copy, (other, copy.which), unreadable)]


def pin(copy: Copy) -> Pin:
    """What this copy knows of the log."""
    return Pin(copy.batch, copy.first, copy.last)
