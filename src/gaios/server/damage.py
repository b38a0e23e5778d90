"""Damaged bytes of the log, between storage, which finds them, and the log, which knows what to do.  [SAFETY 6, 7, 15]

Rule 1. What a start finds is in the recovered state before the replica says anything; what is found later is handed in at once.
Rule 2. Which slots stand in damaged bytes is known while running: the journal's index tells. At a start it follows from what is intact.
Rule 3. Old bytes stay as they rotted: a place that was dealt with is not dealt with again.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gaios import storage
from gaios.errors import DiskFailed, Error, ProtocolError, StateDamaged
from gaios.log import RecordKind, Recovered, Replica, Rotten, recover_damaged
from gaios.server.commit import GroupCommit
from gaios.server.keeping import Keeping
from gaios.storage import UNREADABLE, Damage, Journal, Place, Problem, Reader, copies, segment, snapshot


def recovered(found: storage.Recovered, directory: str, covered: int = 0) -> Recovered:
    """What the disk holds, as the log knows it; `directory` is what errors call it, `covered` the slot of its newest snapshot.

    Raises:
        ProtocolError: intact bytes that this version cannot read.
        StateDamaged: nobody can tell what was voted for.
        DiskFailed: nor can anybody, because the disk does not give that back.
    """
    rotten, records, later = [_rotten(damage) for damage in found.damaged], found.records, found.begins_later
    try:
        return recover_damaged(found.copies, records, rotten, directory, begins_later=later, covered=covered)  # type: ignore[arg-type]
    except StateDamaged:
        bad = next((each for each in found.damaged if each.kind == UNREADABLE and not each.is_repaired), None)
        if bad is None:
            raise
        raise storage.refusal(
            Problem(
                segment.name(bad.segment), bad.start, UNREADABLE, f"{bad.detail}; without it nobody can tell what this replica voted for"
            )
        ) from None


def _rotten(damage: Damage) -> Rotten:
    identity = (damage.record.kind, damage.record.slot, damage.record.ballot) if damage.record is not None else None
    return Rotten(damage.at, damage.place, identity, damage.lost, damage.is_repaired)


def refusal(reader: Reader, identity: storage.Identity) -> StateDamaged | None:
    """Why a start refuses a directory whose every file it can read: nobody can tell what this member voted for. None: it does not.

    What it refuses of the files themselves `storage.verify` names. `reader` may be of a directory on which nobody runs.
    """
    try:
        _, found = Journal.open(identity, reader)
    except Error:
        return None
    with suppress(ProtocolError, DiskFailed):  # a newer version wrote that: it may know better; the disk may give it back once more
        try:
            recovered(found, "the log", max(snapshot.slots(reader.names()), default=0))
        except StateDamaged as error:
            return error
    return None


def places(journal: Journal) -> list[Place]:
    """Those of the log that a start found damaged, repaired or not."""
    return [each.place for each in journal.found if isinstance(each, Damage)]


class Event(NamedTuple):
    """For the log file: damage was found, or what it held was made anew."""

    is_found: bool
    fields: dict[str, Any]


class Damages:
    """What was found damaged in one life of a replica.

    Rule 1. Each place is told once where it is found, unless a start before repaired it, and once when it is repaired (`news`).
    """

    def __init__(self, replica: Replica, journal: Journal, reader: Reader) -> None:
        self._replica, self._journal, self._reader = replica, journal, reader
        self.places = places(journal)
        """All that are known, of the start and since."""
        self.found = 0
        """Places found while running."""
        self._open: list[Place] = []
        """Places that were told, and are not repaired."""
        self._spoilt: list[int] = []
        """Slots of snapshots that were told to be damaged, and still are."""
        self._when = "start"
        """What the next `news` says of when damage was found: `start`, then `running`."""
        self._news: list[Event] = []
        for each in journal.found:
            if isinstance(each, Problem):
                self._tell(each.file, each.offset, 0, each.detail, "start")
                self._news.append(Event(is_found=False, fields={"file": each.file}))
            elif not each.is_repaired:
                self._open.append(each.place)
                self._tell(segment.name(each.segment), each.start, each.end, each.detail, "start", records=each.lost)

    @property
    def total(self) -> int:
        """Places of the log, of the start and since."""
        return len(self.places)

    def read(self, now: int, slot: int) -> tuple[int, bytes]:
        """Ballot and value that the disk has; 0 and nothing: it does not, or they turn out to have rotted."""
        if (where := self._journal.locate(RecordKind.ACCEPT, slot)) is None:
            return 0, b""
        try:
            record = self._journal.read(self._reader, where)
        except StateDamaged:
            self.found_at(now, where.place)
            return 0, b""
        return record.ballot, record.payload

    def found_at(self, now: int, place: Place) -> None:
        """These bytes cannot be read: what stands there is written anew, or fetched from peers."""
        if any(known.covers(place) for known in self.places):
            return
        self.places.append(place)
        self.found += 1
        slots = self._journal.stand_in(RecordKind.ACCEPT, place)
        self._open.append(place)
        self._tell(segment.name(place.segment), place.start, place.end, "it cannot be read any more", "running", slots=len(slots))
        self._replica.rotted(now, place, slots)

    def copy_found(self, commit: GroupCommit, problem: Problem) -> None:
        """The scrub found a promise copy damaged, or gone: both are written anew from memory."""
        names = self._reader.names()
        gone = [file for file in copies.NAMES if file not in names]
        for file in [problem.file, *(file for file in gone if file != problem.file)]:
            self._tell(file, problem.offset, 0, problem.detail, "running")
            self._news.append(Event(is_found=False, fields={"file": file}))
        if problem.kind == UNREADABLE:
            self._journal.unreadable.add(problem.file)
        commit.write_copies(gone)

    def news(self, snapshots: Keeping) -> list[Event]:
        """What is to be told since the last call, also of snapshots that cannot be read."""
        if self._open:
            left = self._replica.unrepaired
            for place in [place for place in self._open if place not in left]:
                self._open.remove(place)
                fields = {"file": segment.name(place.segment), **_range(place.start, place.end)}
                self._news.append(Event(is_found=False, fields=fields))
        if snapshots.spoilt != self._spoilt:
            self._compare(snapshots.spoilt, snapshots.why)
        told, self._news, self._when = self._news, [], "running"
        return told

    def _compare(self, spoilt: Sequence[int], why: Sequence[str]) -> None:
        """Tell which snapshots became spoilt, and which are no more. Where no reason is given a newer one made it useless."""
        reasons = {slot: next((each for each in why if snapshot.name(slot) in each), "") for slot in spoilt}
        self._news += [Event(is_found=False, fields={"file": snapshot.name(slot)}) for slot in self._spoilt if slot not in reasons]
        known = [slot for slot in self._spoilt if slot in reasons]
        for slot in spoilt:
            if slot not in known and reasons[slot]:
                self._tell(snapshot.name(slot), 0, 0, reasons[slot], self._when)
                known.append(slot)
        self._spoilt = known

    def _tell(self, file: str, start: int, end: int, detail: str, when: str, **lost: int) -> None:
        """Note for the log file that damage was found; `end` 0: through the file's end."""
        where = _range(start, end)
        self._news.append(Event(is_found=True, fields={"file": file, **where, "when": when, "detail": detail, **lost}))


def _range(start: int, end: int) -> dict[str, int]:
    """Of a file's bytes, for people; `end` 0, or beyond every segment: through the file's."""
    return {"start": start, "end": end} if 0 < end < segment.SEGMENT_BYTES_MAX else {"start": start} if start else {}
