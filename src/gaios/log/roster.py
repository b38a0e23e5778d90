"""Who the members are, as this replica knows it: whom it talks to, whom it answers.  [PML §5.4; SAFETY 9, 18]

Rule 1. Whom the protocol *counts* is the core's alone, from chosen values; this file only decides to whom messages go and who is heard.
Rule 2. A newer configuration than the log knows may be told by others (a new replica's invitation, NEWS): its members are talked to as
well, and count for nothing until the log says so. Until then nothing is served: a master whose log is whole knows what was chosen, so
this one's is not, or it is no master of this cell any more.
Rule 3. Who left is answered when it asks, and told nothing else: so it learns that it left, and cannot disturb. As long as it asks it is
there, and may supply what is lost here.
Rule 4. A configuration is settled when a majority of its voters has, durably and so that it can be read, all that is chosen through its
slot: what is in memory alone a power cut takes back, and a record that rotted is none. Before, those whom it removed may still hold the
only copies of what was chosen below it: they must not be switched off, and the next change waits.  [SAFETY 6, 15]
Rule 5. What was said of a slot is judged by those who governed that slot, whoever governs now. What is behind a configuration's own slot is
judged by those whom it lists: they begin with it, and where they doubt it nobody else is left to say so.  [SAFETY 25]
"""

from collections.abc import Mapping
from typing import Final

from gaios.configuration import Configuration, Member, as_value, founders, is_configuration, newest, numbered, of_value
from gaios.log.records import Recovered

ERAS: Final = 64
"""Configurations of which it is known where they governed: more than change while anything about their slots is open."""


def survey(found: Recovered, slot: int, number: int, members: bytes) -> None:
    """The snapshot behind a slot tells which configuration governs there: where records that say so are lost, it stands for them.

    `found.chosen` is at least `slot`. What it tells is older than a configuration whose own record is there.
    """
    known = newest(found.accepted, found.chosen, max(found.governs, found.truncated))
    best = known[1].number if known else numbered(found.configuration)
    if number > best:
        found.governs, found.configuration = slot, as_value(members)
    found.surveyed = max(found.surveyed, slot)


