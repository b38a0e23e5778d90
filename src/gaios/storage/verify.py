"""A directory checked offline, to its end: every problem is named, where a start stops at the first.  [INTERFACE `verify`]"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from gaios.storage import copies as promise
from gaios.storage import record, segment, snapshot
from gaios.storage.copies import NO_PIN, Copy
from gaios.storage.record import Header
from gaios.storage.scan import Tail, fault_of_opening, fault_of_record, missing, scan, walk
from gaios.storage.words import Identity, Problem, Reader


class Finding(NamedTuple):
    """A problem, and whose."""

    replica: int
    """0 where the directory's name does not tell."""
    file: str
    offset: int
    kind: str
    detail: str

    @property
    def ok(self) -> bool:
        """Is it only an unfinished tail?"""
        return self.kind == "tail"


def verify(reader: Reader) -> list[Problem]:
    """All that is wrong with a directory; an unfinished write has kind `tail` and is no damage."""
    names = reader.names()
    loaded = promise.load(reader, names)
    problems = [found for found in loaded if isinstance(found, Problem)]
    intact = [found for found in loaded if isinstance(found, Copy)]
    if contradiction := promise.contradiction(intact):
        problems.append(contradiction)
    newest = max(intact, key=lambda copy: copy.generation, default=None)
    known = promise.pin(newest) if newest is not None else NO_PIN
    numbers = [number for number in segment.numbers(names) if number >= known.first]
    complete = True
    expected = list(numbers)
    while absent := missing(expected, known):
        complete = False
        problems.append(Problem(absent, 0, "missing", "the file is not there"))
        expected = sorted([*expected, segment.number(absent)])
    identity = _owner(reader, newest, numbers)
    problems += snapshot.check(reader, None if identity is None else identity.cell)
    if identity is None:
        return problems + [Problem(segment.name(number), 0, "opening", "no intact opening block stands at the start") for number in numbers]
    if not complete:
        return problems + list(_all(reader, numbers, identity))
    found = scan(reader, numbers, identity, known)
    if found.cut is not None:
        problems.append(found.cut)
    if found.damage is None:
        return problems
    further = [problem for problem in _all(reader, numbers, identity) if problem[:2] != found.damage[:2]]
    return [*problems, found.damage, *further]


def owner(reader: Reader) -> Identity | None:
    """Whose directory it is, by what its files say; `boot` is 0. None if none of them is intact."""
    names = reader.names()
    intact = [found for found in promise.load(reader, names) if isinstance(found, Copy)]
    return _owner(reader, max(intact, key=lambda copy: copy.generation, default=None), segment.numbers(names))


def _owner(reader: Reader, newest: Copy | None, numbers: list[int]) -> Identity | None:
    """Whose directory it is: by its copies, or else by its first intact segment."""
    if newest is not None:
        return Identity(newest.cell, newest.member, 0)
    for number in numbers:
        opening = segment.decode(reader.read(segment.name(number), 0, segment.OPENING_BYTES))
        if opening is not None:
            return Identity(opening.cell, opening.member, 0)
    return None


def _all(reader: Reader, numbers: list[int], identity: Identity) -> Iterator[Problem]:
    """Every break in the log, going on behind each with the next record that is intact."""
    crc_seed = record.seed(identity)
    tail = Tail()
    for number in numbers:
        file = segment.name(number)
        data = reader.read(file, 0, reader.size(file))
        last = number == numbers[-1]
        before = tail if number == tail.segment + 1 else Tail()
        fault = fault_of_opening(file, number, data, before, identity)
        tail = replace(before)
        opening = segment.decode(data)
        if opening is not None and opening.segment == number:
            tail.enter(opening)
        while True:
            if fault is None:
                for _ in walk(data, tail, crc_seed):
                    pass
                fault = fault_of_record(file, data, tail, crc_seed)
            if not data[fault.problem.offset :].rstrip(b"\0"):
                break
            behind = record.candidates(data, fault.resume, crc_seed, number)
            unfinished = last and not fault.certain and all(header.batch <= tail.next_batch for header in behind)
            yield fault.problem._replace(kind="tail") if unfinished else fault.problem
            if unfinished or not behind:
                break
            _jump(tail, behind[0])
            fault = None
        tail.segment = number


def _jump(tail: Tail, header: Header) -> None:
    """Go to where a record stands, as if all before it were there."""
    tail.segment, tail.offset, tail.sequence, tail.chain = header.segment, header.offset, header.sequence - 1, header.previous
    tail.batch, tail.open = header.batch, True
