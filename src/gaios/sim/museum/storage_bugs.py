"""Bugs of storage: what is synced, and in which order."""

from collections.abc import Callable
from typing import Any

from gaios.log import Copies, RecordKind, encode
from gaios.log.boots import Boots
from gaios.log.records import State
from gaios.sim.museum.boot_bugs import looks_away, never_lost, recorded_anyway
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.storage import Identity, Journal, Record, create
from gaios.storage.spares import Spares
from gaios.storage.words import Operation, Sync, SyncDirectory, Write


def _unsynced(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The batch's last sync is left out."""

    def batch(*arguments: Any) -> list[Operation]:
        operations: list[Operation] = sound(*arguments)
        return operations[:-1] if operations and isinstance(operations[-1], Sync) else operations

    return batch


def _names_unsynced(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start trusts that the names it finds are durable. We had it: a killed process leaves names that only the page cache knows."""

    def open_(*arguments: Any, **named: Any) -> Any:
        journal, found = sound.__func__(Journal, *arguments, **named)  # type: ignore[attr-defined]
        found.operations[:] = [operation for operation in found.operations if not isinstance(operation, SyncDirectory)]
        return journal, found

    return staticmethod(open_)


def _creates(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A directory that is not there is made anew, empty, and its replica votes."""

    def open_(identity: Identity, reader: Any, **named: Any) -> Any:
        if not reader.names():
            state = Record(RecordKind.STATE, 0, 0, encode(State(0, 0, 0, 0, [])))
            for operation in create(identity, encode(Copies()), state, segment_bytes=named["segment_bytes"]):
                reader.execute(operation)
        return sound.__func__(Journal, identity, reader, **named)  # type: ignore[attr-defined]

    return staticmethod(open_)


def _believes_cache(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start closes the last batch without writing it again: what was read was there, after all."""

    def settle(self: Journal, reader: Any, found: Any) -> list[Operation]:
        write, sync = sound(self, reader, found)
        kept = found.segments[-1].end - found.tail.unproven
        return [Write(write.name, write.offset + kept, write.data[kept:]), sync]

    return settle


def _does_not_look(sound: Callable[..., Any]) -> Callable[..., Any]:
    """We had it: a batch may fill half of the segment that it opens, and have not renamed the spare one yet when the next is made."""

    def prepare(self: Spares, **named: Any) -> Any:
        self.carried_out()
        return sound(self, **named)

    return prepare


EXHIBITS = [
    Exhibit(
        "a directory that is missing is created empty",
        "storage",
        "SAFETY 2",
        together(
            method(Journal, "open", _creates), method(Boots, "hears", recorded_anyway), method(Boots, "_judge", never_lost), looks_away
        ),
        ("agreement", "durability"),
        scenario("lost-votes"),
    ),
    Exhibit(
        "a start believes the page cache",
        "storage",
        "SAFETY 7",
        method(Journal, "_settle", _believes_cache),
        ("damage is where it is found", "persist, then say", "agreement", "durability"),
        scenario("failing-disks"),
    ),
    Exhibit(
        "a start does not sync the names that it finds",
        "storage",
        "SAFETY 7",
        method(Journal, "open", _names_unsynced),
        ("no replica stops by itself",),
        scenario("killed-then-cut"),
    ),
    Exhibit(
        "a new segment's name is not synced",
        "storage",
        "SAFETY 15",
        method(Journal, "_begin_segment", lambda sound: lambda *arguments: (sound(*arguments)[0], [])),
        ("persist, then say", "no replica stops by itself"),
        scenario("power-cuts"),
    ),
    Exhibit(
        "records are not synced",
        "storage",
        "SAFETY 5",
        method(Journal, "batch", _unsynced),
        ("persist, then say", "no replica stops by itself", "agreement"),
        scenario("power-cuts"),
    ),
    Exhibit(
        "a spare segment is made under a name that is still in use",
        "storage",
        "SAFETY 15",
        method(Spares, "prepare", _does_not_look),
        ("no replica stops by itself",),
        scenario("large-batches"),
    ),
    Exhibit(
        "the mark that closes a segment is not synced",
        "storage",
        "SAFETY 15",
        method(Journal, "_end_segment", lambda sound: lambda self: sound(self)[:1]),
        ("damage is where it is found",),
        scenario("power-cuts"),
    ),
]
