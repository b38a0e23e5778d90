"""Rot: what was written, synced and long left alone is not what it was.  [SAFETY 6, 7, 15]

Rule 1. Any replicas, any number of them, a little at a time, while they run and while they are down. What rots is intact somewhere: no two
replicas lose their records of one slot, only one loses snapshots, and of two promise copies one is left. Where there is a store of backups
every replica may lose snapshots that are not behind a later slot than one in there.
Rule 2. Whoever cannot tell what stood in some bytes has to doubt every slot that may have: those count as lost there, too. What was lost
there before may have been written anew in them, and counts already. A mark that is lost later would widen that doubt, so a replica loses
either marks or records without a trace.
Rule 3. The last two batches that a log holds stay as they are: what no record behind them proves to be synced is told from an unfinished
write by nobody (SAFETY 7 has that case). Nor is the record that a log begins with, wholly: what it told may stand nowhere else.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from gaios.log import RecordKind
from gaios.paxos.core import WINDOW
from gaios.sim.dice import Dice
from gaios.sim.disk import Disk
from gaios.sim.durable import Durable
from gaios.sim.faults import DiskFaults
from gaios.sim.file import PAGE_BYTES
from gaios.sim.store import Store
from gaios.sim.world import World
from gaios.storage import Identity, segment
from gaios.storage.copies import NAMES, Copy, load
from gaios.storage.record import HEADER_BYTES, Header, candidates, seed, size
from gaios.storage.snapshot import name as snapshot_name
from gaios.storage.snapshot import slots

_TOLD = frozenset({RecordKind.ACCEPT, RecordKind.CHOSEN, RecordKind.BOOT, RecordKind.SNAPSHOT, RecordKind.TRUNCATE, RecordKind.STATE})
_MARKS = frozenset({RecordKind.CHOSEN, RecordKind.STATE})

STORED = 4
"""Of eight strikes so many are at snapshots where a store has them, too; else one, and of one replica's."""


class Place(Protocol):
    """A seat, as far as this file needs it."""

    replica: int
    disk: Disk
    is_lost: bool

    @property
    def identity(self) -> Identity:
        """Whose directory it is."""


class _Log(NamedTuple):
    headers: list[Header]
    top: int
    """The newest batch."""


