"""What a start makes of records that it cannot read.  [PML §5.1; SAFETY 6, 7, 15]

    damage in the log ──recover──► faulty slots ──► the core reports them, and never as absent
                                       └──► places of the log that wait until those slots are written anew ──► REPAIR

Rule 1. A record whose header is intact is known: only its own slot is faulty, and only if nothing as new is known of that slot.
Rule 2. Anything may have stood where nothing is known, within what the records around it leave open: a vote was for a slot above the last
mark before it, and at most a window above the next one, or the highest slot that this one names. What was written behind it is newer.
A value that is known in a ballot as new as any that had been promised, or learnt of, by then is not in doubt: in one ballot there is one
value.
Repair writes slots anew behind marks far above them, and that may have stood there, too: what an older place, repaired since, may have been
about is in doubt again, unless it can be read behind that place.
No other slot at or below the last mark is. Votes, and values that are learnt in their order, are of slots above every mark before them,
and below a mark only a slot is written again that some start, or the scrub, could not read. Whichever is lost, it leaves a place behind
the newest record of its slot that can be read, and that place's own range has the slot; what rots later makes the range wider, never
smaller. Where there is no such place, that record has the value of which the mark speaks, and whatever stood behind the mark had the same.
Rule 3. A state record tells all of every slot above its own mark: what rotted before it matters below that mark only.
Rule 4. Votes are for no slot more than a window above a mark that is as durable: an intact vote tells what was chosen, whatever became of
the mark. So does one that a state record tells of, though the rest of its batch was torn off: it tells the values of those slots, too.
Rule 5. Where a mark and votes above it may both have rotted, and nothing behind tells, the replica says nothing until it has learned what
it could have voted for. A member that says nothing is one whose messages are lost. Each lost record was a mark that went on by one slot at
the most, or by as many as a snapshot covers that was taken over, or a vote a window above one.
Rule 6. Where the record that a log begins with is lost, nothing before it tells what its slots were. If nothing behind does either, this
replica's state is lost. Only the one that a creation wrote holds no votes.
What stood there of other members' boots is asked for (boots.py).
Rule 7. A silence and a quarantine stand in the promise copies, too: a record of them that rotted, whole, is not missed.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from gaios.errors import ProtocolError, StateDamaged
from gaios.log.quarantine import VERSION, Quarantine
from gaios.log.records import Record, RecordKind, Recovered, decode_state, encode, fold, recover
from gaios.paxos.core import WINDOW

FAR: Final = 1 << 62
LOST_WORD: Final = encode(Quarantine(VERSION, 0, 0, None, None, "a record says so that rotted"))
"""Whoever was in quarantine is, until it is known to be right again."""
COPIES_WORD: Final = encode(Quarantine(VERSION, 0, 0, None, None, "its promise copies say so, and no record says why"))
_ACCEPT, _CHOSEN, _STATE, _FAULT = (int(k) for k in (RecordKind.ACCEPT, RecordKind.CHOSEN, RecordKind.STATE, RecordKind.FAULT))


class Rotten(NamedTuple):
    """A place of the log that cannot be read."""

    at: int
    """How many records stand before it."""
    place: tuple[int, int, int]
    """What a REPAIR record calls it."""
    record: tuple[int, int, int] | None
    """kind, slot, ballot, where an intact header tells; it is one record then."""
    lost: int
    """How many records it holds."""
    is_repaired: bool = False
    """A later record says that what it held was written anew, or matters no more."""


class _Hole:
    """Slots that may have been accepted where nothing can be read."""

    def __init__(self, rotten: Rotten, number: int, low: int) -> None:
        self.place, self.lost, self.is_repaired = rotten.place, rotten.lost, rotten.is_repaired
        self.number = number
        """So many stand before it."""
        self.low, self.high = low, FAR
        self.is_first = False
        """The record that the log began with stood in it, and nothing of that is known."""
        self.slots: dict[int, int] | None = None
        """The only slots that it can be about, each with its ballot; None: all of the range."""
        self.newest = FAR
        """No vote in it was in a newer ballot."""
        self.bounds: dict[int, int] = {}
        """Ballots that an earlier start knew it by."""

    def about(self, found: Recovered, again: set[int]) -> dict[int, int]:
        """The slots that it may have been about, each with the newest ballot; `again` may have been written anew there."""
        if self.slots is not None:
            return self.slots
        newest = min(found.promised, self.newest)
        own = range(max(self.low, found.truncated) + 1, min(self.high, found.chosen + WINDOW) + 1)
        return {slot: self.bounds.get(slot, newest) for slot in {*own, *again}}


class _Holes:
    """All of one log, in order, and what stands behind each."""

    def __init__(self) -> None:
        self.all: list[_Hole] = []
        self._bare: list[_Hole] = []
        """No mark behind these yet."""
        self._written: dict[int, int] = {}
        """Slots, and how many holes stand before each's last record that can be read."""

    @property
    def open(self) -> list[_Hole]:
        """Those that wait for repair."""
        return [hole for hole in self.all if not hole.is_repaired]

    @property
    def top(self) -> int:
        """The highest slot of which a record can be read."""
        return max(self._written, default=0)

    def add(self, hole: _Hole) -> None:
        """The next one."""
        self.all.append(hole)
        self._bare.append(hole)

    def hear(self, records: Sequence[Record]) -> None:
        """These stand behind the last one."""
        for kind, slot, ballot, payload in records:
            if kind == _ACCEPT:
                self._written[slot] = len(self.all)
            elif kind == _CHOSEN:
                for hole in self._bare:
                    hole.high = ballot or slot + WINDOW
                self._bare.clear()
            elif kind == _STATE:
                state = decode_state(payload)
                for hole in self.all:
                    hole.high = min(hole.high, state.chosen)
                    hole.newest = min(hole.newest, state.promised)
                self._bare.clear()
                self._written.update((at, len(self.all)) for at, _, _ in state.accepted)
            elif kind == _FAULT:
                for hole in self.all:
                    hole.bounds.setdefault(slot, ballot)

    def doubts(self, found: Recovered) -> Iterator[tuple[_Hole, dict[int, int]]]:
        """Each that waits for repair, with the slots that it leaves in doubt: what was written behind it is newer."""
        again: set[int] = set()
        for hole in self.all:
            about = hole.about(found, again)
            doubt = {slot: ballot for slot, ballot in about.items() if self._written.get(slot, 0) <= hole.number}
            if hole.is_repaired:
                again.update(doubt)
            else:
                yield hole, doubt


