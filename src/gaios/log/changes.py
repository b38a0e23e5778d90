"""How a master changes the members of its cell: one voter at a time, a learner first.  [PML §5.4; SAFETY 14, 18]

Rule 1. A change is proposed by a serving master, when the one before it is settled (roster.py), and alone: whoever asks for it
is believed nothing, neither which numbers are free nor who votes.
Rule 2. Who joins is a learner, told everything and counted for nothing. When it has caught up, follows the master and lacks no part of its
state any master makes it a voter: what is still to be done stands in the configuration itself, so a change that a master began the next one
finishes.
Rule 3. Nothing is changed into a cell that could not go on: a majority of the new voters follow this master now.
Rule 4. A master that is no voter any more says so to the others and goes.

What of this is safety: of rule 1, that no member number is given twice [SAFETY 1], which is checked here and nowhere else. That one change
follows the other the core checks again: it proposes no configuration but the next one, with all below it chosen. Rules 2 to 4 keep the cell
alive, and could be wrong without harm to what it holds.
"""

from typing import Any, Final

from gaios import errors
from gaios.configuration import Configuration
from gaios.log.answers import Answer, Status
from gaios.log.codec import NEWS, POLL, Message
from gaios.log.gauge import Gauge
from gaios.log.options import MS, Options
from gaios.log.output import OTHERS
from gaios.log.reign import Reign
from gaios.log.roster import Roster
from gaios.log.steps import FAR, Steps
from gaios.paxos import core

LAG_SLOTS: Final = 8
"""A learner has caught up that knew all but so many of the chosen slots that its master knew when it asked. Many more may be chosen
before the master looks at the answer; the learner hears of them as all others do."""


class Changes:
    """What is asked, what is pending, when to look again."""

    def __init__(self, steps: Steps, reign: Reign, roster: Roster, gauge: Gauge, options: Options, now: int) -> None:
        self._steps, self._core, self._reign, self.roster = steps, steps.core, reign, roster
        self._gauge = gauge
        self._every_ns = options.probe_ms * MS
        self._due = now
        self._asked = (0, 0)
        """In which reign a master asked last, and through which slot it knew everything to be chosen then."""

    def propose(self, now: int, token: Any, configuration: Configuration) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Put a configuration into the log; its answer comes in some `Output`, and says DONE once it is chosen."""
        try:
            self._check(now, configuration)
        except (errors.InvalidCommand, errors.Unavailable) as error:
            self._steps.output.answers.append((token, Answer(Status.INVALID, body=errors.pack(error))))
        else:
            self._reign.change(token, configuration.encode())
            self._due = 0

    def _check(self, now: int, configuration: Configuration) -> None:
        configuration.check()
        newest = self.roster.newest
        if self._reign.is_changing or not self.is_settled:
            raise errors.Unavailable(
                waited_ms=0, reason=f"the change to configuration {newest.number + self._reign.is_changing} is not settled: ask again"
            )
        if configuration.number != newest.number + 1:
            raise errors.Unavailable(
                waited_ms=0, reason=f"configuration {configuration.number} does not follow {newest.number}: look again who the members are"
            )
        configuration.check_follows(newest)
        if not self._can_go_on(now, configuration):
            voters = [member for member in configuration.members if member.votes]
            down = ", ".join(f"replica {member.place}" for member in voters if not self._follows(now, member.number))
            raise errors.Unavailable(
                waited_ms=0,
                reason=f"the cell would have {len(voters)} voters, and no majority of them follows the master now (not {down}): it could "
                "never write again; bring these back and ask again, or remove or replace them first",
            )

    def _follows(self, now: int, member: int) -> bool:
        """Whether a member, this one included, grants this master its lease."""
        return now < self._core.grants.get(member, 0)

    def _can_go_on(self, now: int, configuration: Configuration) -> bool:
        """Whether a majority of its voters is there."""
        return core.most(sum(1 << member for member in configuration.places if self._follows(now, member)), configuration.voters)

    @property
    def is_settled(self) -> bool:
        """Whether those whom the newest configuration removed may be switched off; a master knows."""
        return self.roster.settled(self._steps.durable_mark)

    def due_ns(self) -> int:
        """When a master looks again; never, while nothing is to be done."""
        return self._due if self._has_work() else FAR

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
            for learner in self.roster.learners():
                promoted = self.roster.newest.promoted(learner)
                has_caught_up = reign == self._reign.ballot and learner in heard and heard[learner] + LAG_SLOTS >= asked
                is_fit = self._follows(now, learner) and not self._gauge.ails(learner)
                if has_caught_up and is_fit and self._can_go_on(now, promoted):
                    self._reign.change(None, promoted.encode())
                    break
            self.roster.left = ()  # who was removed was told that it may go, or will ask
        heard.clear()

    def news(self) -> list[Message]:
        """What this replica tells whoever may not know the newest configuration, and whether those whom it removed may go."""
        roster = self.roster
        return [(NEWS, roster.newest.encode(), int(self.is_settled))] if roster.slot else []
