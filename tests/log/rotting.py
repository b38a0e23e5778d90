"""One replica's log through many lives, each of which finds more of it rotten: what a start makes of it, beside the truth.  [SAFETY 6, 7]

In each slot a value is chosen from some ballot on; in older ballots others may have been voted for. What this replica really voted for is
known here, and so is what was chosen: whatever a start takes for chosen must be that, and no promise may say less than it voted for.
"""

from collections.abc import Sequence
from random import Random

from gaios.log import Copies, RecordKind, Recovered, Rotten, encode, recover_damaged
from gaios.log.records import Place, Record, State, encode_places

REACH = 4
"""Votes are for so many slots above what is chosen, at the most."""


class Life:
    """A replica, and the truth about it."""

    def __init__(self, random: Random, slots: int) -> None:
        self._random = random
        self._chosen_in = {slot: random.randrange(1, 6) for slot in range(1, slots + 2 * REACH)}
        """From which ballot on each slot has the value that is chosen."""
        self._slots = slots
        self.log: list[Record] = [(RecordKind.STATE, 0, 0, encode(State(0, 0, 0, 0, [])))]
        self.rot: dict[int, bool] = {}
        """Records that rotted; whether the header still tells which one each was."""
        self._unread: frozenset[int] = frozenset()
        """Of those, what the last start could not read: no index of the log has it."""
        self.copy = 1
        """The newest ballot that promise copies know."""
        self.promised = 1
        self.accepted: dict[int, tuple[int, bytes]] = {}
        self.faulty: dict[int, int] = {}
        self.waiting: dict[Place, set[int]] = {}
        self.chosen = self.silent_through = self._top = 0
        self._marked = 0
        self._voted: dict[int, int] = {}
        """The ballot that it accepted a value in last, by slot."""

    def value(self, slot: int, ballot: int) -> bytes:
        """One in each ballot, and from some ballot on always the same."""
        return b"%d" % min(ballot, self._chosen_in[slot])

    def work(self, steps: int) -> None:
        """Votes, news of what is chosen, marks, new masters, values that are fetched again."""
        doings = [self._vote, self._vote, self._learn, self._hear, self._hear, self._mark, self._refill, self._refill]
        for _ in range(steps):
            if self._random.random() < 0.05:
                self.promised += 1
                self.copy = max(self.copy, self.promised)
            elif self._random.random() < 0.02:
                self._open()
            else:
                self._random.choice(doings)()

    def spoil(self, places: int, among: range | None = None) -> None:
        """Some records rot, alone or with those behind them; the first one, and the newest ones, do not."""
        within = among or range(1, len(self.log) - 3)
        for _ in range(places if len(within) else 0):
            at, is_known = self._random.choice(within), self._random.random() < 0.5
            for index in range(at, at + self._random.choice([1, 1, 1, 2, 3])):
                if index in within:
                    self.rot[index] = is_known and self.rot.get(index, True)

    def scrub(self) -> None:
        """What rotted is found while it runs: it writes again what it has in memory, and fetches what it has not."""
        readable = [(at, record) for at, record in enumerate(self.log) if at not in self._unread]
        newest = {slot: at for at, (kind, slot, _, _) in readable if kind == RecordKind.ACCEPT}
        places = [each.place for each in self._rotten([]) if each.place not in self.waiting]
        for place in places[: self._random.randrange(3)]:
            there = [slot for slot, at in newest.items() if place[1] <= at < place[2] and slot not in self.faulty]
            lost = {slot: self.copy for slot in there if slot <= self.chosen and self._random.random() < 0.5}
            self.log += [(RecordKind.ACCEPT, slot, *self.accepted[slot]) for slot in there if slot not in lost]
            self.log += [(RecordKind.FAULT, slot, ballot, b"") for slot, ballot in self.faulty.items() if slot > self.chosen]
            self.log.append((RecordKind.CHOSEN, self.chosen, max(self._top, self.chosen), b""))
            self._marked = self.chosen
            for slot in lost:
                del self.accepted[slot]
            self.faulty |= lost
            self.waiting[place] = set(lost)
            self._name_repaired()

    def start(self) -> Recovered:
        """A start, and what it has written."""
        records = [record for at, record in enumerate(self.log) if at not in self.rot]
        named = [place for kind, _, _, payload in records if kind == RecordKind.REPAIR for place in _places(payload)]
        found = recover_damaged(encode(Copies(self.copy, 0, 1, 1)), records, self._rotten(named))
        self._check(found)
        self._unread = frozenset(self.rot)
        self.promised, self.chosen = found.promised, found.chosen
        self.accepted, self.faulty = dict(found.accepted), dict(found.faulty)
        self._marked, self.silent_through = found.chosen, found.silent_through
        self._top = max(found.top, found.silent_through, found.chosen, *found.accepted, *found.faulty)
        for slot in sorted({*(slot for slot in found.accepted if slot > found.chosen), *found.alone}):
            self.log.append((RecordKind.ACCEPT, slot, *found.accepted[slot]))
        self.log += [(RecordKind.FAULT, slot, ballot, b"") for slot, ballot in self.faulty.items() if slot > self.chosen]
        self.waiting = {place: slots & self.faulty.keys() for place, slots in found.waiting.items()}
        self._name_repaired()
        return found

    def _rotten(self, named: Sequence[Place]) -> list[Rotten]:
        found: list[Rotten] = []
        read = 0
        for at, (kind, slot, ballot, _) in enumerate(self.log):
            if at not in self.rot:
                read += 1
            elif self.rot[at]:
                found.append(Rotten(read, (1, at, at + 1), (kind, slot, ballot), 1))
            elif found and found[-1].record is None and found[-1].place[2] == at:
                found[-1] = Rotten(read, (1, found[-1].place[1], at + 1), None, found[-1].lost + 1)
            else:
                found.append(Rotten(read, (1, at, at + 1), None, 1))
        covered = [any(start <= each.place[1] and each.place[2] <= end for _, start, end in named) for each in found]
        return [each._replace(is_repaired=is_repaired) for each, is_repaired in zip(found, covered, strict=True)]

    def _check(self, found: Recovered) -> None:
        for slot in range(1, found.chosen + 1):
            if slot not in found.faulty:
                assert found.accepted[slot][1] == self.value(slot, 1 << 30), f"slot {slot} is taken for another value than was chosen"
        if not found.silent_through:
            for slot, ballot in self._voted.items():
                said = found.faulty.get(slot) or found.accepted.get(slot, (0, b""))[0]
                assert slot <= found.chosen or said >= ballot, f"slot {slot}: a vote in ballot {ballot} is reported as one in {said}"

    def _accept(self, slot: int, ballot: int) -> None:
        self.accepted[slot] = (ballot, self.value(slot, ballot))
        self.copy = max(self.copy, ballot)
        self._voted[slot] = ballot
        self.log.append((RecordKind.ACCEPT, slot, *self.accepted[slot]))
        self._top = max(self._top, slot)
        if self.faulty.pop(slot, 0):
            self._name_repaired()

    @property
    def _is_silent(self) -> bool:
        return self.chosen < self.silent_through

    def _vote(self) -> None:
        slot = self.chosen + self._random.randrange(1, REACH + 1)
        if not self._is_silent and slot <= self._slots and self.accepted.get(slot, (0, b""))[0] < self.promised:
            self._accept(slot, self.promised)

    def _learn(self) -> None:
        """The next chosen value comes from a peer."""
        slot = self.chosen + 1
        if slot <= self._slots and (self._is_silent or self._random.random() < 0.3):
            self._accept(slot, self._chosen_in[slot] + self._random.randrange(2))
            self.chosen = slot

    def _hear(self) -> None:
        """What it voted for is chosen."""
        while self.accepted.get(self.chosen + 1, (0, b""))[0] >= self._chosen_in[self.chosen + 1]:
            self.chosen += 1

    def _mark(self) -> None:
        if self.chosen > self._marked:
            self._marked = self.chosen
            self.log.append((RecordKind.CHOSEN, self.chosen, max(self._top, self.chosen), b""))

    def _refill(self) -> None:
        if lost := [slot for slot in self.faulty if slot <= self.chosen]:
            slot = self._random.choice(lost)
            self._accept(slot, self._chosen_in[slot] + self._random.randrange(2))

    def _open(self) -> None:
        """A segment begins."""
        above = [(slot, *held) for slot, held in sorted(self.accepted.items()) if slot > self._marked]
        faulty = [(slot, ballot) for slot, ballot in self.faulty.items() if slot > self._marked]
        silent = self.silent_through if self._is_silent else 0
        state = State(self.copy, 0, self._marked, 0, above, faulty=faulty, silent_through=silent)
        self.log.append((RecordKind.STATE, self._marked, self.copy, encode(state)))

    def _name_repaired(self) -> None:
        done = [place for place, slots in self.waiting.items() if not slots & self.faulty.keys()]
        if done and not self._is_silent:
            self.log.append((RecordKind.REPAIR, self.chosen, 0, encode_places(done)))
            for place in done:
                del self.waiting[place]


def _places(payload: bytes) -> list[Place]:
    words = memoryview(payload).cast("I")
    return [(words[at], words[at + 1], words[at + 2]) for at in range(0, len(words), 3)]
