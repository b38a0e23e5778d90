"""Bugs of storage: what is synced, and in which order."""

from collections.abc import Callable
from typing import Any

from gaios.sim.museum import Exhibit, method
from gaios.storage import Journal, copies
from gaios.storage.words import Operation, Sync
from tests.museum.worlds import power_cuts


def _first_only(sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda copy: sound(copy)[:2]


def _unsynced(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The batch's last sync is left out."""

    def batch(*arguments: Any) -> list[Operation]:
        operations: list[Operation] = sound(*arguments)
        return operations[:-1] if operations and isinstance(operations[-1], Sync) else operations

    return batch


EXHIBITS = [
    Exhibit(
        "a new segment's name is not synced",
        "storage",
        "SAFETY 15",
        method(Journal, "_begin_segment", lambda sound: lambda *arguments: (sound(*arguments)[0], [])),
        ("persist, then say", "no replica stops by itself"),
        (),
        power_cuts,
    ),
    Exhibit(
        "one promise copy instead of two",
        "storage",
        "SAFETY 15",
        method(copies, "write", _first_only),
        ("persist, then say", "no replica stops by itself"),
        (),
        power_cuts,
    ),
    Exhibit(
        "records are not synced",
        "storage",
        "SAFETY 5",
        method(Journal, "batch", _unsynced),
        ("persist, then say", "no replica stops by itself", "agreement"),
        (),
        power_cuts,
    ),
]
