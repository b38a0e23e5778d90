"""Which of its snapshots a start restores its machine from.  [PML §5.5; SAFETY 16, 25, 26]

Rule 1. The newest that is whole, and none that says more than the log's marks do: its record stands behind a mark.
Rule 2. All of one is read and proved before anything of it is restored. One that is damaged is passed over: an older one, and more of the
log, come to the same.
Rule 3. A replica in quarantine starts from one that is no newer than where it was last known to be right, or else from the oldest.
Rule 4. Where none can be restored and the log begins behind them, the machine stays empty: the replica fetches a snapshot (snapshots.py).
"""

from typing import NamedTuple

from gaios.errors import ProtocolError, StateDamaged
from gaios.log import Recovered
from gaios.log.doubt import trusted
from gaios.log.snapshots import Closing, Handle, Unpacked, encode_handle, read_closing, unpack
from gaios.machine import Machine
from gaios.storage import Reader
from gaios.storage.snapshot import NEW, File, name, slots


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
    """Those that can be read, oldest first."""
    spoilt: list[int]
    """Slots of those that cannot."""
    leftovers: list[str]
    """Files that are nothing yet."""
    why: list[str]
    """What is wrong, for people."""


def load(reader: Reader, cell: bytes, recovered: Recovered, machine: Machine) -> Found:
    """Restore a machine from the newest snapshot that is whole.

    Where none can be, and the log begins behind them, `base` is None: it is fetched from a peer.
    """
    names = reader.names()
    empty = tuple(piece for piece in machine.snapshot() if piece)
    found = Found(cell, None, empty, [], [], [NEW] if NEW in names else [], [])
    closings: dict[int, Closing] = {}
    for slot in slots(names):
        if slot > recovered.chosen:
            found.leftovers.append(name(slot))  # not recorded: nothing that was said rests on it
            continue
        if slot < recovered.truncated:
            found.spoilt.append(slot)  # one that was taken over has made it useless
            continue
        try:
            closing = closings[slot] = _closing(reader, cell, slot, recovered)
        except StateDamaged as error:
            found.spoilt.append(slot)
            found.why.append(str(error))
        else:
            found.kept.append(Kept(closing.handle, reader.size(name(slot))))
    through = trusted(recovered.quarantine, recovered.chosen)
    while at := sum(kept.handle.slot <= through for kept in found.kept) or bool(found.kept and recovered.truncated):
        slot = found.kept[at - 1].handle.slot
        try:
            _prove(reader, closings[slot])
            return found._replace(base=_restore(reader, closings[slot], machine, recovered))
        except StateDamaged as error:
            del found.kept[at - 1]
            found.spoilt.append(slot)
            found.why.append(str(error))
    return found


def _closing(reader: Reader, cell: bytes, slot: int, recovered: Recovered) -> Closing:
    """A snapshot's handle and digests, if they are those of this replica's log."""
    try:
        closing = read_closing(File(reader, slot, cell).closing())
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


def _restore(reader: Reader, closing: Closing, machine: Machine, recovered: Recovered) -> Unpacked:
    slot = closing.handle.slot
    if slot < recovered.truncated:
        raise _damaged(slot, "order", f"the log begins behind slot {recovered.truncated}")
    try:
        found = unpack(closing, File(reader, slot).chunks())
        machine.restore(found.machine)
    except ProtocolError as error:
        raise _damaged(slot, "version", f"it is whole, and cannot be restored: {error.reason}") from None
    return found


def _damaged(slot: int, kind: str, detail: str) -> StateDamaged:
    return StateDamaged(file=name(slot), offset=0, kind=kind, detail=detail)
