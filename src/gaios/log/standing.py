"""Where a replica stands: all that a shell, or a person, may ask of it without changing anything.  [INTERFACE `status`]"""

from gaios.configuration import Configuration
from gaios.log.applier import Applier
from gaios.log.catchup import Catchup
from gaios.log.reign import Reign
from gaios.log.roster import Roster
from gaios.paxos import core


class Standing:
    """The part of a `Replica` that only looks."""

    me: int
    _roster: Roster
    core: core.Participant
    applier: Applier
    _reign: Reign
    _catchup: Catchup
    _master: int

    @property
    def members(self) -> dict[int, int]:
        """Each present member's replica id."""
        return self._roster.places

    @property
    def peers(self) -> tuple[int, ...]:
        """The other members, in order; a new tuple when they change."""
        return self._roster.peers

    @property
    def config(self) -> int:
        """The number of the configuration that governs what is proposed next."""
        return self.core.config

    @property
    def configuration(self) -> Configuration:
        """That configuration."""
        return self._roster.newest

    @property
    def is_settled(self) -> bool:
        """Whether those whom it removed may be switched off; a master knows.  [SAFETY 18]"""
        return self._roster.settled(self.core.chosen)

    @property
    def is_serving(self) -> bool:
        """Whether this is a master whose epoch is applied: it takes writes, and reads under its lease."""
        return self._reign.is_serving

    @property
    def role(self) -> str:
        """`master` or `replica`."""
        return "master" if self.is_serving else "replica"

    @property
    def master(self) -> int:
        """The member that this replica takes for the master, itself exactly while it serves; 0: none."""
        return self.me if self._reign.is_serving else self._master

    @property
    def ballot(self) -> int:
        """The newest ballot promised."""
        return self.core.promised

    @property
    def chosen(self) -> int:
        """Every slot through this one is known to be chosen."""
        return self.core.chosen

    @property
    def applied(self) -> int:
        """Every slot through this one is applied."""
        return self.applier.applied

    @property
    def epoch(self) -> int:
        """The ballot of the newest reign that the applied log knows."""
        return self.applier.epoch

    @property
    def reigns(self) -> int:
        """How often this replica became master since its start."""
        return self._reign.count

    @property
    def waiting(self) -> int:
        """Entries that wait for a slot."""
        return len(self._reign.queue.waiting)

    @property
    def in_flight(self) -> int:
        """Slots that this master proposed and does not know to be chosen yet; 0 at any other replica."""
        return self._reign.in_flight if self._reign.ballot else 0

    @property
    def is_behind(self) -> bool:
        """Whether chosen values are known to be missing or not yet applied."""
        return self.applier.applied < self.core.chosen or self._catchup.known > self.core.chosen

    def lease_ns(self, now: int) -> int:
        """How long the lease lasts yet; 0 without one."""
        if not self.core.holds_lease(now):
            return 0
        electors = self.core.electors()
        ends = sorted((until for member, until in self.core.grants.items() if electors >> member & 1), reverse=True)
        return ends[electors.bit_count() // 2] - now
