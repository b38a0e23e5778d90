"""The core's steps, with what each wants written and sent sorted into the `Output`.  [SAFETY 5, 15]

Rule 1. Every step of the core is taken here, and nothing else writes a record.
Rule 2. What the specification marks `after` goes to `Output.after`, everything else may leave at once.
Rule 3. Marks of what is chosen, and `Learn`, are only ever overtaken by newer ones: they are joined, and go with the next message or
record, or when they have waited long enough.
Rule 4. A full state record claims as chosen only what a mark that is *already durable* claims. It opens a segment, so the records that
it was made from may stand behind it in the same write, and a torn write may keep it and lose them.
Rule 5. A damaged place of the log is named in a REPAIR record once all slots that it left in doubt are written anew: behind that it
needs no repair any more.  [SAFETY 15]
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from gaios.configuration import Configuration, is_configuration
from gaios.log.codec import Message
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS, Output
from gaios.log.records import (
    UNKNOWN,
    Boot,
    Copies,
    Place,
    Record,
    RecordKind,
    Recovered,
    State,
    encode,
    encode_copies,
    encode_places,
    joined,
)
from gaios.paxos import core


class Steps:
    """A participant, and the Output that its steps fill."""

    def __init__(self, participant: core.Participant, options: Options, lineage: list[tuple[int, int]]) -> None:
        """`lineage` are the boots of this directory that its copies are to name, this one last."""
        self.core = participant
        self.output = Output(1)
        self.promise: Message | None = None
        """The newest promise sent, to be sent again to a candidate that lost it."""
        self.claim: Message | None = None
        """The newest ballot claimed, to be said again, as it was said, to who has not promised it."""
        self.lineage, self._options = lineage, options
        self._out = core.Out()
        self._copies = b""
        """What the promise copies hold, or are about to."""
        self._chain: tuple[int, bytes] = (0, b"")
        """The newest applied slot, and the log's hash through it."""
        self._marked = 0
        """Through which slot the newest mark says that all is chosen, durable or not."""
        self._durable_mark = 0
        """Through which slot the newest durable mark does."""
        self._held = 0
        """Through which slot every value was there, and could be read, when that mark was written; see `held`."""
        self._marks: deque[tuple[int, int, int]] = deque()
        """By Output that is not durable yet: the mark that it has, and what is held then."""
        self._mark_due = FAR
        self._learn: Message | None = None
        self._learn_due = FAR
        self._feature = 0
        self.quarantine = b""
        """The payload of the newest QUARANTINE record."""
        self.silent_through = 0
        """Until every slot through this one is chosen this replica says nothing."""
        self._top = 0
        """The highest slot that was accepted, or may have been where nothing can be read."""
        self._learned = 0
        """The newest ballot in which a value was learned to be chosen, where that was above any that was promised."""
        self.waiting: dict[Place, set[int]] = {}
        """Damaged places of the log, each with the slots that are yet to be written anew."""
        self._governs: list[tuple[int, bytes]] = []
        """Configurations, as values (empty: the founders'), with the slot behind which each is known to govern; in order."""
        self._unread: tuple[int, ...] = ()
        """Chosen slots, lost at the start, in which a newer configuration may have stood."""
        self._unnamed = 0
        """The slot of a lost record that told which configuration governs behind it; 0: none is lost."""

    def restore(self, recovered: Recovered, members: Configuration, governs: int = 0) -> None:
        """Take over what the disk held, and the members as of its mark; the boot is written down before anything is said.

        `governs`: behind which slot the members govern.

        What was accepted above the mark is written again: some of it may stand in a state record alone, its own record torn off behind
        it, and whoever later looks up that slot's newest record on the disk must find this value and not an older one.
        """
        participant = self.core
        participant.promised = recovered.promised
        participant.longest = recovered.longest_ns
        participant.chosen = self._marked = self._durable_mark = recovered.chosen
        participant.truncated = recovered.truncated
        self._feature = recovered.copies.feature
        self.quarantine = recovered.quarantine
        self.silent_through = recovered.silent_through
        participant.config, participant.voters = members.number, members.voters if members.number else 0
        if recovered.configuration:
            self.govern(recovered.governs, recovered.configuration)
        for slot in sorted(slot for slot, (_, value) in recovered.accepted.items() if is_configuration(value)):
            if max(recovered.governs, recovered.truncated) < slot <= recovered.chosen:
                self.govern(slot, recovered.accepted[slot][1])
        if recovered.surveyed < recovered.truncated:
            self._unnamed = recovered.truncated
        known = max(recovered.surveyed, governs)
        self._unread = tuple(slot for slot in recovered.faulty if known < slot <= recovered.chosen)
        participant.acc = {slot: held for slot, held in recovered.accepted.items() if slot > recovered.truncated}
        above = sorted(slot for slot in participant.acc if slot > recovered.chosen)
        again = sorted({*above, *recovered.alone}) if recovered.alone else above
        self.output.records.extend((RecordKind.ACCEPT, slot, *participant.acc[slot]) for slot in again)
        if self.quarantine:  # its record may have rotted
            self.output.records.append((RecordKind.QUARANTINE, 0, 0, self.quarantine))
        self._top = max(recovered.top, recovered.silent_through, recovered.chosen, *above, *recovered.faulty)
        self._write_copies()

    def know_damage(self, waiting: dict[Place, set[int]], faulty: dict[int, int], now: int) -> None:
        """These places of the log are damaged, and these slots' values lost with them, each of no newer ballot than that."""
        for slot, ballot in faulty.items():
            self.take((core.ROT, slot, ballot), self.core.me, now)
        through = self.readable  # what is mended counts once that is durable
        self._held = min(self._held, through)
        self._marks = deque((number, mark, min(held, through)) for number, mark, held in self._marks)
        for place, slots in waiting.items():
            self.waiting[place] = {slot for slot in joined(place, slots, self.waiting) if slot in self.core.faulty}
        self._name_repaired()

    @property
    def is_silent(self) -> bool:
        """Whether nobody can tell what this replica accepted: it must neither promise nor vote."""
        return self.core.chosen < self.silent_through or (bool(self._unnamed or self._unread) and self.is_unsure)

    @property
    def is_unsure(self) -> bool:
        """Whether a newer configuration may govern than the one that this replica knows: its record, or what named it, is lost.

        Whoever goes by an older one may count those who are not asked any more. It says nothing at all meanwhile.  [SAFETY 18]
        """
        return bool(self._unnamed or self._unread) and self._doubts(self.core.chosen, self._governs[-1][0] if self._governs else 0)

    def _doubts(self, slot: int, governs: int) -> bool:
        """Whether a newer configuration may stand in a lost record at or below `slot` than the one that governs behind `governs`."""
        faulty = self.core.faulty
        return governs < self._unnamed <= slot or any(governs < at <= slot and at in faulty for at in self._unread)

    def write_again(self, slots: Iterable[int], boots: Iterable[Record]) -> None:
        """Records rotted, and what they told is in memory: write these slots' values again, and whatever else may have stood there."""
        participant, records = self.core, self.output.records
        records.extend((RecordKind.ACCEPT, slot, *participant.acc[slot]) for slot in slots)
        records.extend((RecordKind.FAULT, slot, ballot, b"") for slot, ballot in participant.faulty.items() if slot > participant.chosen)
        if participant.truncated:
            records.append((RecordKind.TRUNCATE, participant.truncated, *self._governing(participant.truncated)))
        if self.quarantine:
            records.append((RecordKind.QUARANTINE, 0, 0, self.quarantine))
        records.extend(boots)
        self._mark()

    def take(self, event: Message, member: int, now: int) -> bool:
        """One step; whether a rule fired."""
        out, participant = self._out, self.core
        config, chosen = participant.config, participant.chosen
        fired = participant.step(event, member, now, out)
        if event[0] == core.INSTALL:  # what stands below a snapshot may never have been chosen
            if fired:
                self.survey(event[1], event[2])
        elif participant.config != config or (event[0] == core.CHOSEN and fired and event[1] <= chosen):
            self._went_over(event, chosen)
        if out.writes:
            self._write(out.writes)
            out.writes.clear()
        if out.sends:
            self._send(out.sends, now)
            out.sends.clear()
        return fired

    def _went_over(self, event: Message, before: int) -> None:
        """More slots are known to be chosen than those through `before`, or a lost one is there again: note configurations in them."""
        acc = self.core.acc
        slots = [event[1]] if event[0] == core.CHOSEN and event[1] <= before else range(before + 1, self.core.chosen + 1)
        for slot in slots:
            if is_configuration(acc[slot][1]):
                self.govern(slot, acc[slot][1])

    def govern(self, slot: int, value: bytes) -> None:
        """That configuration governs behind that slot."""
        if all(slot != known for known, _ in self._governs):
            insort(self._governs, (slot, value))

    def survey(self, slot: int, value: bytes) -> None:
        """A snapshot tells which configuration governs behind that slot; empty: the founders'. A record that told it may be lost."""
        insort(self._governs, (slot, value), key=itemgetter(0))
        if slot == self._unnamed:  # the core dropped nothing, and so wrote nothing
            self.output.records.append((RecordKind.TRUNCATE, slot, *self._governing(slot)))

    def _governing(self, slot: int) -> tuple[int, bytes]:
        """From where on which configuration governs at that slot; 0 and empty: the founders' does; UNKNOWN: a newer one may."""
        governs, value = next((each for each in reversed(self._governs) if each[0] <= slot), (0, b""))
        if (self._unnamed or self._unread) and self._doubts(slot, governs):
            return governs, UNKNOWN
        return (governs, value) if value else (0, b"")

    def applied(self, slot: int, chain: bytes) -> None:
        """The chain's hash at the newest applied slot, to be written with the next mark."""
        self._chain = (slot, chain)

    def raised(self, feature: int) -> None:
        """The cell's feature level where this replica is: the copies say so, for a version that is too old to refuse to start."""
        if feature > self._feature:
            self._feature = feature
            self._write_copies()

    def snapshot(self, slot: int, handle: bytes, *, proved: bool) -> int:
        """Record that the snapshot behind a slot is durable, or that it is proved, behind the mark that the slot is chosen.  [SAFETY 26]

        The number of the Output that does.
        """
        self.mark()
        self.output.records.append((RecordKind.SNAPSHOT, slot, int(proved), handle))
        return self.output.number

    def judge(self, slot: int, payload: bytes) -> int:
        """Record that the database must not be served, or (empty) that it may again; the number of the Output that does."""
        self.quarantine = payload
        self._write_copies()
        self.output.records.append((RecordKind.QUARANTINE, slot, 0, payload))
        return self.output.number

    def learn(self, now: int) -> None:
        """Tell the others what is chosen, with the next message."""
        self._learn = (core.LEARN, self.core.bal, self.core.config, self.core.chosen)
        self._learn_due = now

    def forget_learn(self) -> None:
        """This replica leads no more."""
        self._learn = None
        self._learn_due = FAR

    def rest(self, now: int) -> None:
        """An event is dealt with: a mark that nothing carries away will be written in time."""
        if self.core.chosen > self._marked and self._mark_due == FAR:
            self._mark_due = now + self._options.mark_ms * MS

    def tick(self, now: int) -> None:
        """Write the mark of an idle replica."""
        if now >= self._mark_due:
            self._mark_due = FAR
            self.mark()

    def synced(self, number: int) -> None:
        """Every record through Output `number` is durable."""
        while self._marks and self._marks[0][0] <= number:
            _, self._durable_mark, self._held = self._marks.popleft()

    @property
    def durable_mark(self) -> int:
        """Every slot through this one is chosen, and its value and that mark are durable here."""
        return self._durable_mark

    @property
    def readable(self) -> int:
        """Every slot through this one is chosen, and no value of them is known to be lost here."""
        return min(self.core.chosen, min(self.core.faulty, default=FAR) - 1)

    @property
    def held(self) -> int:
        """The same, durably. Of what a start read nothing is known to be, before its first batch is: a power cut may take it back."""
        return min(self._held, self.readable)

    def due_ns(self) -> int:
        """When something here has waited long enough."""
        return self._mark_due if self._mark_due < self._learn_due else self._learn_due

    def hand_over(self, now: int) -> Output | None:
        """The Output so far, if there is anything in it, and a fresh one."""
        output = self.output
        if self._learn is not None and (output.at_once or now >= self._learn_due):
            output.at_once.append((OTHERS, self._learn))
            self.forget_learn()
        if not output:
            return None
        if self.core.chosen > self._marked and (output.records or output.copies is not None or self._overtakes(output)):
            self._mark()
        if output.records or output.copies is not None:
            self._marks.append((output.number, self._marked, min(self._marked, self.readable)))
        self.output = Output(output.number + 1)
        return output

    def _overtakes(self, output: Output) -> bool:
        """Does a vote leave for a slot that a start from the newest mark would not report?

        A start reports what was accepted up to WINDOW above its mark [SAFETY 6]. A vote comes with a record, and a record takes the newest
        mark along. Not so a vote that is repeated after a start whose last batch was torn between the two: its mark has to be written now.
        """
        return any(message[0] == core.ACCEPTED and message[3] > self._marked + core.WINDOW for _, message in output.after)

    def state_record(self, boots: list[tuple[int, Boot]]) -> Record:
        """Everything durable, for the head of a new segment.  [SAFETY 15]

        Of all slots above the mark: where a batch was torn some may lie further above than a vote may be, and be voted for later.
        """
        participant, mark = self.core, self._durable_mark
        slots = range(mark + 1, max(participant.chosen + core.WINDOW, self._top) + 1)
        above = [(slot, *participant.acc[slot]) for slot in slots if slot in participant.acc]
        faulty = [(slot, ballot) for slot, ballot in participant.faulty.items() if slot > mark]
        state = State(
            self._newest,
            participant.longest,
            mark,
            participant.truncated,
            above,
            boots,
            self.quarantine,
            faulty,
            self.silent_through if participant.chosen < self.silent_through else 0,
            self._governing(mark),
        )
        return (RecordKind.STATE, mark, self._newest, encode(state))

    def _send(self, sends: list[tuple[int, Message]], now: int) -> None:
        output = self.output
        for to, message in sends:
            tag = message[0]
            if tag == core.LEARN:
                self._learn = message
                self._learn_due = min(self._learn_due, now + self._options.learn_ms * MS)
            elif tag in core.AFTER:
                output.after.append((to, message))
                if tag == core.PROMISE:
                    self.promise = message
                elif tag == core.PREPARE:
                    self.claim = message
            else:
                output.at_once.append((to, message))

    def _write(self, writes: list[tuple[Any, ...]]) -> None:
        records = self.output.records
        for write in writes:
            field = write[0]
            if field == core.F_ACC:
                if write[2] > max(self.core.promised, self._learned):
                    self._learned = write[2]
                    self._write_copies()
                records.append((RecordKind.ACCEPT, write[1], write[2], write[3]))
                self._top = max(self._top, write[1])
                if self.waiting:
                    self._name_repaired()
            elif field in (core.F_PROMISED, core.F_LONGEST):
                self._write_copies()
            elif field == core.F_FAULTY:
                if write[1] > self.core.chosen:
                    records.append((RecordKind.FAULT, write[1], write[2], b""))
            elif field == core.F_TRUNCATED:
                governs, value = self._governing(write[1])
                self._governs = [each for each in self._governs if each[0] >= governs]
                records.append((RecordKind.TRUNCATE, write[1], governs, value))

    @property
    def _newest(self) -> int:
        """The newest ballot that was promised, or in which a value here was learned.

        The copies hold it as the promise. So where the record of a value that was learned rots, no value of an older ballot passes for it.
        """
        return max(self.core.promised, self._learned)

    def _write_copies(self) -> None:
        # The copies are written before the records of their batch. What was learned ends a silence only once its own record is durable.
        silent_through = self.silent_through if self._durable_mark < self.silent_through else 0
        fixed = (self._newest, self.core.longest, *self.lineage[-1], self.lineage, self._feature)
        copies = encode_copies(Copies(*fixed, bool(self.quarantine), silent_through))
        if copies != self._copies:
            self._copies = self.output.copies = copies

    def mark(self) -> None:
        """Have what is known to be chosen written down in this Output, if it is not yet."""
        if self.core.chosen > self._marked:
            self._mark()

    def _mark(self) -> None:
        """Write down what is known to be chosen."""
        self._marked = self.core.chosen
        self._mark_due = FAR
        slot, chain = self._chain
        top = max(self._top, self.core.chosen)
        self.output.records.append((RecordKind.CHOSEN, self.core.chosen, top, chain if slot == self.core.chosen else b""))

    def _name_repaired(self) -> None:
        """Record in a REPAIR those damaged places whose slots are all written anew (rule 5)."""
        faulty = self.core.faulty
        done = [place for place, slots in self.waiting.items() if not any(slot in faulty for slot in slots)]
        if done and not self.is_silent:
            self.output.records.append((RecordKind.REPAIR, self.core.chosen, 0, encode_places(done)))
            for place in done:
                del self.waiting[place]
