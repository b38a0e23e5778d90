"""The beginning of a directory's log, read while a replica may be writing to its end: nothing is locked, judged or changed.

Rule 1. Records are given out from the first segment on, for as long as an intact one follows the one before. A record says where it stands,
covers the one before it and has a number one higher, so what is given out was written in this order, whole, with nothing between.
Rule 2. What stands behind that is somebody else's question: a write that is under way, an unfinished one, or damage. `verify` tells.
Rule 3. What was given out may not be durable: it may be in the system's cache only. So it proves what somebody *knew*, as a mark that a
slot is chosen does; it proves nothing of what this replica may say.
Rule 4. Damage that was repaired stays where it is: who knows of it (`survey`) goes on behind it, as a start does, and finds a hole there.
Rule 5. What repair wrote anew stands far behind. Where other damage, not repaired, stands between, it is not read: the first is a hole for
nobody then, for what was read before it may be an older value than what stood there. The log ends at it.  [SAFETY 15]
"""

from collections.abc import Iterator
from typing import NamedTuple

from gaios.storage import record, segment
from gaios.storage.copies import Pin
from gaios.storage.patient import Patient
from gaios.storage.record import MARK, REPAIR, Header
from gaios.storage.scan import scan
from gaios.storage.tail import Tail, fault_of_opening, walk
from gaios.storage.verify import owner
from gaios.storage.words import Damage, Place, Problem, Reader, Record


class Hole(NamedTuple):
    """Stands among the records for damage that was repaired, or that hides none."""

    record: Record | None
    """What an intact header tells of the one record that stood there; None: any may have."""


class Survey(NamedTuple):
    """What a start would make of a log."""

    holes: dict[tuple[int, int], Damage]
    """Damage that was repaired before the log ends, or hides nothing; by segment and first byte."""
    broken: Problem | None
    """The first damage that was not. It may be none: where the writer was quicker than the reader another look tells."""
    records: int
    """Intact ones, without marks."""


def survey(reader: Reader) -> Survey:
    """Read a log as a start does, for what is damaged in it."""
    reader = Patient(reader)
    identity, numbers = owner(reader), segment.numbers(reader.names())
    if identity is None or not numbers:
        return Survey({}, None, 0)
    count, repairs = 0, list[tuple[tuple[int, int], list[Place]]]()

    def note(header: Header, payload: bytes) -> None:
        nonlocal count
        count += header.kind != MARK
        if header.kind == REPAIR:
            repairs.append(((header.segment, header.offset), record.decode_places(payload)))

    found = scan(reader, numbers, identity, Pin(0, numbers[0], 0), note)
    harmful = [each for each in found.damaged if each.lost]
    first = bad = next((each for each in harmful if not each.is_repaired), None)
    while bad is not None:
        read = [place for at, places in repairs if at < (bad.segment, bad.start) for place in places]
        before = harmful[: harmful.index(bad)]
        earlier = next((each for each in before if not any(place.covers(each.place) for place in read)), None)
        if earlier is None:
            break
        bad = earlier
    end = _problem(bad) if bad is not None else None
    if first is not None and bad is not None and bad is not first:
        other = f"{segment.name(first.segment)}, byte {first.start}: {first.detail}"
        end = _problem(bad, f"; what was written anew for it stands behind damage that was not repaired yet, in {other}")
    holes = {(each.segment, each.start): each for each in found.damaged if each.is_repaired or not each.lost}
    if bad is not None:
        holes = {at: each for at, each in holes.items() if at < (bad.segment, bad.start)}
    return Survey(holes, found.fatal or end, count)


def _problem(damage: Damage, more: str = "") -> Problem:
    return Problem(segment.name(damage.segment), damage.start, damage.kind, damage.detail + more)


def records_across(reader: Reader, holes: dict[tuple[int, int], Damage]) -> Iterator[Record | Hole]:
    """The log's records in order, without marks, and a `Hole` where damage stands that `survey` found to be repaired or to hide nothing.

    None where nothing intact tells whose directory it is; they end where anything else cannot be read.
    """
    reader = Patient(reader)
    identity = owner(reader)
    if identity is None:
        return
    crc_seed = record.seed(identity)
    tail, is_torn, numbers = Tail(), False, segment.numbers(reader.names())
    for number in numbers:
        file = segment.name(number)
        data = reader.read(file, 0, reader.size(file))
        opening = segment.decode(data)
        fault = fault_of_opening(file, number, data, tail, identity)
        gone = number - 1
        while (gone, 0) in holes and gone not in numbers:
            yield Hole(None)
            gone -= 1
        is_torn = is_torn or (number - 1, 0) in holes
        if (number, 0) in holes:
            tail.segment, tail.offset = number, 0
        elif opening is not None and (fault is None or (is_torn and fault.problem.kind == "missing")):
            tail.enter(opening)
        else:
            return
        is_torn = False
        while not is_torn:
            if tail.offset:
                for header, payload in walk(data, tail, crc_seed):
                    if header.kind != MARK:
                        yield Record(header.kind, header.slot, header.ballot, payload)
            if (hole := holes.get((number, tail.offset))) is None:
                break
            yield Hole(hole.record)
            while hole.end > hole.start and (beside := holes.get((number, hole.end))) is not None:
                hole = beside
                yield Hole(hole.record)
            behind = record.decode(data, hole.end, crc_seed) if hole.end > hole.start else None
            if behind is not None and (behind.segment, behind.offset) == (number, hole.end):
                tail.jump(behind)
            else:
                is_torn = True