def recover_damaged(
    copies: bytes,
    records: list[Record],
    rotten: Sequence[Rotten],
    directory: str = "the replica's directory",
    *,
    begins_later: bool = False,
    covered: int = 0,
) -> Recovered:
    """Fold what the disk holds, where something of it may be damaged, or was, in segments that are given up.

    Args:
        copies: The promise copies' content.
        records: All that can be read, in order.
        rotten: What cannot, in order.
        directory: What errors call it.
        begins_later: Whether the log's first records were given up behind a snapshot.
        covered: The newest slot behind which there is a snapshot, whatever is in it.

    Raises:
        ProtocolError: intact bytes that this version cannot read.
        StateDamaged: nobody can tell what was voted for.
    """
    if not rotten:
        found = recover(copies, records, directory)
        _settle(found, _Holes(), covered)
        return found
    found = recover(copies, [], directory)
    holes, top = _Holes(), 0
    try:
        for index, each in enumerate([*rotten, None]):
            part = records[rotten[index - 1].at if index else 0 : each.at if each is not None else len(records)]
            holes.hear(part)
            fold(found, part)
            if each is not None:
                if each.lost and (each.record is None or each.record[0] in (RecordKind.BOOT, _STATE)):
                    found.forgot_boots = True
                hole = _hole(each, index, found, begins_later=begins_later)
                hole.is_first = not each.at and each.record is None and each.lost > (0 if begins_later else 1)
                holes.add(hole)
                top = max(top, each.record[1] if each.record is not None and each.record[0] == _ACCEPT else 0)
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"a durable record cannot be read: {error}") from None
    found.top = max(top, holes.top)
    found.chosen = max(found.chosen, found.top - WINDOW)
    if begins_later and not found.truncated:  # it stood in the record that the log began with
        known = [*found.accepted, *found.faulty, *(slot for hole in holes.open for slot in hole.slots or ())]
        found.truncated = min([found.chosen, *(slot - 1 for slot in known)])
    if lost := next((hole for hole in holes.open if hole.is_first and hole.high == FAR), None):
        number, start, _ = lost.place
        what = f"the record that the log begins with, in segment {number}, is lost"
        detail = f"{what}, and nothing behind it tells what this replica voted for: its state is lost"
        raise StateDamaged(file=directory, offset=start, kind="state", detail=detail)
    _settle(found, holes, covered)
    own = {slot: ballot for kind, slot, ballot, _ in records if kind == _ACCEPT}
    found.alone = {slot for slot, (ballot, _) in found.accepted.items() if slot > found.truncated and own.get(slot) != ballot}
    return found


