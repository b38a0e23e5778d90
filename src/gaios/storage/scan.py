"""What the log of a directory holds, where it ends, and whether what stands behind its end is an unfinished write.  [SAFETY 7]

Rule 1. The log is read from its first segment on; where no intact next record stands, it ends, or something is damaged.
Rule 2. What stands from there on belongs to batch b = `Tail.next_batch`, or to later ones. Batch b+1 was written after batch b was
synced. So if an intact header of a batch above b is found anywhere behind, or a promise copy says that b was synced, something that
was durable is not there any more: *damage*, which is never cut. Otherwise it is an unfinished write, which nobody was told of: *tail*.
Rule 3. Behind damage the log goes on with the next intact record. The damage is one record, if its header is intact but for a bit, and
else as many as the numbers of its neighbours tell. If nothing intact follows, or what is there was never ours, a start refuses the log.
Rule 4. Damage behind which its segment has nothing intact goes through the segment's end, whatever stands there: what was lost may be zeros
now. Were its place shorter, a record that repaired something beside it would pass for its own. So is the end of a segment behind which
no intact opening block tells where it was: what is lost of it may be zeros, and is counted with what stood behind.
Rule 5. What the disk does not give back is damage, and never an unfinished write; nor is what rotted before it, for what would prove that
it was synced may stand there. Where it makes the log refused, the disk failed.

One case remains that nobody can tell from this directory alone: the last batch was synced, no mark of it reached the disk, and then
it rotted. It is cut, and the replica's log ends before what its peers remember of its acknowledgements.  [SAFETY 3]
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gaios.storage import record, segment
from gaios.storage.copies import NO_PIN, Pin
from gaios.storage.patient import Patient
from gaios.storage.record import HEADER_BYTES, REPAIR, Header
from gaios.storage.segment import OPENING_BYTES, SEGMENT_BYTES_MAX
from gaios.storage.tail import Fault, Tail, fault_of_opening, fault_of_record, walk, written
from gaios.storage.words import UNREADABLE, Damage, Identity, Place, Problem, Reader, Record

Visit = Callable[[Header, bytes], None]
"""Told of an intact record: header, payload."""
_REFUSED = frozenset({"cell", "version", "order"})
"""Kinds of faults that no rot leaves behind: another's directory, a newer version, our own mistake."""


class Segment(NamedTuple):
    """A segment that holds a part of the log."""

    file: str
    size: int
    """In bytes."""
    end: int
    """Behind its last record."""


@dataclass(slots=True)
class Scan:
    """What `scan` found."""

    tail: Tail = field(default_factory=Tail)
    segments: list[Segment] = field(default_factory=list)
    """Those that hold records, in order."""
    dropped: list[str] = field(default_factory=list)
    """Files behind the end: prepared and never begun, or cut as a whole."""
    cut: Problem | None = None
    """The unfinished write, if there is one."""
    fatal: Problem | None = None
    """Damage of which nobody can tell what it hides: a start refuses the log."""
    damaged: list[Damage] = field(default_factory=list)
    """Damage that a start can go on from, in order: what it hides is known, or bounded by what stands around it; repaired or not."""
    rest: int = 0
    """Where, in the last segment, zeros begin that go on to its end: behind its last record, or behind what of a cut write stands there."""


def scan(
    reader: Reader,
    numbers: list[int],
    identity: Identity,
    known: Pin = NO_PIN,
    visit: Visit | None = None,
    position: Callable[[], int] = lambda: 0,
) -> Scan:
    """Read these segments, whole.

    Args:
        reader: The directory.
        numbers: Of the segments that are there, in order.
        identity: Whose log it should be.
        known: What the log holds for certain.
        visit: Called with each intact record's header and payload, in order.
        position: What a damage's `at` is to be, at this moment.
    """
    return _Scanner(reader, numbers, identity, known, visit, position).run()


