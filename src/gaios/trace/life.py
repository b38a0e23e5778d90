"""One boot of one member: a fresh participant takes the recorded steps, beside a picture of the member's disk.  [SAFETY 5, 7]

Rule 1. Two classes of messages. *Promise*, *accepted* and the like wait for all records up to those of their own step; what only the owner
of a ballot says waits for the durable claim of that ballot. Nothing of either leaves before the boot is durable.  [SAFETY 5]
Nobody says that it recorded another's boot before that record is durable; when its own is registered: registration.py.  [SAFETY 3]
Rule 2. What leaves was sent by a step of this boot. The exceptions are `Learn`, which log/ joins and renews, and `Chosen`, which may be
read from the disk: those must be true.
Rule 3. What the disk is handed is what the steps wanted written, in their order; beside it only marks that are true, what was accepted
and is written anew because its record is not proved durable or is damaged, and full state records.
"""

from bisect import insort
from collections import Counter, deque
from operator import itemgetter
from typing import Any, Final, NamedTuple

from gaios.configuration import is_configuration, listed
from gaios.log.codec import BOOTED
from gaios.log.options import FAR
from gaios.log.recording import FIELDS, Came, Done, Entry, Frame, Handed, Left, Start, Step, encode, essence
from gaios.log.records import UNKNOWN, RecordKind
from gaios.paxos import core
from gaios.trace.cell import Cell, Reign
from gaios.trace.disk import Disk
from gaios.trace.registration import Registration
from gaios.trace.words import Illegal, shown, shown_sends, shown_writes

_SPOKEN: Final = frozenset({core.PREPARE, core.ACCEPT, core.LEARN, core.HEARTBEAT, core.RELEASE})
"""What only the owner of a ballot says; the ballot is its first field."""
_REPEATED: Final = frozenset({core.PREPARE, core.PROMISE, core.ACCEPT})
"""What log/ may send again without a step."""
_KEPT_SLOTS: Final = 4 * core.WINDOW
"""Proposals may be sent again until they are chosen, and leave a little later."""
_OWN: Final = frozenset({core.ROT, core.TRUNCATE})
"""Steps that only say what this member's own disk holds: they wait for nobody."""
_BESIDE: Final = frozenset({RecordKind.SNAPSHOT, RecordKind.BOOT, RecordKind.QUARANTINE, RecordKind.REPAIR})
"""Records that no step of the core asks for."""


class Sent(NamedTuple):
    """A step sent a message; what had been promised and granted by then."""

    step: int
    to: int
    promised: int
    longest: int


