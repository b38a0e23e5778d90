"""The beginning of a directory's log, read while a replica may be writing to its end: nothing is locked, judged or changed.

Rule 1. Records are given out from the first segment on, for as long as an intact one follows the one before. A record says where it stands,
covers the one before it and has a number one higher, so what is given out was written in this order, whole, with nothing between.
Rule 2. What stands behind that is somebody else's question: a write that is under way, an unfinished one, or damage. `verify` tells.
Rule 3. What was given out may not be durable: it may be in the system's cache only. So it proves what somebody *knew*, as a mark that a
slot is chosen does; it proves nothing of what this replica may say.
Rule 4. Damage that was repaired stays where it is: who knows of it (`survey`) goes on behind it, as a start does, and finds a hole there.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gaios.storage import record, segment
from gaios.storage.copies import Pin
from gaios.storage.patient import Patient
from gaios.storage.record import MARK, Header
from gaios.storage.scan import scan
from gaios.storage.tail import Tail, fault_of_opening, walk
from gaios.storage.verify import owner
from gaios.storage.words import Damage, Problem, Reader, Record


class Hole(NamedTuple):
    """Stands among the records for damage that was repaired, or that hides none."""

    record: Record | None
    """What an intact header tells of the one record that stood there; None: any may have."""


class Survey(NamedTuple):
    """What a start would make of a log."""

    holes: dict[tuple[int, int], Damage]
    """Damage that was repaired, or hides nothing; by segment and first byte."""
    broken: Problem | None
    """The first damage that was not repaired. It may be none: where the writer was quicker than the reader another look tells."""
    records: int
    """Intact ones, without marks."""


def survey(reader: Reader) -> Survey:
    """Read a log as a start does, for what is damaged in it."""
    reader = Patient(reader)
    identity, numbers = owner(reader), segment.numbers(reader.names())
    if identity is None or not numbers:
        return Survey({}, None, 0)
    count = 0

    def note(header: Header, _payload: bytes) -> None:
        nonlocal count
        count += header.kind != MARK

    found = scan(reader, numbers, identity, Pin(0, numbers[0], 0), note)
    bad = next((each for each in found.damaged if each.lost and not each.is_repaired), None)
    first = Problem(segment.name(bad.segment), bad.start, bad.kind, bad.detail) if bad is not None else None
    holes = {(each.segment, each.start): each for each in found.damaged if each.is_repaired or not each.lost}
    return Survey(holes, found.fatal or first, count)


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
