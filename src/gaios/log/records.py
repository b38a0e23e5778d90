"""What a replica remembers through a crash, as records, and how a start folds them back.  [SAFETY 5, 7, 11, 15]

    copies   newest ballot promised or learned of, longest lease term granted, boot, nonce, feature level (two files, by storage/);
             also that the database is doubted, and through which slot nothing may be said, for as long as that is so
    STATE    all of it, and every accepted value above `chosen`              (first in each segment)
    ACCEPT   slot, ballot, value
    CHOSEN   every slot through this one is chosen as last recorded, and the chain's hash there   (lazily written);
             in place of a ballot: the highest slot that was accepted, or may have been
    TRUNCATE slots through this one were dropped. The configuration that governs there is its payload, and the slot behind which it began
             to govern stands in place of a ballot
    BOOT     a member's newest boot, and the newest of its acknowledgements that were seen: a peer's, or this replica's once registered
    SNAPSHOT the snapshot behind this slot is durable: its handle                 (behind the mark that its slot is chosen);
             again, with 1 for a ballot: a majority has the same one              (proofs.py)
    QUARANTINE the database differs from the other replicas' and must not be served; empty: no more   (doubt.py)
    REPAIR   these bytes of the log are damaged and needed no more   (written by storage/'s rules)
    FAULT    what was accepted in this slot cannot be read any more; it was of no newer ballot than this

Rule 1. Folding is a maximum for marks, and for a slot the newest record of the newest ballot: records may be folded again without harm.
A record of an older ballot than stands there has the same value, which was learnt to be chosen; or it stands behind the state record of its
own batch, which tells what came after it, and the rest of that batch was torn off.
Rule 2. What was truncated is chosen, and so is what a recorded snapshot of this replica's own covers; one that is not recorded is none.
Rule 3. A CHOSEN mark that was lost is learned again from peers; it speaks of values that stand before it in the log.
"""

import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from gaios.errors import ProtocolError, TooOld

Record = tuple[int, int, int, bytes]
"""kind, slot, ballot, payload: what storage/ calls a record."""
Place = tuple[int, int, int]
"""Damaged bytes of the log: segment, start, end."""
CHAIN_BYTES: Final = 16
CHAIN_START: Final = bytes(CHAIN_BYTES)
UNKNOWN: Final = b"?"
"""Instead of a configuration's value: which one governs there stood in a record that is damaged."""


class RecordKind(IntEnum):
    """Kinds of records; 0 is storage's own."""

    STATE = 1
    ACCEPT = 2
    CHOSEN = 3
    TRUNCATE = 4
    BOOT = 5
    SNAPSHOT = 6
    REPAIR = 7
    QUARANTINE = 9
    FAULT = 10


class Boot(NamedTuple):
    """What is remembered of a member.  [SAFETY 3]"""

    boot: int
    nonce: int
    seen: int = 0
    """The boot in which it acknowledged something new last."""
    ballot: int = 0
    """It promised this one."""
    slot: int = 0
    """It accepted a value there."""


class Copies(msgspec.Struct, array_like=True, frozen=True):
    """What lives in two copies outside the log."""

    promised: int = 0
    longest_ns: int = 0
    boot: int = 0
    nonce: int = 0
    lineage: list[tuple[int, int]] = []
    """Boots, each with its nonce, from the last that is known to be registered to this one.  [SAFETY 3]"""
    feature: int = 1
    """The cell's feature level, as far as this replica has applied it: whoever starts must support it."""
    is_doubted: bool = False
    """Its database must not be served: the record that says so, and why, may rot.  [SAFETY 25]"""
    silent_through: int = 0
    """See `Recovered`; the record that says so may rot as well."""


class State(msgspec.Struct, array_like=True, frozen=True):
    """A full state record."""

    promised: int
    longest_ns: int
    chosen: int
    """As an earlier, durable mark said."""
    truncated: int
    accepted: list[tuple[int, int, bytes]]
    """slot, ballot, value, of every slot above `chosen`."""
    boots: list[tuple[int, Boot]] = []
    """By member."""
    quarantine: bytes = b""
    """The newest QUARANTINE record's payload."""
    faulty: list[tuple[int, int]] = []
    """slot, ballot, of every slot above `chosen` whose accepted value was lost."""
    silent_through: int = 0
    """See `Recovered`."""
    governs: tuple[int, bytes] = (0, b"")
    """The configuration at `chosen`, as a value, and behind which slot it governs; 0 and empty: the founders'. UNKNOWN: that is lost."""


class Recovered(msgspec.Struct):
    """What a start found."""

    copies: Copies
    promised: int = 0
    longest_ns: int = 0
    chosen: int = 0
    truncated: int = 0
    accepted: dict[int, tuple[int, bytes]] = {}
    configuration: bytes = b""
    """The newest configuration, as a value, that records say governs; a newer one may stand among the values. Empty: the founders'."""
    governs: int = 0
    """Behind this slot."""
    surveyed: int = 0
    """At this slot records tell which configuration governs; behind it, only its own record does."""
    chains: dict[int, bytes] = {}
    """Hashes of the log's chain that this replica had written down, by slot: a replay must come to the same.  [SAFETY 16]"""
    snapshots: dict[int, bytes] = {}
    """Handles of the snapshots that were recorded as durable, by slot; older ones may be gone, and so may their records."""
    proved: set[int] = set()
    """Slots of those that a majority had."""
    boots: dict[int, Boot] = {}
    """Of peers, and this replica's own that was registered last."""
    directory: str = "the replica's directory"
    """What errors call it."""
    quarantine: bytes = b""
    """Why its database must not be served; empty when it may."""
    top: int = 0
    """The highest slot that was ever accepted, as far as anything tells."""
    faulty: dict[int, int] = {}
    """Slots whose accepted value was lost, each with the newest ballot that it may have been of.  [SAFETY 6]"""
    waiting: dict[Place, set[int]] = {}
    """Damaged places of the log, each with the slots that are to be written anew before it is needed no more."""
    alone: set[int] = set()
    """Slots whose value stands in a state record alone, because their own record is damaged: their values are to be written again."""
    silent_through: int = 0
    """Until every slot through this one is chosen, nothing may be promised or voted for: nobody can tell what was accepted up to there."""
    forgot_boots: bool = False
    """What it had written down of other members' boots may be lost in part."""


