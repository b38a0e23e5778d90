"""How a master changes the members of its cell: one voter at a time, a learner first.  [PML §5.4; SAFETY 14, 18, 25]

    asked ──► refused, or ──► a check goes into the log ──► enough came to the same behind it ──► the configuration goes into the log
                              (only where who votes changes)

Rule 1. A change is proposed by a serving master, when the one before it is settled (roster.py), and alone: whoever asks for it
is believed nothing, neither which numbers are free nor who votes.
Rule 2. Who joins is a learner, told everything and counted for nothing. When it has caught up and is fit, any master makes it a voter:
what is still to be done stands in the configuration itself, so a change that a master began the next one finishes.
Rule 3. Nothing is changed into a cell that could not go on: a majority of the new voters is fit. Fit is who follows this master now, has
a disk that takes values, lacks no part of its state, and has no other database than the majority.
Rule 4. The voters change only behind a check at which a majority of the old ones came to the same, and a majority of the new ones are among
these: a vote less may make of what a minority has the truth.  [SAFETY 25]
Rule 5. A master that is no voter any more says so to the others and goes.

What of this is safety: of rule 1, that no member number is given twice [SAFETY 1], which is checked here and nowhere else; that one change
follows the other the core checks again. Which database is right, and whether anybody can go on, rests on rules 3 and 4 alone.
"""

from contextlib import suppress
from typing import Any, Final, NamedTuple

from gaios import errors
from gaios.configuration import Configuration
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.codec import NEWS, POLL, Message
from gaios.log.doubt import Doubt
from gaios.log.gauge import Gauge
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS
from gaios.log.reign import Reign
from gaios.log.roster import Roster
from gaios.log.space import Room, Space
from gaios.log.steps import Steps
from gaios.log.sums import Finding
from gaios.paxos import core

LAG_SLOTS: Final = 8
"""A learner has caught up that knew all but so many of the chosen slots that its master knew when it asked. Many more may be chosen
before the master looks at the answer; the learner hears of them as all others do."""
COMPARED_TERMS: Final = 2
"""Who did not say what it came to within so many leases is not waited for."""


class Change(NamedTuple):
    """A change of who votes, which waits until enough replicas came to the same behind a check."""

    token: Any
    """Who is answered; None: this master itself asked."""
    configuration: Configuration
    ballot: int
    """The reign in which it was asked for."""
    until_ns: int
    slot: int = 0
    """Where the check stands that it waits for; 0: in no slot yet."""


