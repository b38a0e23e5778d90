"""Bugs about records that rotted.  [PML §5.1; SAFETY 6, 7, 15]"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gaios.backup import history
from gaios.log import Recovered
from gaios.log.damage import _Hole
from gaios.log.steps import Steps
from gaios.server import damage
from gaios.sim.faults import MS, S
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.sim.plan import Plan
from gaios.storage import Damage, Piece, Place, journal, scan, scrub, segment
from gaios.storage.prefix import Hole
from gaios.storage.segment import SEGMENT_BYTES_MAX
from gaios.storage.tail import written

_CAUGHT_BY = ("persist, then say", "agreement", "durability", "no replica stops by itself", "liveness")


def _takes_for_absent(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What cannot be read was never there: a promise says nothing of it."""
    del sound

    def know_damage(self: Steps, waiting: Any, faulty: Any, now: int) -> None:
        del self, waiting, faulty, now

    return know_damage


def _cuts(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Where the log cannot be read it ends, as after an unfinished write; its first segment it has."""
    return lambda self, fault, data, tail, index: index == 0 and sound(self, fault, data, tail, index)


def _leaves_alone(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A state record repeats the value, and a start knows it: its own record is not missed."""

    def recover_damaged(*arguments: Any, **named: Any) -> Recovered:
        found: Recovered = sound(*arguments, **named)
        found.alone = set()
        return found

    return recover_damaged


def _forgets_repairs(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What stands where nothing can be read is of the slots that were voted for around there, and not what repair wrote anew."""
    return lambda self, found, again: sound(self, found, set())


def _ends_with_a_piece(sound: Callable[..., Any]) -> Callable[..., Any]:
    """So much is read, and no record is as long: what does not stand behind one that is has rotted."""
    return lambda self, read, used: read == self._piece_bytes and sound(self, read, used)


def _through_what_stands_there(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: damage at a segment's end goes as far as there is anything but zeros, so that zeros have no bytes of their own."""

    def note(self: scan._Scanner, damage: Damage, **named: Any) -> None:
        if damage.end == SEGMENT_BYTES_MAX and damage.segment in self.numbers:
            file = segment.name(damage.segment)
            end = 0 if damage.kind == "missing" else written(self.reader.read(file, 0, self.reader.size(file)))
            damage = damage._replace(end=max(damage.start, end))
        sound(self, damage, **named)

    return note


def _scrubs_what_stands_there(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The scrub had it, too."""

    def skip(self: scrub._Walk, start: int, *, must_go_on: bool) -> Piece | None:
        piece: Piece | None = sound(self, start, must_go_on=must_go_on)
        if piece is None or not isinstance(piece.damage, Place) or piece.damage.end < SEGMENT_BYTES_MAX:
            return piece
        end = written(self._reader.read(segment.name(piece.damage.segment), 0, self._size))
        return piece._replace(damage=piece.damage._replace(end=max(piece.damage.start, end)))

    return skip


def _covers_nothing(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What has no bytes lies within whatever ends there."""
    del sound
    return lambda self, other: self.segment == other.segment and self.start <= other.start and other.end <= self.end


def _tells_what_a_header_tells(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it, of lost files and of damage right behind other damage: where no header tells what stood there, no hole is told."""
    return lambda reader, holes: (each for each in sound(reader, holes) if not isinstance(each, Hole) or each.record is not None)


def _of_lost_files(plan: Plan) -> Plan:
    """Files of small segments are lost while their replica is down; their slots are truncated later."""
    rot = scenario("rot")(plan)
    disk, process = replace(rot.faults.disk, rot_far=1.0), replace(rot.faults.process, crash_every_ns=500 * MS)
    faults = replace(rot.faults, disk=disk, process=process)
    return replace(rot, faults=faults, operations=300, safety_ns=8 * S, segment_bytes=2_048)


def _of_zeros(plan: Plan) -> Plan:
    """Ends and blocks of segments read as zeros, and what lies still is read again."""
    contested = _of_contested_slots(plan)
    disk = replace(contested.faults.disk, rot_over=1.0, rot_far=0.9)
    options = replace(contested.options, snapshot_slots=1 << 30, snapshot_bytes=1 << 40)
    limits = replace(contested.limits, scrub_every_ms=300)
    return replace(contested, faults=replace(contested.faults, disk=disk), options=options, limits=limits, segment_bytes=8_192)


def _of_long_records(plan: Plan) -> Plan:
    """Nothing rots, and what lies still is read again all the time, in pieces of which a record may be several."""
    large = scenario("large-batches")(plan)
    return replace(large, limits=replace(large.limits, scrub_every_ms=200, scrub_piece_bytes=4_096))


def _of_contested_slots(plan: Plan) -> Plan:
    """Other values were voted for in older ballots, and the newest records of such slots rot, repaired ones again."""
    contested = scenario("contested")(plan)
    disk = replace(contested.faults.disk, rot_every_ns=5 * MS, rot_over=0.9)
    options = replace(contested.options, mark_ms=20)
    faults = replace(contested.faults, disk=disk)
    return replace(contested, faults=faults, options=options, operations=150, safety_ns=5 * S, segment_bytes=4 << 20)


def _of_short_segments(plan: Plan) -> Plan:
    """Many state records, each with a value or two whose own record stands beside it."""
    return replace(scenario("rot")(plan), segment_bytes=2_048)


EXHIBITS = [
    Exhibit(
        "a damaged record is reported as absent",
        "log",
        "SAFETY 6",
        method(Steps, "know_damage", _takes_for_absent),
        _CAUGHT_BY,
        scenario("rot"),
    ),
    Exhibit(
        "the log is cut at the damage",
        "storage",
        "SAFETY 7",
        method(scan._Scanner, "_is_damage", _cuts),
        _CAUGHT_BY,
        scenario("rot"),
    ),
    Exhibit(
        "what cannot be read is taken for none of the values that repair wrote anew",
        "log",
        "SAFETY 6, 15",
        method(_Hole, "about", _forgets_repairs),
        _CAUGHT_BY,
        _of_contested_slots,
    ),
    Exhibit(
        "a value whose record rotted is left in a state record alone",
        "log",
        "SAFETY 15",
        method(damage, "recover_damaged", _leaves_alone),
        _CAUGHT_BY,
        _of_short_segments,
    ),
    Exhibit(
        "what stands behind a record as long as a piece is called damaged",
        "storage",
        "SAFETY 15",
        method(scrub._Walk, "_is_all", _ends_with_a_piece),
        ("damage is where it is found",),
        _of_long_records,
    ),
    Exhibit(
        "damage at a segment's end does not go through it",
        "storage",
        "SAFETY 7, 15",
        together(
            method(scan._Scanner, "_note", _through_what_stands_there),
            method(scrub._Walk, "_skip", _scrubs_what_stands_there),
            method(Place, "covers", _covers_nothing),
        ),
        ("damage is where it is found", *_CAUGHT_BY),
        _of_zeros,
    ),
    Exhibit(
        "a segment whose file was lost is removed once more",
        "storage",
        "SAFETY 15",
        method(journal, "absent", lambda sound: lambda found: set()),
        ("no replica stops by itself",),
        _of_lost_files,
    ),
    Exhibit(
        "whoever reads a log offline is told of damaged records with a header alone",
        "storage",
        "SAFETY 15",
        method(history, "records_across", _tells_what_a_header_tells),
        ("a log is read as it was",),
        _of_contested_slots,
    ),
]
