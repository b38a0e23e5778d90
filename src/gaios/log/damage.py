"""What a start makes of records that it cannot read.  [PML §5.1; SAFETY 6, 7, 15]

    damage in the log ──recover──► faulty slots ──► the core reports them, and never as absent
                                       └──► places of the log that wait until those slots are written anew ──► REPAIR

Rule 1. Where a record's header is intact it is known which slot stood there: that slot alone is faulty, and only if no value as new is
known of it.
Rule 2. Where nothing is intact, in a *hole*, any slot may have stood that the records around it leave open. Such a slot is
    above the last mark before the hole, for votes are for slots above every mark before them;
    at most the highest slot that the next mark names, or a window above that mark where it names none;
    not one that can be read behind the hole, for that record is newer;
    not one whose known value is of a ballot as new as any that was promised, or learned of, by then: in one ballot is one value (rule 8).
Repair writes slots anew behind marks far above them. So a slot that an older hole, repaired since, may have held is in doubt again in every
later hole, unless it can be read behind the older one.
No other slot at or below the last mark is in doubt, for below a mark only a slot is written again that some start, or the scrub, could
not read. Whichever record of it is lost then leaves a place behind the newest one that can be read, and the slot lies in that place's own
range; what rots later makes the range wider, never smaller. Where there is no such place, the newest record that can be read has the value
of which the mark speaks, and whatever stood behind the mark had the same.
Rule 3. A state record tells all of every slot above its own mark: what rotted before it matters below that mark only.
Rule 4. Votes are for no slot more than a window above a mark that is as durable: an intact vote tells what was chosen, whatever became of
the mark. So does one that a state record tells of, though the rest of its batch was torn off: it tells the values of those slots, too.
Rule 5. A mark and votes above it may both have rotted, with nothing behind that tells how far the mark had gone. Then the replica is silent
through the highest slot that it can have voted for. Each lost record moved the mark by one slot at the most, or as far as a snapshot
reaches that was taken over, or was a vote a window above one. Silence is safe: it is what others see of a member whose messages are lost.
Rule 6. A log begins with a state record, and nothing before that tells which slots it held. Where it is lost, and nothing behind tells
either, this replica's state is lost; unless a creation wrote it, for that one holds no votes.
Rule 7. A silence and a quarantine stand in the promise copies, too: a record of them that rotted, whole, is not missed.
Rule 8. A snapshot that was taken over tells what is chosen without telling in which ballot; votes that stand before it in the log may be
for other values. So where the record that dropped them may have stood in a hole, they are in doubt through the newest snapshot, though they
are of a ballot as new as any. Those above all that is known to be chosen are votes still, and stay.
What stood there of other members' boots is asked for (boots.py).
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from gaios.errors import ProtocolError, StateDamaged
from gaios.log.quarantine import VERSION, Quarantine
from gaios.log.records import Record, RecordKind, Recovered, decode_state, encode, fold, recover
from gaios.paxos.core import WINDOW

UNBOUNDED: Final = 1 << 62
"""Above every slot, and newer than every ballot: nothing that can be read bounds a hole."""
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
    """A place of the log that cannot be read, and the slots that may have been accepted there."""

    def __init__(self, rotten: Rotten, number: int, low: int) -> None:
        self.place, self.lost, self.is_repaired = rotten.place, rotten.lost, rotten.is_repaired
        self.number = number
        """How many holes stand before it."""
        self.low, self.high = low, UNBOUNDED
        self.is_first = False
        """The state record with which the log began stood in it, and nothing of that is known (rule 6)."""
        self.slots: dict[int, int] | None = None
        """The only slots that it can have held, each with its ballot; None: any slot above `low`, through `high`."""
        self.newest = UNBOUNDED
        """No vote in it was in a newer ballot."""
        self.bounds: dict[int, int] = {}
        """Slots that an earlier start wrote down as lost in it, each with the newest ballot that it knew then."""

    def about(self, found: Recovered, again: set[int]) -> dict[int, int]:
        """The slots that it may have held, each with the newest ballot; those of `again` may have been written anew there."""
        if self.slots is not None:
            return self.slots
        newest = min(found.promised, self.newest)
        own = range(max(self.low, found.truncated) + 1, min(self.high, found.chosen + WINDOW) + 1)
        return {slot: self.bounds.get(slot, newest) for slot in {*own, *again}}


class _Holes:
    """All holes of one log, in order, and what the records behind each tell of it."""

    def __init__(self) -> None:
        self.all: list[_Hole] = []
        self._bare: list[_Hole] = []
        """Those that no mark was read behind yet."""
        self._written: dict[int, int] = {}
        """How many holes stand before the newest readable record of each slot."""

    @property
    def open(self) -> list[_Hole]:
        """Those that wait for repair."""
        return [hole for hole in self.all if not hole.is_repaired]

    @property
    def top(self) -> int:
        """The highest slot of which a record can be read."""
        return max(self._written, default=0)

    def add(self, hole: _Hole) -> None:
        """The next one in the log's order."""
        self.all.append(hole)
        self._bare.append(hole)

    def hear(self, records: Sequence[Record]) -> None:
        """These records stand behind the last hole, and bound those before them."""
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
        """Each that waits for repair, with the slots that it leaves in doubt (rule 2), each with its newest ballot."""
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
    holes = _fold_around(found, records, rotten, begins_later=begins_later)
    found.chosen = max(found.chosen, found.top - WINDOW)  # rule 4
    if begins_later and not found.truncated:  # it stood in the record that the log began with
        known = [*found.accepted, *found.faulty, *(slot for hole in holes.open for slot in hole.slots or ())]
        found.truncated = min([found.chosen, *(slot - 1 for slot in known)])
    _check_beginning(holes, directory)
    _settle(found, holes, covered)
    own = {slot: ballot for kind, slot, ballot, _ in records if kind == _ACCEPT}
    found.alone = {slot for slot, (ballot, _) in found.accepted.items() if slot > found.truncated and own.get(slot) != ballot}
    return found


