"""Damaged bytes of the log, between storage, which finds them, and the log, which knows what to do.  [SAFETY 6, 7, 15]

Rule 1. What a start finds is in the recovered state before the replica says anything; what is found later is handed in at once.
Rule 2. Which slots stand in damaged bytes is known while running: the journal's index tells. At a start it follows from what is intact.
Rule 3. Old bytes stay as they rotted: a place that was dealt with is not dealt with again.
"""

from contextlib import suppress

from gaios import storage
from gaios.errors import Error, ProtocolError, StateDamaged
from gaios.log import RecordKind, Recovered, Replica, Rotten, recover_damaged
from gaios.storage import Damage, Journal, Place, Reader
from gaios.storage.snapshot import slots as slots_of


def recovered(found: storage.Recovered, directory: str, covered: int = 0) -> Recovered:
    """What the disk holds, as the log knows it; `directory` is what errors call it, `covered` the slot of its newest snapshot.

    Raises:
        ProtocolError: intact bytes that this version cannot read.
        StateDamaged: nobody can tell what was voted for.
    """
    rotten, records, later = [_rotten(damage) for damage in found.damaged], found.records, found.begins_later
    return recover_damaged(found.copies, records, rotten, directory, begins_later=later, covered=covered)  # type: ignore[arg-type]


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
    with suppress(ProtocolError):  # a newer version wrote that: it may know better
        try:
            recovered(found, "the log", max(slots_of(reader.names()), default=0))
        except StateDamaged as error:
            return error
    return None


class Damages:
    """What was found damaged in one life of a replica."""

    def __init__(self, replica: Replica, journal: Journal, reader: Reader) -> None:
        self._replica, self._journal, self._reader = replica, journal, reader
        self.places = list(journal.damaged)
        """All that are known, of the start and since."""
        self.found = 0
        """Places found while running."""

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
        self._replica.rotted(now, place, self._journal.stand_in(RecordKind.ACCEPT, place))
