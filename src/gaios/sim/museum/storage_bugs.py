"""Bugs of storage: what is synced, and in which order."""

from collections.abc import Callable
from typing import Any

from gaios.sim.museum.exhibit import Exhibit, method, scenario
from gaios.storage import Journal
from gaios.storage.words import Operation, Sync, SyncDirectory


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


EXHIBITS = [
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
]