def _hole(rotten: Rotten, number: int, found: Recovered, *, begins_later: bool) -> _Hole:
    """What may have stood there; what an intact header says is taken up."""
    hole = _Hole(rotten, number, found.chosen)
    if rotten.record is None:
        if not rotten.lost:
            hole.slots = {}
        return hole
    kind, slot, ballot = rotten.record
    hole.slots = {}
    if kind in (_ACCEPT, _FAULT):
        hole.slots = {slot: ballot}
        found.promised = max(found.promised, ballot)
    elif kind == _CHOSEN or (
        kind == RecordKind.SNAPSHOT and not ballot
    ):  # a fetched one, proved, is recorded before its slots are chosen here
        found.chosen = max(found.chosen, slot)
    elif kind == RecordKind.QUARANTINE:
        found.quarantine = LOST_WORD
    elif kind == RecordKind.TRUNCATE:
        found.truncated = max(found.truncated, slot)
    elif kind == _STATE:
        found.chosen, found.promised = max(found.chosen, slot), max(found.promised, ballot)
        if not rotten.at and begins_later:  # the records that it was made from are not in this log
            hole.slots, hole.low = None, found.chosen
        elif not rotten.at:  # a creation wrote it: there is nothing before what it calls chosen
            found.truncated = slot
    return hole


def _settle(found: Recovered, holes: _Holes, covered: int) -> None:
    """Which slots are faulty, for which place's sake, and how long nothing may be said."""
    found.silent_through = max(found.silent_through, found.copies.silent_through)
    if found.copies.is_doubted and not found.quarantine:
        found.quarantine = COPIES_WORD
    lost = sum(hole.lost for hole in holes.open if hole.slots is None and hole.high == FAR)
    if lost > 1:
        found.silent_through = max(found.silent_through, max(found.top, found.chosen, covered) + lost + WINDOW)
    for hole in holes.open:
        if hole.slots is None and found.chosen + WINDOW < hole.high < FAR:
            found.silent_through = max(found.silent_through, hole.high)  # that is how an earlier start of such a log told it
    faulty = {slot: ballot for slot, ballot in found.faulty.items() if slot > found.truncated}
    for hole, doubt in holes.doubts(found):
        known = {slot for slot, ballot in doubt.items() if _is_as_new(found, slot, ballot)}
        lost_here = {slot: ballot for slot, ballot in doubt.items() if slot > found.truncated and slot not in known}
        found.waiting[hole.place] = set(lost_here)
        for slot, ballot in lost_here.items():
            faulty[slot] = max(ballot, faulty.get(slot, 0))
    missing = (slot for slot in range(found.truncated + 1, found.chosen + 1) if slot not in found.accepted and slot not in faulty)
    faulty |= dict.fromkeys(missing, found.promised)
    found.faulty = {slot: max(1, faulty[slot]) for slot in sorted(faulty)}
    for slot in faulty:
        found.accepted.pop(slot, None)


def _is_as_new(found: Recovered, slot: int, ballot: int) -> bool:
    """Whether the value of another record of this slot is of that ballot or a newer one."""
    return slot in found.accepted and found.accepted[slot][0] >= ballot