class Life:
    """See the module. `module` is a core that was generated from the texts."""

    def __init__(self, cell: Cell, disk: Disk, module: Any, start: Start) -> None:  # noqa: ANN401 (a generated module)
        self.start, self.me = start, start.member
        self._cell, self._disk = cell, disk
        self._out = module.Out()
        self._core = module.Participant(start.member, start.voters)
        accepted = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        self._governs = [start.governs]
        """Configurations, as values, with the slot behind which each governs; in order."""
        for slot in sorted(slot for slot, (_, value) in accepted.items() if is_configuration(value)):
            if max(start.governs[0], start.truncated) < slot <= start.chosen:
                self._governs.append((slot, accepted[slot][1]))
        self._core.restore(
            promised=start.promised,
            acc=accepted,
            chosen=start.chosen,
            truncated=start.truncated,
            config=start.config,
            voters=listed(self._governs[-1][1]),
            longest=start.longest,
            faulty={},
        )
        self._found = {(slot, ballot, value) for slot, ballot, value in start.accepted if slot > start.chosen}
        self._now = 0
        self._came: Counter[bytes] = Counter()
        self._came_from = 0
        self._registration = Registration(start, self._core)
        self._sent: dict[bytes, list[Sent]] = {}
        self._proposed: deque[tuple[int, bytes]] = deque()
        self._newest = 0  # the ballot of any value that this life took
        self._cut = start.truncated  # as the disk was told last
        self._unwritten: deque[tuple[int, tuple[int, int, int, bytes]]] = deque()
        """Records that steps wanted and the disk was not handed yet, each with its step."""
        self._has_written = False
        self._flying: list[int] = []
        """The steps whose records are in the batch in flight."""
        self._led: dict[int, int] = {}
        """Ballots of reigns: what was known to be chosen while each lasted, or said to be while it was being recovered."""
        self._reign: Reign | None = None
        self._lease_until = 0
        for slot, (ballot, value) in accepted.items():
            cell.durable(self.me, slot, ballot, value)

    def take(self, number: int, entry: Entry) -> None:
        """Check one entry.

        Raises:
            Illegal: it may not be.
        """
        if isinstance(entry, Step):
            self._step(number, entry)
        elif isinstance(entry, Came):
            self._came_from = entry.member
            self._came = Counter(encode(message) for message in entry.messages)
            for message in entry.messages:
                self._registration.hear(entry.member, message)
        elif isinstance(entry, Left):
            for members, messages in entry.frames:
                for message in messages:
                    self._leaves(members, message)
        elif isinstance(entry, Handed):
            self._handed(entry)
        elif isinstance(entry, Done):
            self._done()
        else:
            raise Illegal("V1 one start", "no second start in a recording", "a start")

    def rest(self, frame: Frame) -> None:
        """A turn is over: is the state the same? Who holds a lease, until when?

        Raises:
            Illegal: something else than the steps has changed the state, or another member held a lease at the same time.
        """
        participant, reign, true_ns, now = self._core, self._reign, frame.true_ns, frame.now
        if frame.essence != (own := essence(participant)):
            different = [index for index, number in enumerate(own) if frame.essence[index : index + 1] != [number]]
            raise Illegal("V2 state", _state(own, different), _state(frame.essence, different))
        holds = participant.leads() and participant.holds_lease(now)
        if reign is not None and (not holds or reign.ballot != participant.bal or now > self._lease_until):
            self.close()
            reign = None
        if holds:
            self._lease_until = max(end for end in participant.grants.values() if participant.holds_lease(end - 1))
            self._reign = Reign(self.me, participant.bal, true_ns, true_ns) if reign is None else reign._replace(ended_ns=true_ns)

    def close(self) -> None:
        """The reign, if there is one, is over."""
        reign, self._reign = self._reign, None
        if reign is not None:
            self._cell.reigned(self.start.clock, reign)

    # -- the core --------------------------------------------------------------------------------------------------------

    def _step(self, number: int, step: Step) -> None:
        participant, out = self._core, self._out
        event = _event(step.event)
        tag = event[0]
        if tag not in _OWN:
            self._registration.check(event)
        if step.now < self._now and tag != core.BOOT:  # what a boot may have granted it granted before its start
            raise Illegal("V2 time", f"no time before {self._now} ns", f"{step.now} ns")
        self._now = max(self._now, step.now)
        if tag not in core.MESSAGES:
            if step.src != self.me:
                raise Illegal("V1 sender", f"an input from member {self.me} itself", f"{shown(event)} from member {step.src}")
        elif step.src == self.me:
            self._leave_to_myself(event)
        else:
            self._taken(step.src, event)
        chosen, config = participant.chosen, participant.config
        if tag == core.INSTALL and step.fired:
            insort(self._governs, (event[1], event[2]), key=itemgetter(0))
        fired = participant.step(event, step.src, step.now, out)
        self._check_same(step, event, fired)
        while out.writes:
            self._wanted(number, out.writes.pop(0))
        while out.sends:
            self._sends(number, *out.sends.pop(0))
        is_again = fired and tag == core.CHOSEN and event[1] <= chosen
        if is_again or (participant.config != config and tag != core.INSTALL):
            for slot in [event[1]] if is_again else range(chosen + 1, participant.chosen + 1):
                if is_configuration(value := participant.acc[slot][1]) and slot not in dict(self._governs):
                    insort(self._governs, (slot, value))
        if fired and tag == core.ACCEPTED:
            self._cell.vote(step.src, event[3], event[1])
        if fired and tag == core.ROT:
            self._rots(event)
        if is_again:
            self._cell.believed(*event[1:])
        for slot in range(chosen + 1 if tag != core.INSTALL else participant.chosen + 1, participant.chosen + 1):
            self._cell.believed(slot, *participant.acc[slot])
        if participant.leads():
            self._led[participant.bal] = participant.chosen

    def _check_same(self, step: Step, event: Any, fired: bool) -> None:  # noqa: ANN401 (an event)
        """The text makes of the step what was recorded of it."""
        out, rule = self._out, "V2 a step is reproducible"
        if fired != step.fired:
            raise Illegal(rule, f"{shown(event)} {_fired(fired)}", _fired(step.fired))
        if encode(out.writes) != encode(step.writes):
            raise Illegal(rule, f"{shown(event)} to write {shown_writes(out.writes)}", shown_writes(step.writes))
        if encode(out.sends) != encode(step.sends):
            raise Illegal(rule, f"{shown(event)} to send {shown_sends(out.sends)}", shown_sends(step.sends))

    def _governing(self, slot: int, said: tuple[int, bytes] = (0, b"")) -> tuple[int, bytes]:
        """What a record says of the configuration at a slot, or should: after a start that was not sure it may be that this is lost."""
        governs, value = next((each for each in reversed(self._governs) if each[0] <= slot), (0, b""))
        found = (governs, value) if value else (0, b"")
        return said if self.start.is_unsure and said == (governs, UNKNOWN) else found

    def _rots(self, event: Any) -> None:  # noqa: ANN401 (an event)
        """What rotted is of no newer ballot than is said.  [SAFETY 6]"""
        _, slot, ballot = event
        held = self._disk.accepted.get(slot)
        if held is not None and held[0] > ballot and slot > self._core.chosen:
            raise Illegal("V3 damage", f"slot {slot} said to be lost in ballot {held[0]} at the least", f"in {ballot}")

    def _taken(self, member: int, event: Any) -> None:  # noqa: ANN401 (an event)
        key = encode(event)
        if member != self._came_from or not self._came[key]:
            raise Illegal("V1 every message was sent", f"a message of the frame that came from member {self._came_from}", shown(event))
        self._came[key] -= 1

    def _wanted(self, number: int, write: Any) -> None:  # noqa: ANN401 (a generated module's write)
        field = write[0]
        if field == core.F_ACC:
            _, slot, ballot, value = write
            self._cell.accepted(slot, ballot, value)
            self._unwritten.append((number, (int(RecordKind.ACCEPT), slot, ballot, value)))
            self._newest = max(self._newest, ballot)
        elif field == core.F_FAULTY:
            if write[1] > self._core.chosen:
                self._unwritten.append((number, (int(RecordKind.FAULT), write[1], write[2], b"")))
        elif field == core.F_TRUNCATED:
            if write[1] > self._disk.snapshot:
                expected = f"nothing truncated above slot {self._disk.snapshot}, behind which a snapshot is durable"
                raise Illegal("V3 truncated behind a snapshot", expected, f"through slot {write[1]}")
            self._unwritten.append((number, (int(RecordKind.TRUNCATE), write[1], *self._governing(write[1]))))

    def _sends(self, number: int, to: int, message: Any) -> None:  # noqa: ANN401 (an event)
        tag = message[0]
        if tag == core.LEARN:  # whoever recovers a configuration says so before it leads
            self._led[message[1]] = message[3]
        if tag in {core.LEARN, core.CHOSEN}:
            return
        key = encode(message)
        self._sent.setdefault(key, []).append(Sent(number, to, self._core.promised, self._core.longest))
        if tag == core.ACCEPT:
            proposed = self._proposed
            proposed.append((message[3], key))
            while proposed[0][0] < self._core.chosen - _KEPT_SLOTS:
                self._sent.pop(proposed.popleft()[1], None)

    # -- what leaves -----------------------------------------------------------------------------------------------------

    def _leaves(self, members: list[int], message: Any) -> None:  # noqa: ANN401 (an event)
        tag = message[0]
        if tag in _SPOKEN:
            self._cell.speaks(message[1], (self.me, self.start.boot, self.start.nonce))
            self._claimed(message)
        if tag == core.LEARN:
            known = self._led.get(message[1], -1)
            if message[3] > known:
                raise Illegal("V3 what leaves is true", f"nothing above slot {known} called chosen in ballot {message[1]}", shown(message))
        elif tag == core.CHOSEN:
            _, slot, ballot, value = message
            if slot <= self._core.truncated:
                self._cell.believed(slot, ballot, value)
            elif slot > self._core.chosen or self._core.acc.get(slot) != (ballot, value):
                raise Illegal("V3 what leaves is true", f"a chosen value as accepted here: {self._core.acc.get(slot)}", shown(message))
        elif tag == BOOTED and message[1]:
            boots = self._disk.boots
            for member, boot, *_ in message[3]:
                if boots is not None and boot == message[1] and boots.get(member, (0, 0))[0] < boot:
                    expected = f"boot {boot} of member {member} durable before it is confirmed"
                    raise Illegal("V3 persist, then say", expected, f"boot {boots.get(member, (0, 0))[0]} durable")
        elif tag in core.MESSAGES:
            sent = self._provenance(message)
            if members != [sent.to] if sent.to else self.me in members:
                raise Illegal("V3 what leaves was sent", f"{shown(message)} to {sent.to or 'all others'}", f"to {members}")
            self._waited(message, sent)

    def _leave_to_myself(self, event: Any) -> None:  # noqa: ANN401 (an event)
        sent = self._provenance(event)
        if sent.to != self.me:
            raise Illegal("V3 what leaves was sent", f"{shown(event)} to {sent.to or 'all others'}", "to this member itself")
        self._waited(event, sent)

    def _provenance(self, message: Any) -> Sent:  # noqa: ANN401 (an event)
        key = encode(message)
        sent = self._sent.get(key)
        if sent is None:
            raise Illegal("V3 what leaves was sent", "only messages that a step sent", shown(message))
        if message[0] in _REPEATED:
            return sent[0]
        first = sent.pop(0)
        if not sent:
            del self._sent[key]
        return first

    def _claimed(self, message: Any) -> None:  # noqa: ANN401 (an event)
        """The second class: the ballot is durably claimed."""
        disk = self._disk
        if disk.boot != self.start.boot or disk.copied < message[1]:
            expected = f"boot {self.start.boot} and the claim of ballot {message[1]} durable before it leaves"
            raise Illegal("V3 persist, then say", expected, f"{shown(message)} with boot {disk.boot}, ballot {disk.copied} durable")

    def _waited(self, message: Any, sent: Sent) -> None:  # noqa: ANN401 (an event)
        """The first class: every record up to those of its own step is durable."""
        if message[0] not in core.AFTER:
            return
        disk = self._disk
        if disk.boot != self.start.boot or disk.copied < sent.promised or disk.longest < sent.longest:
            expected = f"boot {self.start.boot}, promise {sent.promised} and longest term {sent.longest} ns durable before it leaves"
            found = f"{shown(message)} with boot {disk.boot}, promise {disk.copied}, longest term {disk.longest} ns durable"
            raise Illegal("V3 persist, then say", expected, found)
        waits = min(self._flying[0] if self._flying else FAR, self._unwritten[0][0] if self._unwritten else FAR)
        if waits <= sent.step:
            raise Illegal("V3 persist, then say", f"the records of step {waits} durable before it leaves", shown(message))
        if message[0] == core.ACCEPTED and message[3] > disk.chosen + core.WINDOW:
            expected = f"a vote for no slot above {disk.chosen + core.WINDOW}: a start would not report it"
            raise Illegal("V3 persist, then say", expected, shown(message))

    # -- the disk --------------------------------------------------------------------------------------------------------

    def _handed(self, batch: Handed) -> None:
        participant = self._core
        if not self._has_written and ("sync directory", "wal") not in batch.operations:
            # A process that was killed right after it made a segment left a name that only the cache knows.
            raise Illegal("V3 persist, then say", "the names that a start finds synced in its first batch", f"{batch.operations}")
        self._has_written = True
        self._disk.hand(batch)
        newest = max(participant.promised, self._newest)  # what was learned counts: log/steps.py
        if batch.copies is not None and batch.copies != (newest, participant.longest, self.start.boot, self.start.nonce):
            expected = f"copies of promise {newest}, longest term {participant.longest} ns, boot {self.start.boot}"
            raise Illegal("V3 what is written", expected, f"{batch.copies}")
        if batch.state is not None:
            self._opens(batch)
        for record in batch.records:
            kind, slot, _, _ = record
            if self._unwritten and self._unwritten[0][1] == record:
                self._cut = slot if kind == RecordKind.TRUNCATE else self._cut
                self._flying.append(self._unwritten.popleft()[0])
            elif kind == RecordKind.CHOSEN:
                if slot > participant.chosen:
                    raise Illegal("V3 what is written", f"a mark of at most slot {participant.chosen}", f"one of slot {slot}")
            elif kind not in _BESIDE and not self._is_again(record):
                expected = _record(*self._unwritten[0][1]) if self._unwritten else "only records that a step wanted"
                raise Illegal("V3 what is written", expected, _record(*record))

    def _is_again(self, record: tuple[int, int, int, bytes]) -> bool:
        """Whether what the core holds is written once more: what proves it durable may be torn, or is damaged."""
        kind, slot, ballot, value = record
        participant = self._core
        if kind == RecordKind.ACCEPT:
            if (slot, ballot, value) in self._found:
                return True
            return bool(participant.acc.get(slot) == (ballot, value)) and not any(wanted[1] == slot for _, wanted in self._unwritten)
        if kind == RecordKind.TRUNCATE:
            return slot == self._cut and (ballot, value) == self._governing(slot, (ballot, value))
        return kind == RecordKind.FAULT and bool(participant.faulty.get(slot) == ballot)

    def _opens(self, batch: Handed) -> None:
        """A full state record claims as chosen only what is durably marked, and holds everything above."""
        assert batch.state is not None
        participant = self._core
        mark = batch.state[2]
        slots = range(mark + 1, participant.chosen + core.WINDOW + 1)
        above = [(slot, *participant.acc[slot]) for slot in slots if slot in participant.acc]
        expected = (
            max(participant.promised, self._newest),
            participant.longest,
            min(mark, self._disk.chosen),
            participant.truncated,
            above,
            self._governing(mark, batch.state[5]),
        )
        if batch.state != expected:
            raise Illegal("V3 what is written", f"the state {expected[:4]} in a state record", f"{batch.state[:4]}")

    def _done(self) -> None:
        batch = self._disk.done()
        self._flying.clear()
        for kind, slot, ballot, value in batch.records:
            if kind == RecordKind.ACCEPT:
                self._cell.durable(self.me, slot, ballot, value)


def _event(raw: Any) -> Any:  # noqa: ANN401 (from a decoder to the generated code)
    """An event as the core takes it: tuples all the way."""
    return tuple(
        {key: tuple(item) if isinstance(item, list) else item for key, item in field.items()} if isinstance(field, dict) else field
        for field in raw
    )


def _state(numbers: list[int], which: list[int]) -> str:
    """Some of the state's numbers; a map stands as the sum of its keys and numbers."""
    return ", ".join(f"{FIELDS[index]} {numbers[index]}" for index in which if index < len(numbers))


def _fired(fired: bool) -> str:
    return "a rule carried out" if fired else "no rule carried out"


def _record(kind: int, slot: int, ballot: int, value: bytes) -> str:
    return f"record of kind {kind} slot {slot} ballot {ballot} {value.hex()[:8]}"
