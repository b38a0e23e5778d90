"""One acceptor through many lives on a bad disk, beside the truth: what it says of its votes, and which values it takes for chosen.

The log's steps, the journal, the scrub, what a start makes of a directory, and what a backup reads of it are those that every replica runs;
whom it hears is invented here. In each slot one value is chosen from some ballot on, and others may have been voted for in older ones.

    power cuts tear what was not synced, syncs fail and leave it in the cache alone, processes are killed,
    and anything that a record of a later batch proves durable may rot: bits, records, blocks, files, at any time, as often as may be,
    or not be given back at all

Rule 1. The first record of a log, and the last two batches, stay as they are: of these SAFETY 7 and damage.py say what cannot be told.
Rule 2. Who says nothing, or whose state is lost, or whose disk failed, as a start says, is right.
"""

from collections import Counter
from random import Random

from gaios.backup.history import History, chosen
from gaios.configuration import founders
from gaios.errors import DiskFailed, StateDamaged, StateMissing
from gaios.log import Copies, Options, RecordKind, encode
from gaios.log.boots import lineage
from gaios.log.codec import Message
from gaios.log.records import State, encode_copies
from gaios.log.steps import Steps
from gaios.paxos import core
from gaios.paxos.core import WINDOW
from gaios.server import damage
from gaios.storage import (
    STATE,
    Identity,
    Journal,
    Place,
    Record,
    create,
    record,
    scrub_segment,
    segment,
)
from gaios.storage.record import HEADER_BYTES, Header
from gaios.storage.segment import OPENING_BYTES
from tests.server.bad_disk import BadDisk, Crash

ME = Identity(b"c" * 16, 2, 0)
FOUNDERS = founders({1: 1, 2: 2, 3: 3})
KNOWN = 1 << 60
"""A ballot above all."""


