"""Who the members are, as this replica knows it: whom it talks to, whom it answers.  [PML §5.4; SAFETY 9, 18]

Rule 1. Whom the protocol *counts* is the core's alone, from chosen values; this file only decides to whom messages go and who is heard.
Rule 2. A newer configuration than the log knows may be told by others (a new replica's invitation, NEWS): its members are talked to as
well, and count for nothing until the log says so. Until then nothing is served: a master whose log is whole knows what was chosen, so
this one's is not, or it is no master of this cell any more.
Rule 3. Who left is answered when it asks, and told nothing else: so it learns that it left, and cannot disturb.
Rule 4. A configuration is settled when a majority of its voters knows it to be chosen, and has that durably: what is in memory alone a
power cut takes back. Before, those whom it removed may still hold the only copies of what was chosen below it: they must not be switched
off, and the next change waits.
"""

from collections.abc import Mapping

from gaios.configuration import Configuration, as_value, founders, is_configuration, newest, numbered, of_value
from gaios.log.records import Recovered


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
        self._were = dict(places)
        """Where members were."""
        self.left: tuple[int, ...] = ()
        """Members of the configuration before the newest that this replica went through, who are to be told that they left."""
        self._told = told or self.newest
        self._seen = 0
        """The highest number of a configuration that somebody speaks under."""
        self.is_outdated = False
        """Whether there is a newer configuration than the log knows here."""
        self.marks: dict[int, int] = {}
        """Through which slot a member said it knows everything to be chosen, durably."""
        self.heard: dict[int, int] = {}
        """The same, of those who said it since a master asked last."""
        self.places: dict[int, int] = {}
        """Each present member's place."""
        self.peers: tuple[int, ...] = ()
        """Everybody else to whom something is sent."""
        self.place = self.best.places.get(me, 0)
        """This member's own; of one that left, where it was."""
        self.voters: tuple[int, ...] = ()
        """Who is counted in the newest configuration."""
        self.majority = 0
        """How many of them are one."""
        self._refresh()

    def _refresh(self) -> None:
        told = self._told.places if self._told.number > self.newest.number else {}
        self.places = {**told, **self.newest.places}
        self.peers = tuple(sorted(member for member in self.places if member != self._me))
        self.place = self.places.get(self._me, self.place)
        self.voters = tuple(member.number for member in self.newest.members if member.votes)
        self.majority = len(self.voters) // 2 + 1
        self.is_outdated = max(self._told.number, self._seen) > self.newest.number

    @property
    def best(self) -> Configuration:
        """The newest of what is known and told."""
        return self._told if self._told.number > self.newest.number else self.newest

    def recover(self, found: Recovered) -> None:
        """The newest configuration that a start finds chosen; what stands in slots that were dropped may never have been chosen."""
        if found.configuration:
            self.adopt(of_value(found.configuration), found.governs)
        newer = newest(found.accepted, found.chosen, max(found.governs, found.truncated))
        if newer is not None:
            self.adopt(newer[1], newer[0])

    def follow(self, number: int, accepted: Mapping[int, tuple[int, bytes]], chosen: int) -> None:
        """The core went over to this configuration, in a slot at or below `chosen` that it still has."""
        for slot in range(chosen, self.slot, -1):
            _, value = accepted.get(slot, (0, b""))
            if is_configuration(value) and (found := of_value(value)).number == number:
                self.adopt(found, slot)
                return

    def adopt(self, configuration: Configuration, slot: int) -> None:
        """This one governs the slots behind this slot."""
        self._were |= self.newest.places
        self.left = tuple(sorted(self.newest.places.keys() - configuration.places.keys() - {self._me}))
        self.newest, self.slot = configuration, slot
        self._refresh()

    def place_of(self, member: int) -> int:
        """Where a member is, or was; 0: unknown."""
        return self.places.get(member) or self._were.get(member, 0)

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

    def hear(self, member: int, chosen: int) -> None:
        """A member says through which slot it knows everything to be chosen."""
        self.heard[member] = chosen
        self.marks[member] = max(chosen, self.marks.get(member, 0))

    def votes(self, member: int) -> bool:
        """Whether a member may be elected, as far as this replica knows or was told."""
        return self.best.voters >> member & 1 == 1

    def counts(self, member: int) -> bool:
        """Whether a member is counted, as far as the log says."""
        return self.newest.voters >> member & 1 == 1

    def settled(self, durable: int) -> bool:
        """Whether a majority of the voters knows the newest configuration to be chosen, durably; `durable`: this replica's own mark."""
        voters = self.newest.voters
        marks = {**self.marks, self._me: durable}
        aware = sum(1 << member for member, mark in marks.items() if mark >= self.slot)
        return self.slot == 0 or 2 * (aware & voters).bit_count() > voters.bit_count()

    def learners(self) -> list[int]:
        """Members that do not vote yet."""
        return [member.number for member in self.newest.members if not member.votes]
