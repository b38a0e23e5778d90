"""Who the members of a simulated cell are, for whoever sees all machines, and whether faults leave a majority of them.  [SAFETY 18]

Rule 1. A configuration is known here as soon as any replica knows it to be chosen, and stays known when that one is gone.
Rule 2. What was asked for may be chosen at any time, until another configuration of its number is: faults leave a majority of that, too.
Rule 3. Learners may be made voters at any time: one that is bad counts as a bad voter.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from gaios.configuration import Configuration, founders


class Place(Protocol):
    """A seat, as far as this file needs it."""

    replica: int
    place: int
    is_lost: bool

    @property
    def configuration(self) -> Configuration | None:
        """The newest that its process knows, or knew when it ended."""


class Census:
    """Of one cell. `seats` are all that there were, and grow."""

    def __init__(self, seats: Sequence[Place]) -> None:
        self._seats = seats
        self._newest = founders({seat.replica: seat.place for seat in seats})
        self._asked: list[Configuration] = []
        self._least = len(seats)

    @property
    def newest(self) -> Configuration:
        """The newest configuration that is known to be chosen."""
        for seat in self._seats:
            if (known := seat.configuration) is not None and known.number > self._newest.number:
                self._newest = known
                self._least = min(self._least, known.voters.bit_count())
        return self._newest

    @property
    def least(self) -> int:
        """The fewest voters that any configuration had or may have."""
        return min(self._least, *(each.voters.bit_count() for each in self._possible()))

    def ask(self, wanted: Configuration) -> None:
        """Somebody asks for this change."""
        self._asked.append(wanted)

    def lists(self, member: int) -> bool:
        """Whether it is a member."""
        return self.newest.member(member) is not None

    def lost(self) -> set[int]:
        """Members that are without their state, or have a twin."""
        places = self.newest.places
        return {seat.replica for seat in self._seats if seat.is_lost and seat.replica in places}

    def spares(self, bad: Collection[int], more: int = 0, *, wanted: Configuration | None = None) -> bool:
        """Whether a majority of voters is left without these members and so many more, whichever change is chosen; `wanted` may be one."""
        possible = [*self._possible(), *([wanted] if wanted is not None else [])]
        return all(2 * (len(each.places.keys() & set(bad)) + more) < each.voters.bit_count() for each in possible)

    def _possible(self) -> list[Configuration]:
        newest = self.newest
        self._asked = [each for each in self._asked if each.number > newest.number]
        return [newest, *self._asked]
