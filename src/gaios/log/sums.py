"""What replicas' states came to at the same slots, and which of them is wrong.  [PML §6.2; SAFETY 25]

    own sums ──note──►  Sums  ◄──hear── the other members' sums
                          │
                      judge(slot)

Rule 1. Only sums of one slot are compared: states of different slots differ rightly.
Rule 2. A sum is right when a majority of all voters of its slot, silent ones counted, came to it; whoever came to another one is wrong,
learners too. Nothing less is proof: two that agree among five may be wrong together, and so may one that is left of two.
Rule 3. A member's newest word about a slot counts. It may have rebuilt its state since it said another.
Rule 4. The exactly-once table has no sum of its contents, which would cost two hashes a command. It is compared by what it answers: all
answers of a slot go into the trail at once, so a table that differs is found when it first answers otherwise.
Rule 5. Only the newest slots are kept: a state that differs goes on to differ.  [SAFETY 28]
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from gaios.log.roster import Roster

KEPT: Final = 128
"""Slots of which sums are kept: about two minutes of a busy cell, and more of an idle one."""


class Behind(Protocol):
    """What a member came to behind a slot; two are equal or differ."""

    @property
    def slot(self) -> int:
        """That slot."""
        ...


Told = TypeVar("Told", bound=Behind)


class Sum(NamedTuple):
    """What a replica's state is, behind one slot."""

    slot: int
    chain: bytes
    """Of the log: the values themselves.  [SAFETY 16]"""
    checksum: int
    """Of the machine."""
    trail: int
    """Of all answers: the exactly-once table's part."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.checksum:016x}/{self.trail:016x} on chain {self.chain.hex()[:16]}"


class Finding(Enum):
    """How this replica compares at a slot."""

    OPEN = "open"
    """Too few have said theirs, and none of them differs."""
    AGREED = "agreed"
    """This replica is one of a majority that came to the same."""
    DISPUTED = "disputed"
    """Some differ, and those who have not said theirs will decide."""
    ODD = "odd"
    """A majority came to something else."""
    SPLIT = "split"
    """Some differ, and no majority is left that could agree."""


class Judgement(NamedTuple, Generic[Told]):
    """What is known of one slot."""

    finding: Finding
    right: Told | None = None
    """What the majority came to, if there is one."""
    odd: tuple[int, ...] = ()
    """Members that came to something else than the majority, this replica perhaps among them."""


class Sums(Generic[Told]):
    """What each member came to behind the newest slots: sums of its state, or whatever else all should come to alike."""

    def __init__(self, me: int, roster: Roster) -> None:
        self._me, self._roster = me, roster
        self._said: dict[int, dict[int, Told]] = {}
        """By slot, then by member."""

    def note(self, own: Told) -> None:
        """This replica came to that."""
        self._keep(self._me, own)

    def hear(self, member: int, told: Told) -> None:
        """Another member says that it came to that; strangers are not heard."""
        if member in self._roster.places:
            self._keep(member, told)

    def own(self, slot: int) -> Told | None:
        """What this replica came to behind a slot, if it is still known."""
        return self._said.get(slot, {}).get(self._me)

    def newest(self) -> Told | None:
        """What this replica came to last."""
        return next((said[self._me] for _, said in sorted(self._said.items(), reverse=True) if self._me in said), None)

    def ring(self) -> list[Told]:
        """All that this replica came to and still knows, by slot."""
        return [said[self._me] for _, said in sorted(self._said.items()) if self._me in said]

    def said(self, slot: int) -> Mapping[int, Told]:
        """What each member came to behind a slot, as far as it is known."""
        return self._said.get(slot, {})

    def forget_own(self) -> None:
        """This replica is about to come to all of them again."""
        for said in self._said.values():
            said.pop(self._me, None)

    def forget(self, slot: int) -> None:
        """This replica takes back what it said of a slot."""
        self._said.get(slot, {}).pop(self._me, None)

    def judge(self, slot: int) -> Judgement[Told]:
        """Compare what is known of a slot."""
        said = self._said.get(slot, {})
        tally: dict[Told, int] = {}
        voters = self._roster.electorate(slot)
        votes = [each for member, each in said.items() if voters >> member & 1]
        for each in votes:
            tally[each] = tally.get(each, 0) + 1
        best, majority = max(tally.values(), default=0), voters.bit_count() // 2 + 1
        if best >= majority:
            right = next(each for each, count in tally.items() if count == best)
            odd = tuple(sorted(member for member, each in said.items() if each != right))
            mine = said.get(self._me)
            return Judgement(Finding.ODD if self._me in odd else Finding.AGREED if mine else Finding.OPEN, right, odd)
        if len({*said.values()}) <= 1 or self._me not in said or not voters:
            return Judgement(Finding.OPEN)
        silent = voters.bit_count() - len(votes)
        return Judgement(Finding.DISPUTED if best + silent >= majority else Finding.SPLIT)

    def _keep(self, member: int, told: Told) -> None:
        said = self._said
        if told.slot not in said and len(said) >= KEPT:
            oldest = min(said)
            if told.slot < oldest:
                return
            del said[oldest]
        said.setdefault(told.slot, {})[member] = told