class Roster:
    """The newest configurations, known and told."""

    def __init__(self, me: int, places: Mapping[int, int], told: Configuration | None = None) -> None:
        self._me = me
        self.newest = founders(dict(places))
        """The configuration that governs slot chosen + 1."""
        self.slot = 0
        """Where it stands; 0: the founders'."""
        self.founders = dict(places)
        self._were = {member.number: member for member in self.newest.members}
        """Everybody who was listed in a configuration that this replica went through."""
        self._eras = [(0, self.newest.voters)]
        """Where configurations stand, and which voters each lists: they judge from there up to the next; before the first nobody knows."""
        self.left: tuple[int, ...] = ()
        """Members of the configuration before the newest that this replica went through, who are to be told that they left."""
        self._told = told or self.newest
        self.best = self.newest
        """The newest of what is known and told."""
        self._seen = 0
        """The highest number of a configuration that somebody speaks under."""
        self.is_outdated = False
        """Whether there is a newer configuration than the log knows here."""
        self.marks: dict[int, int] = {}
        """Through which slot a member said last that it has everything that is chosen, durably."""
        self.heard: dict[int, int] = {}
        """The same, of those who said it since a master asked last."""
        self._asked: dict[int, int] = {}
        """Those who left and asked for something lately, and when."""
        self.places: dict[int, int] = {}
        """Each present member's place."""
        self.peers: tuple[int, ...] = ()
        """Everybody else to whom something is sent."""
        self.lingering: tuple[int, ...] = ()
        """Those who left, and are there."""
        self.suppliers: tuple[int, ...] = ()
        """Whoever may be asked for what is missing here: peers, and those who linger."""
        self.place = 0
        """This member's own; of one that left, where it was."""
        self.voters: tuple[int, ...] = ()
        """Who is counted in the newest configuration."""
        self.majority = 0
        """How many of them are one."""
        self._refresh()

    def _refresh(self) -> None:
        self.best = self._told if self._told.number > self.newest.number else self.newest
        self.places = {**self.best.places, **self.newest.places}
        self.peers = tuple(sorted(member for member in self.places if member != self._me))
        self.place = self.places.get(self._me, self.place)
        self.voters = tuple(member.number for member in self.newest.members if member.votes)
        self.majority = len(self.voters) // 2 + 1
        self.is_outdated = max(self._told.number, self._seen) > self.newest.number
        self._supply()

    def _supply(self) -> None:
        self.lingering = tuple(sorted(self._asked.keys() - self.places.keys()))
        self.suppliers = (*self.peers, *self.lingering)

    def recover(self, found: Recovered) -> None:
        """The newest configuration that a start finds chosen; what stands in slots that were dropped may never have been chosen."""
        if found.configuration:
            self.adopt(of_value(found.configuration), found.governs)
        above = max(found.governs, found.truncated)
        for slot in sorted(slot for slot, (_, value) in found.accepted.items() if is_configuration(value)):
            if above < slot <= found.chosen:
                self.adopt(of_value(found.accepted[slot][1]), slot, stands=True)

    def follow(self, number: int, accepted: Mapping[int, tuple[int, bytes]], chosen: int) -> None:
        """The core went over to this configuration, in a slot at or below `chosen` that it still has."""
        for slot in range(chosen, self.slot, -1):
            _, value = accepted.get(slot, (0, b""))
            if is_configuration(value) and (found := of_value(value)).number == number:
                self.adopt(found, slot, stands=True)
                return

    def adopt(self, configuration: Configuration, slot: int, *, stands: bool = False) -> None:
        """This one governs the slots behind this slot, and perhaps others before, unless that is where it `stands`."""
        self._were |= {member.number: member for member in (*self.newest.members, *configuration.members)}
        if configuration.number > self.newest.number:
            follows = stands and configuration.number == self.newest.number + 1
            self._eras = [*(self._eras[1 - ERAS :] if follows else []), (slot, configuration.voters)]
        self.left = tuple(sorted(self.newest.places.keys() - configuration.places.keys() - {self._me}))
        self.newest, self.slot = configuration, slot
        self._refresh()

    def place_of(self, member: int) -> int:
        """Where a member is, or was; 0: unknown."""
        return self.places.get(member) or (self._were[member].place if member in self._were else 0)

    def were(self, member: int) -> Member | None:
        """A member, as the newest configuration lists it that this replica went through, listed now or not."""
        return self._were.get(member)

    def told(self, configuration: Configuration) -> bool:
        """Somebody says that this configuration was chosen; whether it is news."""
        if configuration.number <= self.best.number:
            return False
        self._told = configuration
        self._refresh()
        return True

    def see(self, number: int) -> None:
        """Somebody speaks under the configuration of this number."""
        self._seen = max(self._seen, number)
        self.is_outdated = max(self._told.number, self._seen) > self.newest.number

    def was_given(self, number: int) -> bool:
        """Whether somebody has, or had, this member number."""
        return number < self.best.next_member

    def lists(self, member: int) -> bool:
        """Whether a member belongs to the cell, as far as this replica knows or was told."""
        return member in self.places

    def asks(self, now: int, member: int) -> bool:
        """One who left asks for something: it is there. Whether that is news."""
        is_new = member not in self._asked
        self._asked[member] = now
        if is_new:
            self._supply()
        return is_new

    def forget_silent(self, since_ns: int) -> None:
        """Those who left and did not ask since then are gone."""
        if self._asked and min(self._asked.values()) < since_ns:
            self._asked = {member: at for member, at in self._asked.items() if at >= since_ns}
            self._supply()

    def hear(self, member: int, held: int) -> None:
        """A member says through which slot it has everything that is chosen; it may say less than before, for something may rot."""
        self.heard[member] = self.marks[member] = held

    def votes(self, member: int) -> bool:
        """Whether a member may be elected, as far as this replica knows or was told."""
        return self.best.voters >> member & 1 == 1

    def counts(self, member: int) -> bool:
        """Whether a member is counted, as far as the log says."""
        return member in self.voters

    def electorate(self, slot: int) -> int:
        """The voters who judge what a slot that is known to be chosen came to, as a bit mask; 0: that is not known any more."""
        return next((voters for start, voters in reversed(self._eras) if start <= slot), 0)

    @property
    def before(self) -> tuple[int, ...]:
        """Who voted before the newest configuration; nobody where that is not known any more."""
        voters = self.electorate(self.slot - 1)
        return tuple(member for member in range(voters.bit_length()) if voters >> member & 1)

    def settled(self, held: int) -> bool:
        """Whether a majority of the voters has all through the newest configuration's slot; `held`: what this replica has, durably."""
        voters = self.newest.voters
        marks = {**self.marks, self._me: held}
        aware = sum(1 << member for member, mark in marks.items() if mark >= self.slot)
        return self.slot == 0 or 2 * (aware & voters).bit_count() > voters.bit_count()

    def learners(self) -> list[int]:
        """Members that do not vote yet."""
        return [member.number for member in self.newest.members if not member.votes]