class Rot:
    """See the module."""

    def __init__(self, world: World, dice: Dice, seats: Sequence[Place], store: Store | None, faults: DiskFaults) -> None:
        self._world, self._dice, self._seats, self._store, self._faults = world, dice, seats, store, faults
        self._far = dice.split("far")
        self._hit: dict[int, int] = {}
        """Slots, and the replica that lost its record of each."""
        self._loses_marks = frozenset(seat.replica for seat in seats if dice.chance(0.5))
        self._loses_snapshots = dice.pick([seat.replica for seat in seats])

    def strike(self, *, down: frozenset[int]) -> None:
        """Something rots, if there is anything that may; `down` are the replicas that do not run."""
        if self._far.chance(self._faults.rot_far):
            self._many(self._far.pick(("end", "end", "block", "file")), down)
            return
        seat = self._dice.pick(self._seats)
        if seat.is_lost:
            return
        what = self._dice.below(8)
        if what == 0 and seat.replica in down:
            self._copy(seat)
        elif 0 < what <= (STORED if self._store is not None else int(seat.replica == self._loses_snapshots)):
            self._snapshot(seat)
        else:
            self._record(seat)

    def _copy(self, seat: Place) -> None:
        """One of two."""
        durable = seat.disk.durable()
        found = load(durable, durable.names())
        if all(isinstance(each, Copy) for each in found):
            self._flip(seat, self._dice.pick(NAMES), 0, 80)

    def _snapshot(self, seat: Place) -> None:
        durable = seat.disk.durable()
        if not (there := slots(durable.names())):
            return
        others = [other for other in self._seats if other.replica != seat.replica and not other.is_lost]
        is_stored = self._store is not None and self._store.reaches(there[-1])
        spares = self._store is None and all(slots(other.disk.durable().names()) for other in others)
        if is_stored or spares:
            file = snapshot_name(self._dice.pick(there))
            self._world.count("a snapshot rotted")
            self._flip(seat, file, 0, durable.size(file))

    def _record(self, seat: Place) -> None:
        durable = seat.disk.durable()
        log = _read(durable, seat.identity)
        may_rot = _TOLD if seat.replica in self._loses_marks else _TOLD - _MARKS
        old = [at for at, header in enumerate(log.headers) if header.batch + 2 < log.top and header.kind in may_rot]
        if not old:
            return
        if self._dice.chance(self._faults.rot_over):
            old = _over_others(log.headers, old) or old
        at = self._dice.pick(old)
        header = log.headers[at]
        file, whole = segment.name(header.segment), size(header.length)
        if seat.replica not in self._loses_marks and self._dice.chance(0.3) and header.kind == RecordKind.ACCEPT:
            doubt = _doubt(log.headers, at, at)
            if doubt is None or not self._may_lose(seat, doubt):
                return
            self._world.count("a record was lost without a trace")
            there = durable.read(file, header.offset, whole)
            for place, (was, now) in enumerate(zip(there, self._instead(durable, log, header, there), strict=True), header.offset):
                if was != now:
                    seat.disk.damage(file, place, was ^ now)
            self._note(seat, file, header.offset)
        elif header.kind != RecordKind.ACCEPT or self._may_lose(seat, [header.slot]):
            payload = header.length > 0 and self._dice.chance(0.6)
            self._world.count("a record's payload rotted" if payload else "a record's header rotted")
            start, length = (header.offset + HEADER_BYTES, header.length) if payload else (header.offset, HEADER_BYTES)
            self._flip(seat, file, start, length)

    def _many(self, what: str, down: frozenset[int]) -> None:
        """Several records, one beside the other, without a trace."""
        seats = [seat for seat in self._seats if seat.replica in down] if what == "file" else self._seats
        if not seats or (seat := self._far.pick(seats)).is_lost or seat.replica in self._loses_marks:
            return
        durable = seat.disk.durable()
        headers, top = _read(durable, seat.identity)
        first = min((copy.first for copy in load(durable, durable.names()) if isinstance(copy, Copy)), default=0)
        old = [at for at, header in enumerate(headers) if at and header.batch + 2 < top and first <= headers[at - 1].segment]
        if not old:
            return
        may_rot = set(old)
        if self._far.chance(self._faults.rot_over):
            old = _over_others(headers, old) or old
        at = self._far.pick(old)
        file = segment.name(headers[at].segment)
        here = [other for other, header in enumerate(headers) if header.segment == headers[at].segment]
        start, end = headers[at].offset, durable.size(file)
        if what == "block":
            start, end = start // PAGE_BYTES * PAGE_BYTES, min(end, (start // PAGE_BYTES + 1) * PAGE_BYTES)
            here = [each for each in here if headers[each].offset < end and headers[each].offset + size(headers[each].length) > start]
            if headers[here[0]].kind != RecordKind.ACCEPT:  # what its header tells, if that is left, is not told by anything else
                start = headers[here[0]].offset
        elif what == "end":
            here = [each for each in here if each >= at]
        doubt = _doubt(headers, here[0], here[-1]) if {here[0], here[-1]} <= may_rot else None
        if doubt is None or not self._may_lose(seat, doubt):
            return
        if what == "file":
            self._world.count("a segment's file was lost")
            seat.disk.lose_file(file)
        else:
            self._world.count("the rest of a segment read as zeros" if what == "end" else "a block read as zeros")
            for place, was in enumerate(durable.read(file, start, end - start), start):
                if was:
                    seat.disk.damage(file, place, was)
        self._note(seat, file, start)

    def _instead(self, durable: Durable, log: _Log, header: Header, there: bytes) -> bytes:
        """What stands where a record was: nothing, as when a block was never written; another record; or anything."""
        how = self._dice.below(3)
        if how == 0:
            return bytes(len(there))
        alike = [each for each in log.headers if size(each.length) == len(there) and each.sequence != header.sequence]
        if how == 1 and alike:
            other = self._dice.pick(alike)
            self._world.count("a record was written to another's place")
            return durable.read(segment.name(other.segment), other.offset, len(there))
        return self._dice.bytes(HEADER_BYTES) + there[HEADER_BYTES:]

    def _may_lose(self, seat: Place, doubt: Collection[int]) -> bool:
        """Whether nobody else lost any of these; then they are lost here."""
        if any(self._hit.get(slot, seat.replica) != seat.replica for slot in doubt):
            return False
        self._hit |= dict.fromkeys(doubt, seat.replica)
        return True

    def _flip(self, seat: Place, file: str, start: int, length: int) -> None:
        """One bit."""
        offset = self._dice.below(length)
        seat.disk.damage(file, start + offset, 1 << self._dice.below(8))
        self._note(seat, file, start + offset)

    def _note(self, seat: Place, file: str, offset: int) -> None:
        self._world.note(f"rot {seat.replica} {file} {offset}")


def _read(durable: Durable, identity: Identity) -> _Log:
    """What can be read of a log."""
    crc_seed = seed(identity)
    found = [
        header
        for number in segment.numbers(durable.names())
        for header in candidates(durable.read(segment.name(number), 0, durable.size(segment.name(number))), 0, crc_seed, number)
    ]
    return _Log(found, max((header.batch for header in found), default=0))


def _doubt(headers: Sequence[Header], first: int, last: int) -> set[int] | None:
    """The slots that may have stood in these records, for whoever knows the others only; None where not all are known to be chosen.

    Repair writes a slot anew behind marks far above it: those that stand there are in doubt whatever the marks say.
    """
    low = max((header.slot for header in headers[:first] if header.kind in _MARKS), default=0)
    behind = [header for header in headers[last + 1 :] if header.kind in _MARKS]
    if not behind:
        return None
    mark = behind[0]
    high = mark.slot if mark.kind == RecordKind.STATE else mark.ballot or mark.slot + WINDOW
    if sum(header.slot >= high for header in behind) < 2:
        return None
    return {*range(low + 1, high + 1), *(header.slot for header in headers[first : last + 1] if header.kind == RecordKind.ACCEPT)}


def _over_others(headers: Sequence[Header], among: Sequence[int]) -> list[int]:
    """Those that are the newest of their slot, with an older one, of an older ballot, before them."""
    votes: dict[int, list[int]] = {}
    for at, header in enumerate(headers):
        if header.kind == RecordKind.ACCEPT:
            votes.setdefault(header.slot, []).append(at)
    newest = {each[-1] for each in votes.values() if headers[each[0]].ballot < headers[each[-1]].ballot}
    return [at for at in among if at in newest]
