"""A directory checked offline, to its end: every problem is named, where a start stops at the first.  [INTERFACE `verify`]"""

from typing import NamedTuple

from gaios.storage import copies as promise
from gaios.storage import segment, snapshot
from gaios.storage.copies import NO_PIN, Copy
from gaios.storage.patient import Patient
from gaios.storage.scan import missing, scan
from gaios.storage.words import UNREADABLE, Damage, Identity, Problem, Reader

NO_DAMAGE = frozenset({"tail", "repaired"})
"""Kinds of findings that leave a directory sound."""


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
        """Is it only an unfinished tail, or damage that was repaired?"""
        return self.kind in NO_DAMAGE


def verify(reader: Reader) -> list[Problem]:
    """All that is wrong with a directory; an unfinished write has kind `tail`, damage that was repaired `repaired`: neither is damage."""
    names = reader.names()
    loaded = promise.load(reader, names)
    intact = [found for found in loaded if isinstance(found, Copy)]
    problems = [_of_copies(found, bool(intact)) for found in loaded if isinstance(found, Problem)]
    if contradiction := promise.contradiction(intact):
        problems.append(contradiction)
    newest = max(intact, key=lambda copy: copy.generation, default=None)
    numbers = segment.numbers(names)
    # Without a copy nobody knows with which segment the log began: older ones were given up, for all that can be told.
    known = promise.pin(newest) if newest is not None else NO_PIN._replace(first=min(numbers, default=NO_PIN.first))
    numbers = [number for number in numbers if number >= known.first]
    if not numbers or numbers[-1] < known.last:
        first = missing(numbers, known)
        absent = range(segment.number(first), max(known.last, known.first) + 1)
        ends = [segment.name(number) for number in absent if number not in numbers]
        problems += [Problem(file, 0, "missing", "the file is not there") for file in ends]
    identity = _owner(Patient(reader), newest, numbers)
    problems += map(_of_snapshot, snapshot.check(reader, None if identity is None else identity.cell))
    if identity is None:
        return problems + [Problem(segment.name(number), 0, "opening", "no intact opening block stands at the start") for number in numbers]
    found = scan(reader, numbers, identity, known)
    if found.cut is not None:
        problems.append(found.cut)
    told = [_told(damage) for damage in found.damaged]
    if found.fatal is None:
        return problems + told
    return [*problems, *(problem for problem in told if problem[:2] != found.fatal[:2]), _fatal(found.fatal)]


def _of_copies(problem: Problem, other: bool) -> Problem:
    """Damage of a promise copy, and what becomes of it."""
    lost = "the disk failed, and a start says so" if problem.kind == UNREADABLE else "nothing mends it: this replica's state is lost"
    mends = "the next start writes it anew from the other copy" if other else lost
    return problem._replace(detail=f"{problem.detail}; {mends}")


def _of_snapshot(problem: Problem) -> Problem:
    """Damage of a snapshot, and what becomes of it."""
    mends = "a start passes it over for another one or for more of the log, and a replica that runs fetches it again from a peer"
    return problem._replace(detail=f"{problem.detail}; {mends}")


def _told(damage: Damage) -> Problem:
    """A damaged range of bytes, and what would repair it."""
    where = f"bytes {damage.start} to {damage.end}" if damage.end < segment.SEGMENT_BYTES_MAX else f"byte {damage.start} to the end"
    if damage.is_repaired:
        return Problem(segment.name(damage.segment), damage.start, "repaired", f"{where}: {damage.detail}; a later record replaces it")
    many = "one record is" if damage.lost == 1 else f"{damage.lost} records are"
    what = f"{many} lost" if damage.lost else "no record is lost"
    mends = (
        "a start fetches from its peers what of it is needed, and may not vote until it has that" if damage.lost else "it needs no repair"
    )
    return Problem(segment.name(damage.segment), damage.start, damage.kind, f"{where}: {damage.detail}; {what}; {mends}")


def _fatal(problem: Problem) -> Problem:
    """Damage that a start refuses."""
    mends = "nobody can tell what stood from here on: this replica's state is lost, and it comes back as a new member"
    if problem.kind == UNREADABLE:
        mends = "a start says that the disk failed: if it never gives this back, the replica comes back as a new member"
    return problem if problem.kind in {"cell", "version", "order"} else problem._replace(detail=f"{problem.detail}; {mends}")


def replica_of(name: str) -> int:
    """Whose directory it is, by its name; 0 where that does not tell."""
    digits = name.partition("-member-")[0].rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


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
