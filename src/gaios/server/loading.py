"""What a start restores of the snapshots that it finds.  [PML §5.5; SAFETY 7, 25, 26]

Rule 1. A start takes the newest snapshot that is whole, and none that says more than the log's marks do: its record stands behind a mark.
One above them that a record calls proved was fetched: it is kept, and taken over as soon as this replica takes part.
Rule 2. A replica in quarantine starts from one that is proved, or else applies the whole log; where that begins later the oldest has to do.
Rule 3. What the log was truncated behind is proved: nothing else is truncated behind (snapshots.py).
Rule 4. The newest may have got its name right before its process was killed: while no record tells of it, the name is made durable before
anything is said. Who is told that it is there, or truncates behind it, relies on that.
Rule 5. Where none can be restored and the log begins behind them, the machine stays empty: the replica fetches one (snapshots.py).
"""

from typing import NamedTuple

from gaios.errors import NewerFormat, ProtocolError, StateDamaged, TooOld
from gaios.log import Recovered, feature
from gaios.log.snapshots import Closing, Handle, Unpacked, encode_handle, read_closing, unpack
from gaios.machine import Machine
from gaios.storage import Operation, Reader, SyncDirectory
from gaios.storage.snapshot import DIRECTORY, NEW, File, name, slots


class Kept(NamedTuple):
    """A snapshot on the disk."""

    handle: Handle
    stored: int
    """Bytes of its file."""


class Found(NamedTuple):
    """What a start found."""

    cell: bytes
    base: Unpacked | None
    """What the machine was restored from."""
    empty: tuple[bytes, ...]
    """What it was before, as a snapshot's pieces: a replay from the first slot begins there."""
    kept: list[Kept]
    """Those that can be read, oldest first; one above the log's marks among them, if it is proved."""
    spoilt: list[int]
    """Slots of those that cannot."""
    leftovers: list[str]
    """Files that are nothing yet."""
    why: list[str]
    """What is wrong, for people."""
    proved: frozenset[int] = frozenset()
    """Slots of those that a majority had."""
    first: tuple[Operation, ...] = ()
    """To be carried out before anything is said."""


def load(reader: Reader, cell: bytes, recovered: Recovered, machine: Machine, highest: int = feature.LEVEL) -> Found:
    """Restore a machine from the newest snapshot that is whole; `highest`: the feature level through which it may be.

    Where none can be, `base` is None.

    Raises:
        TooOld: a newer version wrote one, or the newest has a higher level.
    """
    names = reader.names()
    empty = tuple(piece for piece in machine.snapshot() if piece)
    proved = frozenset({*recovered.proved, recovered.truncated})
    found = Found(cell, None, empty, [], [], [NEW] if NEW in names else [], [], proved)
    closings: dict[int, Closing] = {}
    for slot in slots(names):
        if slot > recovered.chosen and slot not in recovered.proved:
            found.leftovers.append(name(slot))  # not recorded: nothing that was said rests on it
            continue
        if slot < recovered.truncated:
            found.spoilt.append(slot)  # one that was taken over has made it useless
            continue
        try:
            closing = closings[slot] = _closing(reader, cell, slot, recovered)
        except StateDamaged as error:
            if error.kind == "version":
                raise TooOld(what=error.file, reason=error.detail) from None
            found.spoilt.append(slot)
            found.why.append(str(error))
        else:
            found.kept.append(Kept(closing.handle, reader.size(name(slot))))
    if found.kept and found.kept[-1].handle.slot not in recovered.snapshots:
        found = found._replace(first=(SyncDirectory(DIRECTORY),))
    while slot := _first_choice(found, recovered):
        try:
            return found._replace(base=_restore(reader, closings[slot], machine, highest))
        except StateDamaged as error:
            found.kept[:] = [kept for kept in found.kept if kept.handle.slot != slot]
            found.spoilt.append(slot)
            found.why.append(str(error))
    return found


def _first_choice(found: Found, recovered: Recovered) -> int:
    """The slot of the snapshot to start from; 0: none."""
    slots_ = [kept.handle.slot for kept in found.kept if kept.handle.slot <= recovered.chosen]
    if recovered.quarantine:
        oldest = slots_[:1] if recovered.truncated else []
        slots_ = [slot for slot in slots_ if slot in found.proved] or oldest
    return max(slots_, default=0)


def restore(reader: Reader, handle: Handle, machine: Machine, highest: int) -> Unpacked:
    """Restore a machine from the snapshot of that handle; `highest`: the feature level through which it may be.

    Raises:
        StateDamaged: it is not that one any more, or not whole.
        TooOld: it has a higher level.
    """
    try:
        closing = read_closing(File(reader, handle.slot, handle.cell).closing())
    except ProtocolError as error:
        raise _damaged(handle.slot, "closing", error.reason) from None
    if closing.handle != handle:
        raise _damaged(handle.slot, "misdirected", "it is another snapshot than the one that was recorded")
    return _restore(reader, closing, machine, highest)


def _closing(reader: Reader, cell: bytes, slot: int, recovered: Recovered) -> Closing:
    """A snapshot's handle and digests, if they are those of this replica's log."""
    try:
        closing = read_closing(File(reader, slot, cell).closing())
    except NewerFormat as error:
        raise TooOld(what=name(slot), reason=error.reason) from None
    except ProtocolError as error:
        raise _damaged(slot, "closing", error.reason) from None
    handle = closing.handle
    if (handle.cell, handle.slot) != (cell, slot):
        raise _damaged(slot, "misdirected", f"it is the snapshot behind slot {handle.slot} of cell {handle.cell.hex()}")
    if recovered.snapshots.get(slot, expected := encode_handle(handle)) != expected:
        raise _damaged(slot, "misdirected", "the log recorded another one behind this slot")
    if recovered.chains.get(slot, b"") not in {b"", handle.chain}:
        raise _damaged(slot, "chain", "the log's hash through this slot is another one")
    return closing


def _prove(reader: Reader, closing: Closing) -> None:
    """Read all of it once: nothing is restored of what turns out to be rotten."""
    slot, number = closing.handle.slot, -1
    try:
        for number, chunk in enumerate(File(reader, slot).chunks()):
            closing.check(number, chunk)
    except ProtocolError as error:
        raise _damaged(slot, "digest", error.reason) from None
    if number + 1 != closing.handle.chunks:
        raise _damaged(slot, "digest", f"it has {number + 1} chunks, not {closing.handle.chunks}")


def _restore(reader: Reader, closing: Closing, machine: Machine, highest: int) -> Unpacked:
    slot = closing.handle.slot
    _prove(reader, closing)
    try:
        found = unpack(closing, File(reader, slot).chunks())
        feature.check(found.part.feature, highest, name(slot))
        machine.restore(found.machine)
    except ProtocolError as error:
        raise _damaged(slot, "version", f"it is whole, and cannot be restored: {error.reason}") from None
    return found


def _damaged(slot: int, kind: str, detail: str) -> StateDamaged:
    return StateDamaged(file=name(slot), offset=0, kind=kind, detail=detail)
