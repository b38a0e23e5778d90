"""Where a replica stands: all that a shell, or a person, may ask of it without changing anything.  [INTERFACE `status`]"""

from collections.abc import Collection

from gaios import errors
from gaios.configuration import Configuration
from gaios.log.applier import Applier
from gaios.log.boots import Boots
from gaios.log.catchup import Catchup
from gaios.log.changes import Changes
from gaios.log.codec import Message
from gaios.log.doubt import Doubt
from gaios.log.gauge import Ailment, Gauge, Unfit, spare, tolerates
from gaios.log.options import MS, Options
from gaios.log.raising import Raising
from gaios.log.records import Place, Record
from gaios.log.reign import Reign
from gaios.log.repair import Repair
from gaios.log.roster import Roster
from gaios.log.space import Space
from gaios.log.steps import Steps
from gaios.paxos import core


class Standing:
    """The part of a `Replica` that only looks."""

    me: int
    options: Options
    roster: Roster
    core: core.Participant
    applier: Applier
    boots: Boots
    doubt: Doubt
    gauge: Gauge
    space: Space
    raising: Raising
    _reign: Reign
    _catchup: Catchup
    _changes: Changes
    _steps: Steps
    _repair: Repair
    _master: int

    def state_record(self) -> Record:
        """Everything durable, for the head of a new segment.  [SAFETY 15]"""
        return self._steps.state_record(self.boots.entries())

    def check(self) -> None:
        """Raise `InvariantViolated` when an invariant of the class does not hold."""
        reign = self._reign
        if self.applier.applied > self.core.chosen:
            raise errors.InvariantViolated(invariant="applied <= chosen", detail=f"{self.applier.applied} > {self.core.chosen}")
        if reign.ballot and not (self.core.leads() and self.core.bal == reign.ballot):
            raise errors.InvariantViolated(invariant="a reign is a leader's", detail=f"reign {reign.ballot}, ballot {self.core.bal}")
        if reign.tokens and (not reign.ballot or min(reign.tokens) <= self.applier.applied):
            raise errors.InvariantViolated(invariant="open tokens belong to the reign", detail=f"slots {sorted(reign.tokens)[:3]}")

    def news(self) -> list[Message]:
        """What whoever may not know the newest configuration is told; nothing where it is the founders'."""
        return self._changes.news()

    @property
    def members(self) -> dict[int, int]:
        """Each present member's replica id."""
        return self.roster.places

    @property
    def peers(self) -> tuple[int, ...]:
        """The other members, in order; a new tuple when they change."""
        return self.roster.peers

    @property
    def suppliers(self) -> tuple[int, ...]:
        """Whoever may be asked for what is missing here; a new tuple when they change."""
        return self.roster.suppliers

    @property
    def lingering(self) -> tuple[int, ...]:
        """Those among the suppliers who left the cell, and are still there."""
        return self.roster.lingering

    @property
    def config(self) -> int:
        """The number of the configuration that governs what is proposed next."""
        return self.core.config

    @property
    def configuration(self) -> Configuration:
        """The configuration of that number."""
        return self.roster.newest

    @property
    def told(self) -> Configuration:
        """The newest that it knows or was told of: whoever is listed there is talked to."""
        return self.roster.best

    @property
    def place(self) -> int:
        """This replica's own place; of one that was removed, where it was."""
        return self.roster.place

    def has_left(self, member: int) -> bool:
        """Whether a member was listed once, and is not in the configuration that is known to be chosen."""
        newest = self.roster.newest
        return member < newest.next_member and newest.member(member) is None and not self.roster.lists(member)

    def place_of(self, member: int) -> int:
        """Where a member is, or was; 0: unknown."""
        return self.roster.place_of(member)

    @property
    def is_settled(self) -> bool:
        """Whether those whom the newest configuration removed may be switched off; a master knows.  [SAFETY 18]"""
        return self._changes.is_settled

    @property
    def readable(self) -> int:
        """Every slot through this one is chosen, and its value, or a snapshot that covers it, is known to be here.  [SAFETY 6, 15]"""
        return 0 if self.lacks_base else self._steps.readable

    @property
    def is_serving(self) -> bool:
        """Whether this is a master whose epoch is applied: it takes writes, and reads under its lease."""
        return self._reign.is_serving

    @property
    def is_removed(self) -> bool:
        """Whether the newest configuration that this replica knows, or was told of, does not list it."""
        return self.me not in self.roster.best.places

    @property
    def role(self) -> str:
        """`master`, `replica` or `learner`: who is counted for nothing."""
        if self.is_serving:
            return "master"
        return "replica" if self.core.electors() >> self.me & 1 else "learner"

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

    @property
    def silent_through(self) -> int:
        """It neither promises nor votes until it knows every slot through this one to be chosen."""
        return self._steps.silent_through

    @property
    def lacks_base(self) -> bool:
        """Whether the database is lost: the log begins behind a snapshot that cannot be read."""
        return self.applier.applied < self.core.truncated

    @property
    def wants_base(self) -> bool:
        """Whether the shell is to find a snapshot that is proved: the database is lost, or wrong, and the log begins later."""
        return self.doubt.wants_base or self.lacks_base

    @property
    def is_forsaken(self) -> bool:
        """Whether the next value is known to be chosen, and peers do not supply it: every one was asked in vain, or it was lost here."""
        return self._catchup.forsaken == self.core.chosen or self.applier.applied + 1 in self.core.faulty

    @property
    def is_stranded(self) -> bool:
        """Whether the next chosen value was lost here and no peer supplies it: who holds it may not know that it is chosen."""
        return self._repair.is_vain and self.applier.applied + 1 in self.core.faulty and not self._catchup.coming

    @property
    def claimed(self) -> int:
        """The highest slot that this replica knows, or a peer said, to be chosen."""
        return max(self.core.chosen, self._catchup.claimed)

    @property
    def why(self) -> list[str]:
        """What is unusual about this replica, in sentences."""
        told = [*(why for why in (self.boots.why(),) if why), *self._lost()]
        others = (*self.space.why(self.roster.place), *self._belongs(), *self.doubt.why(self.members), *self.raising.why(self.members))
        return [*told, *others]

    def _lost(self) -> list[str]:
        """What was durable here and is no more."""
        told, steps = [], self._steps
        lost = sum(1 for slot in self.core.faulty if slot <= self.core.chosen)
        if lost:
            what = (
                f"the records of {lost} chosen slots are damaged: they are" if lost > 1 else "the record of a chosen slot is damaged: it is"
            )
            vain = ", so far in vain: they elect a master without this replica" if self.is_stranded else ""
            told.append(f"{what} fetched from peers{vain}; see docs/operations/damage.md")
        if self.lacks_base:
            goes_on = "" if steps.is_silent else ", and votes on meanwhile"
            told.append(f"its snapshots are damaged, and its log begins behind them: it fetches one from a peer{goes_on}")
        if steps.is_unsure:
            told.append("it does not vote until it has learned again who the members are, because a record that may say so is damaged")
        if self.core.chosen < steps.silent_through:
            through = steps.silent_through
            told.append(f"it does not vote until slot {through} is chosen, because nobody can tell what it voted for up to there")
        return told

    def _belongs(self) -> list[str]:
        """What is unusual about its membership."""
        best = self.roster.best
        if self.is_removed:
            return [f"member {self.me} was removed in configuration {best.number}: it stops once the others can spare it"]
        if self.roster.is_outdated and self.core.electors() >> self.me & 1:
            return [
                f"configuration {best.number}, or a newer one, was chosen behind the end of its log: it serves nothing until it has that"
            ]
        if not self.roster.votes(self.me):
            return [f"member {self.me} is a learner of configuration {best.number}: it votes once it has caught up"]
        return []

    @property
    def is_repairing(self) -> bool:
        """Whether something that was durable here is lost, or in doubt, and yet to be set right."""
        return self._steps.is_silent or self.lacks_base or self._repair.is_due or self.doubt.is_repairing

    @property
    def unrepaired(self) -> Collection[Place]:
        """Damaged places of the log of which something is yet to be written anew."""
        return self._steps.waiting.keys()

    @property
    def is_silent(self) -> bool:
        """Whether it neither promises nor votes, because nobody can tell what it voted for, or who the members are."""
        return self._steps.is_silent

    def followers(self, now: int) -> list[int]:
        """The voters whose leases this master has, itself included."""
        electors = self.core.electors()
        return [member for member, until in self.core.grants.items() if now < until and electors >> member & 1]

    def present(self, now: int) -> list[int]:
        """The voters that this master has no reason to take for dead: heard of within two terms, or its reign is not older than that."""
        since = now - 2 * self.options.term_ms * MS
        return [member for member in self.roster.voters if max(self.core.grants.get(member, 0), self._reign.began_ns) > since]

    def unfit(self, now: int) -> list[Unfit]:
        """The members that this master does not count on, with the reason."""
        return self._unfit(now, self.roster.voters)

    def _unfit(self, now: int, voters: Collection[int]) -> list[Unfit]:
        full = self.space.full(now) if self.space.is_uneven else ()
        return self.gauge.unfit(now, voters, full, ailing=self.is_repairing)

    def tolerates(self, now: int) -> int | None:
        """How many more members may fail; None at any replica but a master with a lease."""
        if not self.is_serving:
            return None
        found = tolerates(self.roster.voters, self.unfit(now), self.core.grants, now)
        if found and not self.is_settled:
            before = self.roster.before
            return min(found, spare(before, self._unfit(now, before)))
        return found

    @property
    def ailments(self) -> Ailment:
        """What is wrong with this replica, for a master's gauge."""
        return Ailment.REPAIRING if self.is_repairing else Ailment(0)

    def lease_ns(self, now: int) -> int:
        """How long the lease lasts yet; 0 without one."""
        if not self.core.holds_lease(now):
            return 0
        electors = self.core.electors()
        ends = sorted((until for member, until in self.core.grants.items() if electors >> member & 1), reverse=True)
        return ends[electors.bit_count() // 2] - now
