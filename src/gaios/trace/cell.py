"""What is true of all members together: the invariants, over the merged recordings.  [PMS §2.2; SAFETY 1, 6, 10]

one value a ballot and slot    nobody accepts two values for a slot in one ballot
one value a slot               a slot is chosen when a majority has durably accepted its value in one ballot; whoever accepts a value
                               for it in a higher ballot, or believes a value of it to be chosen, has that one
chosen-through true            what a member takes for chosen is chosen by then
votes                          who is counted for a value has durably accepted it, or knew the slot to be chosen
one owner a ballot             a ballot is spoken for in one boot of one member
lease exclusivity              no two members hold the lease at one true time, where their times can be compared
"""

from typing import NamedTuple

from gaios.configuration import is_configuration, listed
from gaios.paxos import core
from gaios.trace.words import Illegal


class Reign(NamedTuple):
    """A time in which a member held its lease without a gap, true time of one clock."""

    member: int
    ballot: int
    began_ns: int
    ended_ns: int


class Cell:
    """The merged state. Members' votes are bit masks, 1 << member."""

    def __init__(self) -> None:
        self.voters = 0
        """The founders."""
        self._changes: list[tuple[int, int]] = []
        """Configurations that were chosen, in order: a slot, and who is counted behind it."""
        self.is_partial = False
        """Something was heard that nobody recorded: what is chosen can no longer be told from votes alone."""
        self._values: dict[tuple[int, int], bytes] = {}
        self._votes: dict[tuple[int, int], int] = {}
        self.chosen: dict[int, bytes] = {}
        self._oldest: dict[int, int] = {}
        """The ballot in which a slot was first seen to be chosen."""
        self._owners: dict[int, tuple[int, int, int]] = {}
        self._reigns: dict[str, list[Reign]] = {}

    def accepted(self, slot: int, ballot: int, value: bytes) -> None:
        """A step accepts a value.

        Raises:
            Illegal: another was accepted in that ballot, or a lower one has chosen another.
        """
        there = self._values.setdefault((slot, ballot), value)
        if there != value:
            raise Illegal("V4 one value a ballot and slot", f"slot {slot} in ballot {ballot} with {_value(there)}", _value(value))
        if slot in self._oldest and ballot > self._oldest[slot] and value != self.chosen[slot]:
            expected = f"slot {slot} with {_value(self.chosen[slot])}, which ballot {self._oldest[slot]} chose"
            raise Illegal("V4 one value a slot", expected, f"{_value(value)} in ballot {ballot}")

    def durable(self, member: int, slot: int, ballot: int, value: bytes) -> None:
        """A member has durably accepted a value.

        Raises:
            Illegal: it completes a majority for another value than the chosen one.
        """
        key = (slot, ballot)
        votes = self._votes[key] = self._votes.get(key, 0) | 1 << member
        if self._is_quorum(slot, votes):
            self._choose(slot, ballot, value)

    def believed(self, slot: int, ballot: int, value: bytes) -> None:
        """A member takes a slot for chosen, with this value.

        Raises:
            Illegal: it is not chosen by now, or another value is.
        """
        if slot not in self.chosen and not self.is_partial:
            raise Illegal(
                "V4 chosen-through true", f"slot {slot} not to be taken for chosen: no majority has accepted a value", _value(value)
            )
        self._choose(slot, ballot, value)

    def trusted(self, slot: int, ballot: int, value: bytes) -> None:
        """A slot was chosen before recording began.

        Raises:
            Illegal: with another value.
        """
        self._choose(slot, ballot, value)

    def vote(self, member: int, slot: int, ballot: int) -> None:
        """A leader counts a member's vote.

        Raises:
            Illegal: that has not accepted it durably, and the slot is not chosen.
        """
        if slot not in self.chosen and not self.is_partial and not self._votes.get((slot, ballot), 0) >> member & 1:
            raise Illegal(
                "V4 votes", f"no vote: member {member} has not durably accepted slot {slot} in ballot {ballot}", "its vote counted"
            )

    def speaks(self, ballot: int, who: tuple[int, int, int]) -> None:
        """A boot (member, boot, nonce) speaks as the owner of a ballot.

        Raises:
            Illegal: another has, or it is not its member's.
        """
        owner = self._owners.setdefault(ballot, who)
        if core.owner(ballot) != who[0] or owner != who:
            raise Illegal(
                "V4 one owner a ballot",
                f"ballot {ballot} spoken for by member {owner[0]}, boot {owner[1]}",
                f"member {who[0]}, boot {who[1]}",
            )

    def reigned(self, clock: str, reign: Reign) -> None:
        """A member held its lease.

        Raises:
            Illegal: another held one at the same time.
        """
        others = self._reigns.setdefault(clock, [])
        for other in others:
            if other.member != reign.member and other.began_ns < reign.ended_ns and reign.began_ns < other.ended_ns:
                raise Illegal("V4 lease exclusivity", f"no lease beside that of {_reign(other)}", f"that of {_reign(reign)}")
        others.append(reign)

    def _is_quorum(self, slot: int, votes: int) -> bool:
        voters = next((listed for at, listed in reversed(self._changes) if at < slot), self.voters)
        return 2 * (votes & voters).bit_count() > voters.bit_count()

    def _choose(self, slot: int, ballot: int, value: bytes) -> None:
        if slot not in self.chosen and is_configuration(value):
            self._changes = sorted([*self._changes, (slot, listed(value))])
        there = self.chosen.setdefault(slot, value)
        if there != value:
            raise Illegal("V4 one value a slot", f"slot {slot} with {_value(there)}", f"{_value(value)} in ballot {ballot}")
        self._oldest[slot] = min(ballot, self._oldest.get(slot, ballot))


def _value(digest: bytes) -> str:
    return f"value {digest.hex()[:8]}" if digest else "the no-op"


def _reign(reign: Reign) -> str:
    return f"member {reign.member} in ballot {reign.ballot}, from {reign.began_ns} to {reign.ended_ns} ns"
