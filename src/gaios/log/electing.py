"""How a replica becomes master, and how it lets another: polls, campaigns, hand-overs.  [PML §5.2; SAFETY 9, 25]

Rule 1. A replica campaigns only if a poll found a majority willing just before, if it may serve, and if a majority of the voters that it
was told of, itself included, has recorded its present boot. Those whom it counts by its log alone may know no more than it does, as where
it is an older copy.
Rule 2. A master that cannot work, or that others would do better than, gives its lease back. Before, it proposes nothing new and lets what
is in flight end, so that nobody is left in doubt.
Rule 3. Who lost a chosen value that no peer supplies keeps back: it neither leads nor promises. Those who hold the value may not know that
it is chosen: a majority of others recovers it, and a promise would bind them to values that nobody supplies. Silence is safe.  [SAFETY 6]
"""

from collections import deque

from gaios import errors
from gaios.log.belonging import Belonging
from gaios.log.codec import POLL, POLLED, Message
from gaios.log.options import FAR, MS
from gaios.log.output import OTHERS
from gaios.log.space import Room
from gaios.paxos import core


class Electing(Belonging):
    """The part of a `Replica` that seeks mastership, and gives it up."""

    polls: int
    handovers: int
    _unsynced: deque[tuple[int, int]]
    _leave_by: int
    _proposes: bool
    _boost_after: int

    def retire(self, now: int) -> None:
        """A master that cannot work, or is about to be stopped, gives its lease back and lets the others go first.  [SAFETY 9]"""
        if self._reign.ballot:
            self._steps.take((core.ABDICATE,), self.me, now)
            self._reign.end()
            self._election.stand_back(now, 2 * self.options.term_ms)

    @property
    def _may_lead(self) -> bool:
        """Whether this replica votes, as far as it knows and was told, and has a database that is there and may be served."""
        fit = self.doubt.may_serve and self.boots.is_enough and not (self.lacks_base or self.is_stranded or self._steps.is_silent)
        return fit and self.core.electors() >> self.me & 1 == 1 and self.roster.votes(self.me)

    def _poll_due_ns(self) -> int:
        """When to poll: later where the disk has less room than others; never where it has none, the database is in doubt, or votes are."""
        if self.space.room == Room.NONE or not self.doubt.may_serve or self._steps.is_silent or self.lacks_base or self.is_stranded:
            return FAR
        due, term_ms = self._election.due_ns(self.core.granted_until), self.options.term_ms
        return due + (self.space.wait_ms(term_ms) + term_ms * self._reign.pace.stands_back(due)) * MS

    def _poll(self, now: int) -> None:
        number = self._election.poll(now, self.me)
        self.polls += 1
        self._master = 0
        said = (*self._changes.news(), (POLL, number, self.core.promised, self.core.chosen))
        self._steps.output.at_once.extend((OTHERS, message) for message in said)
        self._consider(now)

    def _polled(self, now: int, member: int, message: Message) -> None:
        """A replica asks whether it might be elected: yes only when no lease of ours is out.  [SAFETY 9]

        The answer also says through which slot this replica has everything. A master counts that when it asks whether a change is settled,
        so the answer leaves only when all of it is durable.  [SAFETY 5, 18]
        """
        _, number, promised, chosen = message
        if not (self.boots.is_informed or self.roster.votes(self.me)):
            return  # a learner that does not say how far it is stays one
        fit = not (self._reign.ballot or self.is_stranded or self._steps.is_silent)
        yes = now >= self.core.granted_until and fit and self.roster.votes(member)
        if yes:
            self._election.give_way(now, member, self.me)
        self._catchup.heard(member, chosen)
        self._election.seen = max(self._election.seen, promised)
        said = (*self._changes.news(), (POLLED, number, int(yes), self.core.promised, self.readable))
        self._steps.mark()
        self._steps.output.after.extend((member, each) for each in said)
        if self._reign.ballot and promised > self._reign.ballot and now >= self._boost_after:
            self._boost(now)

    def _count_poll(self, now: int, member: int, message: Message) -> None:
        _, number, yes, promised, chosen = message
        self._election.polled(member, number, yes=yes == 1, promised=promised)
        self.roster.hear(member, chosen)
        self._catchup.heard(member, chosen)
        self._consider(now)

    def _consider(self, now: int) -> None:
        """Campaign if a majority said yes."""
        if not self._reign.ballot and self.core.quorum(self._election.yes) and now >= self.core.granted_until and self._may_lead:
            self._campaign(now)

    def _campaign(self, now: int) -> None:
        ballot = self._election.campaign(now, self.me, self.core.promised)
        if self._steps.take((core.CAMPAIGN, ballot), self.me, now):
            self._resend_due = now + self.options.retransmit_ms * MS
        else:
            self._election.failed(now)

    def _boost(self, now: int) -> None:
        """A replica has promised a newer ballot than this reign's and cannot follow it: reign on under a newer one.  [PML §5.2]

        Rarely, so that a replica which keeps coming and going deposes nobody.
        """
        self._boost_after = now + self.options.boost_ms * MS
        self._steps.take((core.ABDICATE,), self.me, now)
        self._reign.end(keep_waiting=True)
        self._campaign(now)

    def _tick_candidate(self, now: int) -> None:
        if now >= self._election.give_up_at:
            self._steps.take((core.ABDICATE,), self.me, now)
            self._election.failed(now)
        elif now >= self._resend_due:
            self._resend_due = now + self.options.retransmit_ms * MS
            participant = self.core
            claim = self._steps.claim
            if participant.gathers() and claim is not None:
                self._steps.output.after.extend((peer, claim) for peer in self.peers if not participant.proms >> peer & 1)
            for slot in range(participant.chosen + 1, participant.next):
                message: Message = (core.ACCEPT, participant.bal, participant.config, slot, participant.acc[slot][1])
                self._steps.output.at_once.extend((OTHERS, message) for _ in self.peers[:1])

    @property
    def _may_go_on(self) -> bool:
        """Whether a master may: it does not doubt its database, can get what it lacks, and serves under the newest configuration."""
        return self.doubt.may_serve and not self.is_stranded and not (self.roster.is_outdated and self._reign.is_serving)

    def _stand_down(self, now: int) -> None:
        """Who doubts its own database, or whose log lacks what is chosen, leads nobody.  [SAFETY 18, 25]"""
        if self.core.leads() or self._is_candidate:
            self._steps.take((core.ABDICATE,), self.me, now)
            self._election.stand_back(now, 2 * self.options.term_ms)
        if self._reign.ballot:
            self._reign.end()

    def overtaken(self, now: int, member: int, boot: int, nonce: int, number: int) -> None:
        """A member, in a boot of it, speaks under a configuration newer than any that this replica knows or was told of."""
        if self.boots.believes(member, boot, nonce):
            self.roster.see(number)
            if not self._may_go_on:
                self._stand_down(now)
                self._reign.refuse_waiting()

    def _hand_over_if_unfit(self, now: int) -> None:
        """A master that others would do better than lets them."""
        if not self._reign.ballot:
            return
        slow = self._reign.pace.is_slow(now, [began for _, began in self._unsynced])
        if not self._leave_by and (slow or self.space.hands_over(now, self.followers(now))):
            self.handovers += 1
            self._leave_by = now + self.options.term_ms * MS // 2
        self._leave_if_due(now)

    def _look_at_disks(self, now: int) -> None:
        """Whether anything may be proposed."""
        full = self.space.is_uneven and self.space.refuses_all(now, self.present(now))
        self._proposes = not (full or self._leave_by)

    def _leave_if_due(self, now: int) -> None:
        """Hand over once nothing is in flight, so that nobody is left in doubt."""
        if self._leave_by and (now >= self._leave_by or not (self._reign.ballot and (self._reign.in_flight or self._reign.tokens))):
            self._leave_by = 0
            self.retire(now)

    def _full(self, now: int) -> errors.DiskFull | None:
        """The error with which a command that takes room is refused now; None: none is."""
        if not self.space.is_uneven or self._leave_by:  # whoever waits while it hands over asks the next master
            return None
        present = self.present(now)
        if not self.space.refuses_growth(now, present) or self.space.may_hand_over(now, present):  # it will, once their leases are here
            return None
        replicas = ", ".join(str(self.members[member]) for member in self.space.full(now) if member in self.members)
        return errors.DiskFull(replicas=replicas, reserve=not self.space.refuses_all(now, present))
