"""How the cell's feature level is raised: when every member said that it supports a higher one.  [SAFETY 17; STYLE 10]

    master ── FEATURE {stamp} ──────────► the others     every second while it could do more than the cell does
           ◄── FEATURE {stamp, highest} ──               what each supports, and is told to allow
           ── an entry that says the level ──► the log   once all said so: behind its slot the cell has that level

Rule 1. A member's word counts in the boot in which it is known, and not for long: who is down may be on its way to another version.
Rule 2. A level is never lowered.
Rule 3. None is raised while a change of the members is not settled, or one who left is there yet: it is not asked, would stop, and may be
needed.

Safety does not rest on this, but on rule 2 of feature.py: this keeps replicas from having to stop.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gaios.log.applier import Applier
from gaios.log.boots import Boots
from gaios.log.codec import FEATURE, Message
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS
from gaios.log.steps import Steps

ASK_MS: Final = 1_000
"""Between two questions: an upgrade takes minutes, and a message a second is nothing."""
FRESH_MS: Final = 2_500
"""An answer counts for so long, from before its question left: one of them may be lost."""


class Word(NamedTuple):
    """What a member said last."""

    highest: int
    boot: int
    stamp_ns: int
    """When it was asked, by this replica's clock."""


class Raising:
    """What one replica knows of the others' feature levels; the cell's own, and the highest that is supported here, the applier knows."""

    def __init__(self, steps: Steps, applier: Applier, boots: Boots, options: Options, me: int) -> None:
        self.wanted = 0
        """The level to which this master decided to raise the cell; 0: none. See `level`."""
        self._steps, self._applier, self._boots, self._options, self._me = steps, applier, boots, options, me
        self._words: dict[int, Word] = {}
        self._ask_due = 0
        self._asked = False
        self._lacking: dict[int, int] = {}
        """Members that keep the cell from a higher level, each with what it supports; 0: it did not say."""

    @property
    def highest(self) -> int:
        """The level to which this replica would go along."""
        return min(self._applier.highest, self._options.feature_max)

    def hear(self, member: int, boot: int, message: Message) -> None:
        """A question, or the answer to one."""
        _, stamp, highest = message
        if highest:
            self._words[member] = Word(highest, boot, stamp)
        else:
            self._steps.output.at_once.append((member, (FEATURE, stamp, self.highest)))

    def tick(self, now: int, members: Mapping[int, int], *, leads: bool) -> None:
        """As a master that serves: ask when it is time, and see whether all can do more. `members` are all that have to."""
        if not leads or self.highest <= self._applier.feature:
            self._ask_due, self._asked, self.wanted = 0, False, 0
            self._lacking.clear()
        elif now >= self._ask_due:
            if self._asked:
                self._decide(now, members)
            self._asked, self._ask_due = True, now + ASK_MS * MS
            self._steps.output.at_once.append((OTHERS, (FEATURE, now, 0)))

    def level(self, now: int) -> int:
        """The level to which to raise the cell now; 0: none. What was decided is decided anew when it is time to ask again."""
        return self.wanted if now < self._ask_due else 0

    def due_ns(self, *, leads: bool) -> int:
        """When `tick` is due."""
        return self._ask_due if leads and self.highest > self._applier.feature else FAR

    def why(self, ids: Mapping[int, int]) -> list[str]:
        """What keeps the cell at its level, where this master could do more; `ids` are members' replica ids."""
        level = self._applier.feature
        return [
            f"the cell stays at feature level {level}: replica {ids.get(member, member)} "
            + (f"supports, or allows, no more than {highest}" if highest else "does not say what it supports")
            for member, highest in self._lacking.items()
        ]

    def _decide(self, now: int, members: Mapping[int, int]) -> None:
        """The highest level that all support, if it is above the cell's."""
        told = {member: self.highest if member == self._me else self._told(now, member) for member in sorted(members)}
        level, present = min(told.values()), self._applier.feature
        self.wanted = level if level > present else 0
        self._lacking = {} if self.wanted else {member: highest for member, highest in told.items() if highest <= present}

    def _told(self, now: int, member: int) -> int:
        """What a member supports as far as it is known for certain; 0: it is not."""
        word = self._words.get(member)
        fresh = word is not None and now - word.stamp_ns < FRESH_MS * MS and word.boot == self._boots.boot_of(member)
        return word.highest if word is not None and fresh else 0