_ACCEPT, _CHOSEN = int(RecordKind.ACCEPT), int(RecordKind.CHOSEN)
"""Plain numbers: an enumeration's member costs more to compare with, and these two are compared with at every record."""
_copies = msgspec.msgpack.Decoder(Copies)
_state = msgspec.msgpack.Decoder(State)
_boot = msgspec.msgpack.Decoder(Boot)
decode_state = _state.decode
encode = msgspec.msgpack.Encoder().encode
_PLACE = struct.Struct("<III")


def encode_copies(copies: Copies) -> bytes:
    """The copies' content; the last two fields stand there only while they say anything."""
    fields = msgspec.structs.astuple(copies)
    return encode(copies) if any(fields[-2:]) else encode(fields[:-2])


def encode_places(places: Iterable[Place]) -> bytes:
    """A REPAIR record's payload, as storage/ reads it: three words of 32 bits for each place."""
    return b"".join(_PLACE.pack(*place) for place in places)


def joined(place: Place, slots: set[int], waiting: Mapping[Place, set[int]]) -> set[int]:
    """What a damaged place waits for, with what those do that it has bytes in common with: its repair would pass for theirs.

    Two looks at the same bytes see different places: one may know a record by its header, and the other take it for a part of a hole.
    """
    number, start, end = place
    return slots.union(*(lost for (other, first, behind), lost in waiting.items() if other == number and first <= end and start <= behind))


def recover(copies: bytes, records: Iterable[Record], directory: str = "the replica's directory") -> Recovered:
    """Fold what the disk holds; `directory` is what errors call it.

    Raises:
        ProtocolError: intact bytes that this version cannot read.
        TooOld: a record of a kind that came with a newer version.
    """
    try:
        decoded = _copies.decode(copies)
        return fold(Recovered(decoded, decoded.promised, decoded.longest_ns, directory=directory), records)
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"a durable record cannot be read: {error}") from None


def fold(found: Recovered, records: Iterable[Record]) -> Recovered:
    """Take up more records.

    Raises:
        msgspec.DecodeError: intact bytes that this version cannot read.
        TooOld: a record of a kind that came with a newer version.
    """
    accepted, chains, faulty = found.accepted, found.chains, found.faulty
    for kind, slot, ballot, payload in records:
        if kind == _ACCEPT:
            held = accepted.get(slot)
            if held is None or ballot >= held[0]:
                accepted[slot] = (ballot, payload)
            if faulty:
                faulty.pop(slot, None)
            if ballot > found.promised:
                found.promised = ballot
        elif kind == _CHOSEN:
            if slot > found.chosen:
                found.chosen = slot
            chains[slot] = payload
        elif kind == RecordKind.TRUNCATE:
            found.truncated = max(found.truncated, slot)
            _govern(found, slot, ballot, payload)
        elif kind == RecordKind.SNAPSHOT:
            if ballot:
                found.proved.add(slot)
            else:
                found.chosen = max(found.chosen, slot)  # a mark stood before it, which may be lost
                if found.snapshots.get(slot, payload) != payload:
                    found.proved.discard(slot)
            found.snapshots[slot] = payload
        elif kind == RecordKind.STATE:
            _fold_state(found, decode_state(payload))
        elif kind == RecordKind.BOOT:
            found.boots[slot] = _boot.decode(payload)
        elif kind == RecordKind.QUARANTINE:
            found.quarantine = payload
        elif kind == RecordKind.FAULT:
            accepted.pop(slot, None)
            faulty[slot] = max(ballot, faulty.get(slot, 0))
        elif kind == RecordKind.REPAIR:
            pass  # what it says matters where something is damaged: damage.py
        else:
            raise TooOld(what=found.directory, reason=f"its log holds a record of kind {kind}, which is not known here")
    # The mark was durable when it was truncated, and may stand in a segment that went with that.
    found.chosen = max(found.chosen, found.truncated)
    return found


def _fold_state(found: Recovered, state: State) -> None:
    """Take up a full state record: what it says of a slot is newer than any record before it."""
    found.promised = max(found.promised, state.promised)
    found.longest_ns = max(found.longest_ns, state.longest_ns)
    found.chosen = max(found.chosen, state.chosen)
    found.truncated = max(found.truncated, state.truncated)
    found.quarantine = state.quarantine
    found.silent_through = max(found.silent_through, state.silent_through)
    _govern(found, state.chosen, *state.governs)
    for slot, ballot, value in state.accepted:
        found.accepted[slot] = (ballot, value)
        found.faulty.pop(slot, None)
    for slot, ballot in state.faulty:
        found.accepted.pop(slot, None)
        found.faulty[slot] = max(ballot, found.faulty.get(slot, 0))
    found.boots.update(state.boots)


def _govern(found: Recovered, at: int, slot: int, value: bytes) -> None:
    """A record says that at `at` the configuration governs that stands in `slot`."""
    if value == UNKNOWN:
        return
    found.surveyed = max(found.surveyed, at)
    if value and slot >= found.governs:
        found.governs, found.configuration = slot, value