class _Scanner:
    """One reading of a log, from its first segment to where it ends or cannot be followed."""

    def __init__(
        self, reader: Reader, numbers: list[int], identity: Identity, known: Pin, visit: Visit | None, position: Callable[[], int]
    ) -> None:
        self.reader, self.numbers, self.identity, self.known = Patient(reader), numbers, identity, known
        self.visit, self.position = visit, position
        self.crc_seed = record.seed(identity)
        self.found = Scan()
        self.open: list[int] = []
        """Indexes into `found.damaged` of those that no intact record follows yet: until one does, nobody can tell how much they hide."""
        self.counted = 0
        """How many of `found.damaged`, from the first on, have their number of hidden records: a later record's number told it."""
        self.reason = ""
        """Why the fault that was judged last is damage, for its detail."""
        self.replaced: list[Place] = []
        """What `REPAIR` records name."""

    def run(self) -> Scan:
        """Read the log, and tell which damage was repaired."""
        self._read()
        for index, damage in enumerate(self.found.damaged):
            is_repaired = any(place.covers(damage.place) for place in self.replaced)
            kind = UNREADABLE if self.reader.misses(segment.name(damage.segment), damage.start, damage.end) else damage.kind
            self.found.damaged[index] = damage._replace(is_repaired=is_repaired, kind=kind)
        fatal = self.found.fatal
        if fatal is not None and fatal.kind not in _REFUSED and self.reader.gaps:
            self.found.fatal = fatal._replace(kind=UNREADABLE, detail=f"{fatal.detail}; the disk does not give back {self._gaps()}")
        return self.found

    def _gaps(self) -> str:
        """What could not be read, for people."""
        return ", ".join(f"bytes {start} to {end} of {file}" for file, gaps in self.reader.gaps.items() for start, end in gaps[:1])

    def _read(self) -> None:
        """Read all segments, or until the log ends."""
        previous = self.known.first - 1
        for index, number in enumerate(self.numbers):
            for absent in range(previous + 1, number):
                self._note_end()
                self._note(Damage(absent, 0, SEGMENT_BYTES_MAX, "missing", "the file is not there", self.position()), is_open=True)
            previous = number
            if not self._segment(index, number):
                return
        tail = self.found.tail
        self.found.rest = max(self.found.rest, tail.offset)
        if self.open:
            self._give_up()
        elif self.known.batch >= tail.next_batch:
            detail = f"the log ends with batch {tail.batch}, but the promise copies say that batch {self.known.batch} was synced"
            self.found.fatal = Problem(segment.name(tail.segment or self.known.first), tail.offset, "lost", detail)

    def _segment(self, index: int, number: int) -> bool:
        """Read one segment; whether the log may go on in the next."""
        found, file = self.found, segment.name(number)
        data = self.reader.read(file, 0, self.reader.size(file))
        inside = replace(found.tail)
        fault = fault_of_opening(file, number, data, found.tail, self.identity)
        if fault is not None:
            fault = self._weigh(fault, OPENING_BYTES)
        if fault is None:
            opening = segment.decode(data)
            assert opening is not None
            self._count(opening.sequence - found.tail.sequence)
            inside.enter(opening)
        elif not self._is_damage(fault, data, found.tail, index):
            return self._end(fault, data, index)
        elif not self._enter(fault, data, inside, index):
            return found.fatal is None
        end = written(data)
        while True:
            start = inside.offset
            for header, payload in walk(data, inside, self.crc_seed):
                if header.kind == REPAIR:
                    self.replaced += record.decode_places(payload)
                if self.visit is not None:
                    self.visit(header, payload)
            if inside.offset > start:
                self.open.clear()
            stands = record.decode(data, inside.offset, self.crc_seed)
            size = record.size(stands.length) if stands is not None else HEADER_BYTES
            fault = self._weigh(fault_of_record(file, data, inside, self.crc_seed), size)
            nothing = end <= inside.offset
            if nothing and inside.offset > OPENING_BYTES:
                break
            if not self._is_damage(fault, data, inside, index):
                if inside.offset == OPENING_BYTES:  # without its state record a segment is as good as not begun
                    return self._end(fault, data, index)
                found.tail = inside
                found.segments.append(Segment(file, len(data), inside.offset))
                return self._end(fault, data, index)
            if not self._skip(fault, data, inside):
                break
        if found.fatal is not None:
            return False
        found.tail = inside
        found.segments.append(Segment(file, len(data), inside.offset))
        return True

    def _enter(self, fault: Fault, data: bytes, inside: Tail, index: int) -> bool:
        """Go into a segment whose opening is at fault; False when nothing in it can be read."""
        number, problem, position = self.numbers[index], fault.problem, self.position()
        opening = segment.decode(data)
        if problem.kind in _REFUSED or (index + 1 == len(self.numbers) and problem.kind in {"size", "misdirected"}):
            self._refuse(problem)
            return False
        if problem.kind == "missing" and opening is not None:
            if not any(damage >= self.counted for damage in self.open):
                self._note_end(problem.detail)
            self._count(opening.sequence - inside.sequence)
            inside.enter(opening)
            return True
        behind = self._behind(data, 0, number, inside)
        end = behind.offset if behind is not None else SEGMENT_BYTES_MAX
        told = opening is not None and (opening.segment, opening.sequence, opening.chain) == (number, inside.sequence, inside.chain)
        if not told and (behind is None or behind.sequence > inside.sequence + 1):
            self._note_end()
        self._note(Damage(number, 0, end, problem.kind, self._detail(problem), position), is_open=True)
        if behind is None:
            return False
        self._count(behind.sequence - inside.sequence - 1)
        inside.jump(behind)
        return True

    def _skip(self, fault: Fault, data: bytes, inside: Tail) -> bool:
        """Go on behind damage; False when nothing more of this segment can be read."""
        problem, number = fault.problem, inside.segment
        if problem.kind in _REFUSED:
            self._refuse(problem)
            return False
        header = None
        if problem.kind == "payload":
            header = record.decode(data, inside.offset, self.crc_seed)
        elif problem.kind == "header":
            header = record.mended(data, inside.offset, self.crc_seed, number, inside.sequence + 1)
            if header is not None and inside.offset + record.size(header.length) > len(data):
                header = None
        if header is not None:
            end = inside.offset + record.size(header.length)
            identity = Record(header.kind, header.slot, header.ballot, b"")
            self._note(Damage(number, inside.offset, end, problem.kind, self._detail(problem), self.position(), identity))
            inside.advance(header)
            return True
        behind = self._behind(data, inside.offset, number, inside)
        end = behind.offset if behind is not None else SEGMENT_BYTES_MAX
        self._note(Damage(number, inside.offset, end, problem.kind, self._detail(problem), self.position()), is_open=True)
        if behind is None:
            return False
        self._count(behind.sequence - inside.sequence - 1)
        inside.jump(behind)
        return True

    def _behind(self, data: bytes, at: int, number: int, tail: Tail) -> Header | None:
        """The next intact record of this segment that may follow."""
        headers = record.following(data, at, self.crc_seed, number)
        plausible = (h for h in headers if h.sequence > tail.sequence and h.batch >= tail.batch and h.version == record.VERSION)
        return next(plausible, None)

    def _weigh(self, fault: Fault, size: int) -> Fault:
        """What the disk does not give back is no unfinished write; `size`: of what should stand there, in bytes."""
        is_missed = self.reader.misses(fault.problem.file, fault.problem.offset, fault.problem.offset + size)
        return fault._replace(certain=True) if is_missed else fault

    def _is_damage(self, fault: Fault, data: bytes, tail: Tail, index: int) -> bool:
        """Was something durable that is not there any more? Otherwise it is an unfinished write, or just the end."""
        evidence = self._evidence(fault, data, tail.next_batch, index)
        self.reason = ""
        if evidence:
            self.reason = f"; an intact record of batch {evidence} behind it proves that it was synced"
        elif self.known.batch >= tail.next_batch:
            ends = f"the log ends with batch {tail.batch}, but the promise copies say that batch {self.known.batch} was synced"
            self.reason = f"; {ends}"
        elif self._is_hidden(fault, data, index):
            self.reason = "; what may prove that it was synced cannot be read"
        return bool(self.reason) or fault.certain

    def _evidence(self, fault: Fault, data: bytes, batch: int, index: int) -> int:
        """A batch above this one of which something intact stands behind the fault; 0 if there is none."""
        number = self.numbers[index]
        found = next((header.batch for header in record.following(data, fault.resume, self.crc_seed, number) if header.batch > batch), 0)
        for later in self.numbers[index + 1 :]:
            if found:
                break
            file = segment.name(later)
            rest = self.reader.read(file, 0, self.reader.size(file))
            opening = segment.decode(rest)
            if opening is not None and opening.segment == later and opening.batch > batch:
                found = opening.batch
            else:
                found = next((header.batch for header in record.following(rest, 0, self.crc_seed, later) if header.batch > batch), 0)
        return found

    def _is_hidden(self, fault: Fault, data: bytes, index: int) -> bool:
        """Whether evidence may stand in what the disk does not give back: not where nothing was written before that, as behind an end."""
        at, gaps = fault.problem.offset, self.reader.gaps
        here = next((start for start, end in gaps.get(fault.problem.file, ()) if end > at), 0)
        if here:
            return written(data[at:here]) > 0
        return written(data[at:]) > 0 and any(segment.name(later) in gaps for later in self.numbers[index + 1 :])

    def _detail(self, problem: Problem) -> str:
        return problem.detail + (self.reason if problem.kind != "cell" else "")

    def _note_end(self, detail: str = "no intact opening block stands behind it, to tell with which record it ended") -> None:
        """The end of the segment before may be lost, too (rule 4)."""
        before = self.found.tail
        damage = Damage(before.segment, before.offset, SEGMENT_BYTES_MAX, "missing", detail, self.position())
        if before.segment and all(each.place != damage.place for each in self.found.damaged):
            self._note(damage, is_open=True)

    def _note(self, damage: Damage, *, is_open: bool = False) -> None:
        if is_open:
            self.open.append(len(self.found.damaged))
        self.found.damaged.append(damage)

    def _count(self, lost: int) -> None:
        """An intact record behind the newest damage tells by its number that so many are lost since the one before."""
        for index in self.open:
            if index >= self.counted:
                self.found.damaged[index] = self.found.damaged[index]._replace(lost=lost)
        self.counted = len(self.found.damaged)

    def _refuse(self, problem: Problem) -> None:
        self.found.fatal = problem._replace(detail=self._detail(problem))

    def _give_up(self) -> None:
        """The log ended with damage that nothing intact follows: how much is lost, nobody can tell."""
        worst = self.found.damaged[self.open[0]]
        self.found.fatal = Problem(segment.name(worst.segment), worst.start, worst.kind, worst.detail)

    def _end(self, fault: Fault, data: bytes, index: int) -> bool:
        """The log ends here: with an unfinished write, or with nothing."""
        found, tail, numbers = self.found, self.found.tail, self.numbers[index:]
        if self.open:
            self._give_up()
            return False
        here = bool(found.segments) and fault.problem.file == found.segments[-1].file
        found.dropped = [segment.name(number) for number in (numbers[1:] if here else numbers)]
        behind = written(data)
        found.rest = behind if here else tail.offset
        something = behind > (tail.offset if here else 0)
        for number in numbers[1:]:
            file = segment.name(number)
            something = something or written(self.reader.read(file, 0, self.reader.size(file))) > 0
        if something:
            found.cut = fault.problem._replace(kind="tail", detail=f"unfinished write: {fault.problem.detail}")
        return False


def missing(numbers: list[int], known: Pin) -> str:
    """The first segment that should be there and is not, as a file's name; empty when none is missing."""
    last = max(known.first, known.last, numbers[-1] if numbers else 0)
    present = frozenset(numbers)
    return next((segment.name(number) for number in range(known.first, last + 1) if number not in present), "")


def absent(found: Iterable[Damage | Problem]) -> set[int]:
    """The numbers of the segments whose files a start did not find."""
    return {each.segment for each in found if isinstance(each, Damage) and each[1:4] == (0, SEGMENT_BYTES_MAX, "missing")}
