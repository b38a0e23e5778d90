"""Replicas that lost their state: what an operator may do to a directory, and what must come of it.  [SAFETY 2, 3, 8]

Rule 1. A directory is put back as it was in an earlier life, or earlier in the same, and only where a majority of the others has on disk
a later boot of its replica, or remembers more of it than the directory does: then every majority that it could register with has somebody
who knows better, whether it goes by the configuration of its directory or hears of the newest.
Rule 2. Such a replica stays out: whatever it is started on and however often, it stops or waits, and says nothing that binds it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from gaios.errors import StateLost, StateMissing
from gaios.log import Recovered, recover
from gaios.log.boots import remembered
from gaios.log.records import Boot
from gaios.log.roster import Roster
from gaios.sim.disk import Disk
from gaios.storage import Identity, Journal, Reader

STAYS_OUT = "lost state stays out"


class Place(Protocol):
    """A seat, as far as this file needs it."""

    replica: int
    members: dict[int, int]
    """The founders, each with its place."""
    disk: Disk
    is_lost: bool

    @property
    def identity(self) -> Identity:
        """Whose directory it is."""


def is_expected(error: Exception) -> bool:
    """Whether this is how a replica without its state has to end."""
    return isinstance(error, StateMissing | StateLost)


class Shelf:
    """Copies of directories, each of a replica that was down."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Recovered, Mapping[str, bytes]]] = {}
        self._copied: dict[int, tuple[Recovered, Mapping[str, bytes]]] = {}

    def keep(self, seat: Place) -> None:
        """Copy its directory, unless there is a copy."""
        if seat.replica not in self._kept and not seat.is_lost:
            files = {name: seat.disk.read(name, 0, seat.disk.size(name)) for name in seat.disk.names()}
            self._kept[seat.replica] = _found(seat.identity, seat.disk), files

    def copy(self, seat: Place) -> None:
        """Copy what is durable of the directory of a replica that runs, in place of an earlier such copy."""
        disk = seat.disk.durable()
        files = {name: disk.read(name, 0, disk.size(name)) for name in disk.names()}
        self._copied[seat.replica] = _found(seat.identity, disk), files

    def roll_back(self, seat: Place, others: Sequence[Place], voters: int) -> bool:
        """Put that copy in the directory's place, if it is of the last life and enough others remember more.

        `voters` are those of the newest configuration, as a bit mask.
        """
        found, files = self._copied.get(seat.replica, (None, {}))
        if found is None or found.copies.boot != _found(seat.identity, seat.disk).copies.boot:
            return False
        copied = remembered(found)

        def knows_better(peer: Place) -> bool:
            boot = _known(peer, seat.replica)
            return boot is not None and bool(copied.lacks(boot.ballot, boot.slot))

        if not _is_noticed(seat, others, (voters, _voters(seat, found)), knows_better):
            return False
        seat.disk.put_back(files)
        return True

    def put_back(self, seat: Place, others: Sequence[Place], voters: int) -> bool:
        """Put the copy in the directory's place, if there is one and enough others know better; `voters` as above."""
        found, files = self._kept.get(seat.replica, (None, {}))
        if found is None:
            return False
        boot = found.copies.boot
        if not _is_noticed(seat, others, (voters, _voters(seat, found)), lambda peer: _seen(peer, seat.replica) > boot):
            return False
        seat.disk.put_back(files)
        return True


def _is_noticed(seat: Place, others: Sequence[Place], crowds: Iterable[int], knows_better: Callable[[Place], bool]) -> bool:
    """Whether a majority of the others knows better, among the voters now, and among those whom the directory takes for voters."""
    for crowd in crowds:
        peers = [other for other in others if other is not seat and crowd >> other.replica & 1]
        if 2 * sum(not peer.is_lost and knows_better(peer) for peer in peers) <= len(peers):
            return False
    return True


def _voters(seat: Place, found: Recovered) -> int:
    """Those of the newest configuration that a directory knows to be chosen."""
    roster = Roster(seat.replica, seat.members)
    roster.recover(found)
    return roster.newest.voters


def _found(identity: Identity, reader: Reader) -> Recovered:
    _, found = Journal.open(identity, reader)
    return recover(found.copies, found.records)


def _seen(peer: Place, replica: int) -> int:
    """The newest boot of a replica that a peer has durably recorded."""
    known = _known(peer, replica)
    return known.boot if known is not None else 0


def _known(peer: Place, replica: int) -> Boot | None:
    """What a peer has durably recorded of a replica."""
    return _found(peer.identity, peer.disk.durable()).boots.get(replica)