class Changes:
    """The changes of members that one replica, as master, was asked for, has begun, or finds begun by its predecessor."""

    def __init__(
        self,
        steps: Steps,
        reign: Reign,
        roster: Roster,
        gauge: Gauge,
        space: Space,
        doubt: Doubt,
        applier: Applier,
        options: Options,
        now: int,
    ) -> None:
        self._steps, self._core, self._reign, self.roster = steps, steps.core, reign, roster
        self._gauge, self._space, self._doubt, self._applier = gauge, space, doubt, applier
        self._every_ns, self._patience_ns = options.probe_ms * MS, COMPARED_TERMS * options.term_ms * MS
        self._due = now
        self._asked = (0, 0)
        """In which reign a master asked last, and through which slot it knew everything to be chosen then."""
        self._waits: Change | None = None

    # -- what is asked for -----------------------------------------------------------------------------------------------

    def propose(self, now: int, token: Any, configuration: Configuration) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Put a configuration into the log; its answer comes in some `Output`, and says DONE once it is chosen."""
        try:
            self._check(configuration)
            self._check_fit(now, configuration)
        except (errors.InvalidCommand, errors.Unavailable) as error:
            self._refuse(token, error)
        else:
            self._ask(now, token, configuration)

    def _ask(self, now: int, token: Any, configuration: Configuration) -> None:  # noqa: ANN401 (a token is the shell's own)
        if configuration.voters == self.roster.newest.voters:
            self._offer(token, configuration)
        else:
            self._waits = Change(token, configuration, self._reign.ballot, now + self._patience_ns)

    def _offer(self, token: Any, configuration: Configuration) -> None:  # noqa: ANN401 (a token is the shell's own)
        self._reign.change(token, configuration.encode())
        self._due = 0

    def _refuse(self, token: Any, error: errors.Error) -> None:  # noqa: ANN401 (a token is the shell's own)
        if token is not None:
            self._steps.output.answers.append((token, Answer(Status.INVALID, body=errors.pack(error))))

    def compare(self, now: int) -> None:
        """Have the check go into the log that a change waits for, as soon as one may."""
        if self._waits is not None and not self._waits.slot and self._waits.ballot == self._reign.ballot:
            self._waits = self._waits._replace(slot=self._reign.compare(now))

    def decide(self, now: int) -> None:
        """Something happened: a change that waits may go on, or waited long enough."""
        if (waits := self._waits) is None:
            return
        if waits.ballot != self._reign.ballot:
            self._waits = None
            if waits.token is not None:
                self._steps.output.answers.append((waits.token, Answer(Status.NOT_MASTER)))
            return
        if not (self._agree(waits) or now >= waits.until_ns):
            return
        self._waits = None
        try:
            self._check(waits.configuration)
            self._check_fit(now, waits.configuration, waits.slot)
        except (errors.InvalidCommand, errors.Unavailable) as error:
            self._refuse(waits.token, error)
        else:
            self._offer(waits.token, waits.configuration)

    # -- what is refused -------------------------------------------------------------------------------------------------

    def _check(self, configuration: Configuration) -> None:
        configuration.check()
        newest = self.roster.newest
        is_changing = self._reign.is_changing or (self._waits is not None and self._waits.token is not None)
        if is_changing or not self.is_settled:
            raise errors.Unavailable(
                waited_ms=0, reason=f"the change to configuration {newest.number + is_changing} is not settled: ask again"
            )
        if configuration.number != newest.number + 1:
            raise errors.Unavailable(
                waited_ms=0, reason=f"configuration {configuration.number} does not follow {newest.number}: look again who the members are"
            )
        configuration.check_follows(newest)

    def _check_fit(self, now: int, configuration: Configuration, slot: int | None = None) -> None:
        """Raise `Unavailable` unless the cell could go on; with a slot, as the check there tells; 0: there was none.

        Whoever is to vote from now on has to be fit, too.
        """
        voters = [member for member in configuration.members if member.votes]
        why = {member.number: self._unfit(now, member.number, configuration) for member in voters}
        if slot is not None:
            why = {member: reason or self._differs(member, slot) for member, reason in why.items()}
        fit = sum(1 << member for member, reason in why.items() if not reason)
        told = ", ".join(f"replica {configuration.places[member]} {reason}" for member, reason in why.items() if reason)
        come = configuration.voters & ~self.roster.newest.voters
        if not core.most(fit, configuration.voters) or fit & come != come:
            raise errors.Unavailable(
                waited_ms=0,
                reason=f"the cell would have {len(voters)} voters, and no majority of them could go on ({told}): it could never write "
                "again, or not tell who is wrong; mend these and ask again, or remove or replace them first",
            )
        if slot is not None and self._doubt.sums.judge(slot).finding is not Finding.AGREED:
            raise errors.Unavailable(
                waited_ms=self._patience_ns // MS,
                reason="no majority of the present voters could be compared: without that who votes stays as it is, for the copy that is "
                "right may go; look at `gaios status`, and ask again",
            )

    def _unfit(self, now: int, member: int, configuration: Configuration) -> str:
        """Why a member could not go on as a voter, for people; empty: it could. Where who votes stays the same it has but to follow."""
        if not self._follows(now, member):
            return "does not follow the master now"
        if configuration.voters == self.roster.newest.voters:
            return ""
        if self._space.of(now, member) == Room.NONE:
            return "has a full disk"
        if member in self._doubt.odd:
            return "has another database than the majority"
        ails = self._steps.readable < self._core.chosen if member == self._core.me else self._gauge.ails(member)
        return "makes a part of its state anew" if ails else ""

    def _differs(self, member: int, slot: int) -> str:
        """Why a member is not one of a majority behind a check, for people; empty: it is."""
        said, right = self._doubt.sums.said(slot).get(member), self._doubt.sums.judge(slot).right
        if said is None:
            return "did not say what its database came to"
        return "" if said == right else "has another database than the majority" if right else "has another database than others"

    def _follows(self, now: int, member: int) -> bool:
        """Whether a member, this one included, grants this master its lease."""
        return now < self._core.grants.get(member, 0)

    def _agree(self, waits: Change) -> bool:
        """Whether the check that a change waits for says all that is needed. Who is to vote from now on is needed, too."""
        if not waits.slot or self._applier.applied < waits.slot:
            return False
        judgement, said = self._doubt.sums.judge(waits.slot), self._doubt.sums.said(waits.slot)
        right = sum(1 << member for member, each in said.items() if each == judgement.right)
        voters = waits.configuration.voters
        come = voters & ~self.roster.newest.voters
        return judgement.finding is Finding.AGREED and core.most(right, voters) and right & come == come

    # -- what goes on ----------------------------------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether those whom the newest configuration removed may be switched off; a master knows."""
        lacks_base = self._applier.applied < self._core.truncated
        return self.roster.settled(0 if lacks_base else self._steps.held)

    def due_ns(self) -> int:
        """When a master looks again; never, while nothing is to be done."""
        due = self._due if self._has_work() else FAR
        return due if self._waits is None else min(due, self._waits.until_ns)

    def _has_work(self) -> bool:
        return (
            bool(self.roster.slot)
            and self._reign.is_serving
            and (bool(self.roster.learners()) or bool(self.roster.left) or not self.is_settled)
        )

    def tick(self, now: int) -> None:
        """A master with something to do asks the others how far they are, and promotes who has caught up."""
        if now < self._due or not self._has_work():
            return
        self._due = now + self._every_ns
        (reign, asked), self._asked = self._asked, (self._reign.ballot, self._core.chosen)
        news = self.news()
        self._steps.output.at_once += [(OTHERS, message) for message in (*news, (POLL, 0, self._core.promised, self._core.chosen))]
        self._steps.output.at_once += [(member, message) for member in self.roster.left for message in news]
        heard = self.roster.heard
        if not self._reign.is_changing and self.is_settled:
            if self._waits is None and reign == self._reign.ballot:
                self._promote(now, {member for member, held in heard.items() if held + LAG_SLOTS >= asked})
            self.roster.left = ()  # who was removed was told that it may go, or will ask
        heard.clear()

    def _promote(self, now: int, caught_up: set[int]) -> None:
        """Make a learner a voter that has caught up, and is fit, if the cell could go on with it."""
        for learner in self.roster.learners():
            promoted = self.roster.newest.promoted(learner)
            if learner in caught_up:
                with suppress(errors.Unavailable):
                    self._check_fit(now, promoted)
                    self._ask(now, None, promoted)
                    return

    def news(self) -> list[Message]:
        """What this replica tells whoever may not know the newest configuration, and whether those whom it removed may go."""
        roster = self.roster
        return [(NEWS, roster.newest.encode(), int(self.is_settled))] if roster.slot else []
