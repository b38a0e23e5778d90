"""What a replica does as the members of its cell change: it follows the log, hears news, tells who may go.  [PML §5.4; SAFETY 9, 18]

Rule 1. A change that the log knows to be chosen takes effect at once: who is talked to, who is heard, who is counted. That it is chosen is
written down at once, too: where only memory knew it, a majority of the new voters alone might not find it out after a power cut.
Rule 2. News of a newer configuration makes its members known, so that they can tell what was chosen; nobody is counted for it. Whoever
serves stops, also where it hears no more than that there is one: it has lost what it knew, and goes by members who may be gone.
Rule 3. Who was removed polls on: not to be elected, but to be told. It stops when somebody says that the change is settled, and not
before, for until then it may hold the only copies of what was chosen: whoever lacks some asks it, too.
Rule 4. A master tells the members again and again to whoever is one and does not follow it: it may know none of those who are left, and
be known by them in an older state.
"""

from abc import abstractmethod
from typing import Any, Final

from gaios import configuration, errors
from gaios.configuration import Configuration
from gaios.log.answers import Answer, Status
from gaios.log.codec import BOOT, BOOTED, GONE, OFFER, PART, POLL, Message
from gaios.log.election import Election
from gaios.log.options import MS
from gaios.log.output import OTHERS
from gaios.log.standing import Standing
from gaios.paxos import core

ASKING: Final = frozenset({POLL, core.FETCH, BOOT, BOOTED})
"""What a member that left may still ask: so it learns that it left."""
SUPPLYING: Final = frozenset({core.CHOSEN, OFFER, PART, GONE})
"""What it may supply: what is chosen stays so, and a snapshot proves itself."""
LINGERS_TERMS: Final = 10
"""Who left and asked for nothing for so many leases is gone: it polls several times in one."""
STRAY_MS: Final = 1_000
"""Between two tellings of the members to one that does not follow: so long, at most, two masters know nothing of each other."""


class Belonging(Standing):
    """The part of a `Replica` that knows whose cell it is."""

    _election: Election
    _resend_due: int
    _strays_due: int

    @abstractmethod
    def _settle(self, now: int) -> None:
        """Bring everything to rest after an event."""

    @property
    def _is_candidate(self) -> bool:
        return self.core.phase == core.PREPARING and self.core.bal == self.core.promised

    def change(self, now: int, token: Any, members: Configuration) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Put a configuration into the log, as a master; DONE: it is chosen.  [PML §5.4; SAFETY 18]

        NOT_MASTER: nothing was proposed; IN_DOUBT: look again; INVALID: it does not follow the newest, or the one before is not settled, or
        too few of its voters follow this master now.
        """
        if self.is_serving:
            self._changes.propose(now, token, members)
        else:
            self._steps.output.answers.append((token, Answer(Status.NOT_MASTER)))

    def _follow(self, now: int) -> None:
        """The members changed: talk to the new ones; a candidate asks them for promises at once.  [SAFETY 18]"""
        participant, roster = self.core, self.roster
        if participant.config != roster.newest.number:
            roster.follow(participant.config, participant.acc, participant.chosen)
            self._steps.mark()
        self._meet(now)
        if self._is_candidate:
            self._election.extend(now)
            self._resend_due = now

    def _meet(self, now: int) -> None:
        """There may be new peers."""
        self._catchup.peers = self.roster.suppliers
        self.boots.follow(now)

    def _let_linger(self, now: int, member: int) -> None:
        """One who left is there: it may be asked for what is missing here, as long as it stays."""
        if self.roster.asks(now, member):
            self._catchup.peers = self.roster.suppliers

    def _forget_gone(self, now: int) -> None:
        """Those who left and say nothing any more."""
        self.roster.forget_silent(now - LINGERS_TERMS * self.options.term_ms * MS)

    def _hear_news(self, now: int, message: Message) -> None:
        """Somebody knows the members better: talk to them too, and hear from them what was chosen.

        Raises:
            Removed: this replica is not among them, and may go.
        """
        told = configuration.decode(message[1])
        if self.roster.told(told):
            self._meet(now)
            self._settle(now)
        best = self.roster.best
        if message[2] and told.number >= best.number and self.is_removed:
            raise errors.Removed(member=self.me, replica=self.roster.place, configuration=told.number)

    def _tell_strays(self, now: int) -> None:
        """As a master: once in `STRAY_MS`, to all members that do not follow it."""
        if now >= self._strays_due:
            self._strays_due = now + STRAY_MS * MS
            strays = [member for member in self.peers if now >= self.core.grants.get(member, 0)]
            self._steps.output.at_once.extend((member, news) for news in self.news() for member in strays)

    def _bow_out(self) -> bool:
        """Whether this master is no voter any more: it says what is chosen, and lets another."""
        participant = self.core
        if self.applier.applied < participant.chosen or participant.electors() >> self.me & 1:
            return False
        self._steps.output.at_once.append((OTHERS, (core.LEARN, participant.bal, participant.config, participant.chosen)))
        return True