class Acceptor:
    """See the module."""

    def __init__(self, seed: int) -> None:
        self._dice = dice = Random(seed)
        self.seen: Counter[str] = Counter()
        self._disk = BadDisk(dice, ME)
        self._segment_bytes, self._value_bytes = dice.choice([1_024, 2_048, 4_096]), dice.choice([10, 60, 200])
        self._gathers = dice.choice([3, 10, 50])
        """How much happens while the disk is busy, at the most."""
        self._crashing, self._failing = dice.choice([0, 0.05, 0.2, 0.5]), dice.choice([0, 0, 0.05])
        self._takes_snapshots, self._far = dice.random() < 0.5, dice.choice([3, WINDOW, WINDOW])
        state = Record(STATE, 0, 0, encode(State(0, 0, 0, 0, [])))
        for operation in create(ME, encode_copies(Copies()), state, segment_bytes=self._segment_bytes):
            self._disk.execute(operation)
        self._chosen_in: dict[int, int] = {}
        """From which ballot on each slot has the value that is chosen."""
        self._known = self._promised = self._covered = 0
        """How far it ever knew slots to be chosen, what it ever promised, behind which slot it ever had a snapshot."""
        self._written: set[tuple[int, int]] = set()
        """Slots and ballots in which it accepted a value; `_voted`: the newest ballot that it said so of, by slot."""
        self._voted: dict[int, int] = {}
        self._now = 1 << 40

    def live(self, lives: int = 8) -> None:
        """So many lives; raises where one says less than it knew, or anything that is not true."""
        for _ in range(lives):
            try:
                self._start()
            except StateDamaged:
                self.seen["its state was lost"] += 1
                return
            except DiskFailed:
                self.seen["its disk failed"] += 1
                return
            try:
                self._hand_over()
                self._batch()
                for _ in range(self._dice.choice([1, 5, 20, 60])):
                    for _ in range(self._dice.randrange(1, self._gathers)):
                        self._event()
                    if self._dice.random() < 0.03:
                        self._rot()
                    self._batch()
            except Crash:
                self.seen["a batch was cut short"] += 1
            self._back_up()
            if self._dice.random() < 0.7:
                self._disk.lose_power()
                self._rot()

    # -- the truth -------------------------------------------------------------------------------------------------------

    def _from(self, slot: int) -> int:
        return self._chosen_in.setdefault(slot, Random(slot).randrange(1, 6) << 16 | 1)

    def _value(self, slot: int, ballot: int = KNOWN) -> bytes:
        return (b"%d in %d " % (slot, min(ballot, self._from(slot)))).ljust(self._value_bytes, b".")

    def _check(self) -> None:
        """After a start: nothing is forgotten."""
        participant = self._core
        assert participant.promised >= self._promised, "a promise is forgotten"
        assert participant.chosen <= self._known, f"slot {participant.chosen} is taken for chosen, and {self._known} is the newest"
        for slot in range(participant.truncated + 1, participant.chosen + 1):
            if slot not in participant.faulty:
                assert participant.acc[slot][1] == self._value(slot), f"slot {slot} is taken for another value than was chosen"
        if self._steps.is_silent:
            self.seen["a start was silent"] += 1
            return
        accepted, damaged = participant.accepted(), participant.damaged()
        for slot, ballot in self._voted.items():
            if slot > participant.chosen:
                said = max(accepted[slot][0] if slot in accepted else 0, damaged.get(slot, 0))
                # A value that was learnt to be chosen may stand in its place: it is as new as any that counts.
                least = ballot if slot > self._known else min(ballot, self._from(slot))
                assert said >= least, f"slot {slot}: a vote in ballot {ballot} is reported as one in {said}"

    def _back_up(self) -> None:
        """What a backup would take for chosen is."""
        history = History(self._disk, "the disk")
        if history.survey.broken is None:
            reach = history.reach()
            assert reach.chosen <= self._known
            for each in chosen(history.records(), reach.truncated, "the disk", history.rewritten()):
                assert each.value == self._value(each.slot), f"slot {each.slot} is backed up with another value than was chosen"
                self.seen["a value was backed up"] += 1

    # -- a life ----------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._journal, found = Journal.open(ME, self._disk, segment_bytes=self._segment_bytes, indexed={RecordKind.ACCEPT})
        recovered = damage.recovered(found, "the disk", self._covered)
        boot = self._journal.boot = recovered.copies.boot + 1
        self._core = core.Participant(ME.member, FOUNDERS.voters)
        self._steps = Steps(self._core, Options(), lineage(ME.member, recovered, boot, self._dice.getrandbits(60)))
        self._steps.restore(recovered, FOUNDERS)
        self._places = damage.places(self._journal)
        if recovered.waiting or recovered.faulty:
            self._steps.know_damage(recovered.waiting, recovered.faulty, self._now)
        self._check()
        self.seen["a start found slots faulty"] += bool(recovered.faulty)
        self._first, self._records, self._after = list(found.operations), list[tuple[int, int, int, bytes]](), list[Message]()
        self._copies: bytes | None = None
        self._number = self._evicted = self._given_up = 0
        self._flying: list[tuple[int, int, int, bytes]] = []
        """What is being written."""
        self._snapshots: dict[int, int] = {}
        """Its own, by slot, and the Output with the record; `_fetched`: a peer's."""
        self._fetched: dict[int, int] = {}

    def _hand_over(self) -> None:
        while (output := self._steps.hand_over(self._now)) is not None:
            self._records += output.records
            self._copies = output.copies if output.copies is not None else self._copies
            self._after += [message for _, message in output.after]
            self._number = output.number

    def _batch(self) -> None:
        dice, made = self._dice, self._journal.batch(self._copies, self._records, lambda: Record(*self._steps.state_record([])))
        operations, after, number = [*self._first, *made], self._after, self._number
        self._flying = self._records
        self._first, self._records, self._after, self._copies = [], [], [], None
        for _ in range(dice.choice([0, 0, 1, 3])):
            self._event()
        cut = dice.randrange(len(operations) + 1) if dice.random() < self._crashing else -1
        for at, operation in enumerate(operations):
            if at == cut:
                raise Crash
            self._disk.execute(operation, fails=dice.random() < self._failing)
        self._flying = []
        self._steps.synced(number)
        for message in after:
            if message[0] == core.ACCEPTED and (message[3], message[1]) in self._written:
                self._voted[message[3]] = max(message[1], self._voted.get(message[3], 0))
            if message[0] in {core.ACCEPTED, core.PROMISE}:
                self._promised = max(self._promised, message[1])
        self._install(number)
        if self._given_up and not self._records and self._core.truncated <= self._steps.durable_mark:
            for operation in self._journal.give_up(self._given_up):
                self._disk.execute(operation)
        if dice.random() < 0.3:
            for operation in self._journal.mark():
                self._disk.execute(operation)

    def _install(self, number: int) -> None:
        """What a peer's snapshot covers is known once its record is durable."""
        for slot in [slot for slot, output in self._fetched.items() if output <= number]:
            del self._fetched[slot]
            if slot > self._core.chosen:
                self.seen["a snapshot was taken over"] += 1
                self._known = max(self._known, slot)
                self._take((core.INSTALL, slot, b"", 0))
                self._steps.survey(slot, b"")
                self._hand_over()

    def _take(self, message: Message) -> None:
        if not self._steps.is_silent or message[0] not in {core.PREPARE, core.ACCEPT}:
            self._steps.take(message, 1, self._now)

    def _event(self) -> None:
        """Something happens."""
        self._now += 1_000_000
        happens = [self._promise, *[self._vote] * 8, self._fill, *[self._learn] * 3, self._catch_up, *[self._refill] * 3, self._steps.mark]
        happens += [self._forget, self._scrub, self._read_back]
        if self._takes_snapshots:
            happens += [self._snapshot, self._fetch, self._truncate]
        self._dice.choice(happens)()
        self._known = max(self._known, self._core.chosen)
        self._hand_over()

    def _ballot(self, above: int = 0) -> int:
        promised = max(self._core.promised, 1 << 16 | 1)
        return ((promised >> 16) + above) << 16 | self._dice.choice([1, 3]) if above else promised

    def _promise(self) -> None:
        self._take((core.PREPARE, self._ballot(1), 0))

    def _vote(self) -> None:
        near = self._core.chosen + self._dice.choice([self._dice.randrange(1, self._far + 1), WINDOW, WINDOW + 1, 0])
        self._accept(max(1, near), self._ballot(int(self._dice.random() < 0.1)))

    def _accept(self, slot: int, ballot: int) -> None:
        if slot > self._core.chosen or ballot >= self._from(slot):
            self._take((core.ACCEPT, ballot, 0, slot, self._value(slot, ballot)))
            if slot in self._core.acc and self._core.acc[slot][0] == ballot:
                self._written.add((slot, ballot))

    def _fill(self) -> None:
        """All of the window."""
        ballot = self._ballot()
        for slot in range(self._core.chosen + 1, self._core.chosen + WINDOW + 1):
            if ballot >= self._from(slot):
                self._accept(slot, ballot)

    def _learn(self) -> None:
        """What it voted for is chosen."""
        held, through, ballot = self._core.acc, self._core.chosen, self._ballot()
        while through in {self._core.chosen, *held} and held.get(through + 1, (0,))[0] == ballot >= self._from(through + 1):
            through += 1
        if through > self._core.chosen:
            self._take((core.LEARN, ballot, 0, self._dice.randrange(self._core.chosen, through) + 1))

    def _catch_up(self) -> None:
        for slot in range(self._core.chosen + 1, self._core.chosen + self._dice.choice([1, 1, 5]) + 1):
            self._supply(slot)

    def _refill(self) -> None:
        if lost := [slot for slot in self._core.faulty if slot <= self._core.chosen]:
            self._supply(self._dice.choice(lost))

    def _supply(self, slot: int) -> None:
        self._take((core.CHOSEN, slot, self._from(slot) + (self._dice.randrange(2) << 16), self._value(slot)))

    def _snapshot(self) -> None:
        chosen_ = self._core.chosen
        if chosen_ > self._core.truncated and not any(slot <= chosen_ for slot in self._core.faulty):
            self._snapshots[chosen_] = self._steps.snapshot(chosen_, b"%d" % chosen_, proved=False)
            self._covered = max(self._covered, chosen_)

    def _fetch(self) -> None:
        if self._dice.random() < 0.2:
            slot = self._core.chosen + self._dice.randrange(1, 40)
            self._fetched[slot] = self._steps.snapshot(slot, b"%d" % slot, proved=True)
            self._covered = max(self._covered, slot)

    def _truncate(self) -> None:
        durable = [slot for slot, output in self._snapshots.items() if self._core.truncated < slot <= self._steps.durable_mark and output]
        if durable and self._dice.random() < 0.3:
            self._given_up = self._dice.choice(durable)
            self._take((core.TRUNCATE, self._given_up))

    def _forget(self) -> None:
        """Values leave the memory that the disk has."""
        for slot in range(self._evicted + 1, through := min(self._core.chosen, self._steps.durable_mark) + 1):
            self._core.acc.pop(slot, None)
        self._evicted = max(self._evicted, through - 1)

    def _scrub(self) -> None:
        if self._journal.sealed:
            for piece in scrub_segment(self._disk, ME, self._dice.choice(self._journal.sealed)):
                if isinstance(piece.damage, Place):
                    self._found_at(piece.damage)

    def _read_back(self) -> None:
        there = range(self._core.truncated + 1, min(self._evicted, self._core.chosen) + 1)
        unwritten = {slot for kind, slot, _, _ in (*self._records, *self._flying) if kind == RecordKind.ACCEPT}
        gone = [slot for slot in there if not (slot in self._core.acc or slot in self._core.faulty or slot in unwritten)]
        if gone:
            slot = self._dice.choice(gone)
            where = self._journal.locate(RecordKind.ACCEPT, slot)
            assert where is not None, f"slot {slot} is neither in memory nor on the disk"
            try:
                found = self._journal.read(self._disk, where)
            except StateMissing:
                raise Crash from None
            except StateDamaged:
                self._found_at(where.place)
            else:
                assert found.payload == self._value(slot), f"slot {slot} is read back with another value than was chosen"

    def _found_at(self, place: Place) -> None:
        """As `server.damage.Damages` and `log.Replica.rotted` have it."""
        if not any(known.covers(place) for known in self._places):
            self.seen["damage was found while it ran"] += 1
            self._places.append(place)
            slots, held = self._journal.stand_in(RecordKind.ACCEPT, place), self._core.acc
            lost = {slot: self._core.promised for slot in slots if slot not in held and slot > self._core.truncated}
            self._steps.write_again([slot for slot in slots if slot in held], [])
            self._steps.know_damage({place: set(lost)}, lost, self._now)

    # -- rot -------------------------------------------------------------------------------------------------------------

    def _rot(self) -> None:
        dice, headers = self._dice, self._disk.headers()
        if any(file.pending for file in self._disk.files.values()) or not headers:
            return
        newest, begins = max(header.batch for header in headers), headers[0].segment
        young = {header.segment for header in headers if header.batch + 2 >= newest}
        old = [header for header in headers[1:] if header.batch + 2 < newest]
        if not old:
            return
        if dice.random() < 0.1:
            name = dice.choice(["promise-1", "promise-2"])
            self._disk.files[name].durable[dice.randrange(90)] ^= 1
        header = dice.choice(old)
        data = self._disk.files[segment.name(header.segment)].durable
        if header.segment not in young and header.segment != begins and dice.random() < 0.3:
            self.seen["a whole end of a file was lost"] += 1
            at = dice.choice([0, OPENING_BYTES, header.offset])
            if dice.random() < 0.3:
                del self._disk.files[segment.name(header.segment)]
            elif dice.random() < 0.3:
                del data[max(at, 1) :]
            else:
                data[at:] = bytes(len(data) - at)
            return
        for index in [dice.randrange(len(old)) for _ in range(dice.choice([1, 1, 2, 4]))]:
            for each in old[index : index + dice.choice([1, 1, 1, 2, 3, 8])]:
                self._spoil(each)

    def _spoil(self, header: Header) -> None:
        dice, data = self._dice, self._disk.files[segment.name(header.segment)].durable
        at, end = header.offset, header.offset + record.size(header.length)
        match dice.randrange(5):
            case 4:
                self._disk.unreadable.setdefault(self._disk.files[segment.name(header.segment)], []).append((at, end))
                self.seen["the disk gave something back no more"] += 1
            case 0 if header.length:
                data[at + HEADER_BYTES + dice.randrange(header.length)] ^= 1 << dice.randrange(8)
            case 1:
                data[at + dice.randrange(HEADER_BYTES)] ^= 1 << dice.randrange(8)
            case 2:
                data[at : at + 40] = dice.randbytes(40)
            case _:
                data[at:end] = bytes(end - at)
        self.seen["a record rotted"] += 1