def _fold_around(found: Recovered, records: list[Record], rotten: Sequence[Rotten], *, begins_later: bool) -> _Holes:
    """Fold the records that can be read, in order, and note between them what may have stood where nothing can."""
    holes, top = _Holes(), 0
    try:
        for index, each in enumerate([*rotten, None]):
            part = records[rotten[index - 1].at if index else 0 : each.at if each is not None else len(records)]
            holes.hear(part)
            fold(found, part)
            if each is not None:
                if each.lost and (each.record is None or each.record[0] in (RecordKind.BOOT, _STATE)):
                    found.forgot_boots = True
                is_beginning = not each.at and not any(before.lost for before in rotten[:index])
                hole = _hole(each, index, found, begins_later=begins_later, is_beginning=is_beginning)
                hole.is_first = not each.at and each.record is None and each.lost > (0 if begins_later else 1)
                holes.add(hole)
                top = max(top, each.record[1] if each.record is not None and each.record[0] == _ACCEPT else 0)
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"a durable record cannot be read: {error}") from None
    found.top = max(top, holes.top)
    return holes


def _check_beginning(holes: _Holes, directory: str) -> None:
    """Raise `StateDamaged` where the record that the log begins with is lost, and nothing behind it tells what it held."""
    if lost := next((hole for hole in holes.open if hole.is_first and hole.high == UNBOUNDED), None):
        number, start, _ = lost.place
        what = f"the record that the log begins with, in segment {number}, is lost"
        detail = f"{what}, and nothing behind it tells what this replica voted for: its state is lost"
        raise StateDamaged(file=directory, offset=start, kind="state", detail=detail)


def _hole(rotten: Rotten, number: int, found: Recovered, *, begins_later: bool, is_beginning: bool) -> _Hole:
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
    elif kind == _CHOSEN or (kind == RecordKind.SNAPSHOT and not ballot):
        # A snapshot's record with a ballot is no mark: a fetched one, proved, is recorded before its slots are chosen here.
        found.chosen = max(found.chosen, slot)
    elif kind == RecordKind.QUARANTINE:
        found.quarantine = LOST_WORD
    elif kind == RecordKind.TRUNCATE:
        found.truncated = max(found.truncated, slot)
    elif kind == _STATE:
        found.chosen, found.promised = max(found.chosen, slot), max(found.promised, ballot)
        if not rotten.at and begins_later:  # the records that it was made from are not in this log
            hole.slots, hole.low = None, found.chosen
        elif is_beginning:  # a creation wrote it: there is nothing before what it calls chosen
            found.truncated = slot
    return hole


def _settle(found: Recovered, holes: _Holes, covered: int) -> None:
    """Say which slots are faulty, which of them each place waits for, and through which slot the replica is silent."""
    found.silent_through = max(found.silent_through, found.copies.silent_through)
    if found.copies.is_doubted and not found.quarantine:
        found.quarantine = COPIES_WORD
    lost = sum(hole.lost for hole in holes.open if hole.slots is None and hole.high == UNBOUNDED)
    if lost > 1:
        found.silent_through = max(found.silent_through, max(found.top, found.chosen, covered) + lost + WINDOW)
    taken = min(found.chosen, max([covered, *found.proved]))  # rule 8
    for hole in holes.open:
        if hole.slots is None and found.chosen + WINDOW < hole.high < UNBOUNDED:
            found.silent_through = max(found.silent_through, hole.high)  # that is how an earlier start of such a log told it
    faulty = {slot: ballot for slot, ballot in found.faulty.items() if slot > found.truncated}
    for hole, doubt in holes.doubts(found):
        hidden = range(hole.low + 1, taken + 1 if hole.slots is None else 0)
        known = {slot for slot, ballot in doubt.items() if slot not in hidden and _is_as_new(found, slot, ballot)}
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
