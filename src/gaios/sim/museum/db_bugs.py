"""Bugs of the database and its watches."""

from collections.abc import Callable
from typing import Any

from gaios.db import Hub
from gaios.locks import LockService
from gaios.machine import Context
from gaios.sim.museum.exhibit import Exhibit, method


def _drop_tombstones(sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, event: None if event.value is None else sound(self, event)


def _looks_around(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What a command does depends on where it is carried out: on nothing that replicas share."""

    def apply(self: Any, command: bytes, context: Context) -> Any:
        if self._replica == 2 and context.slot % 7 == 0:
            self.database._store.put(b"replica", b"2")
        return sound(self, command, context)

    return apply


EXHIBITS = [
    Exhibit("a watch is not told of deletes", "db", "PML §5.6", method(Hub, "_match", _drop_tombstones), ("watch completeness",)),
    Exhibit(
        "the state depends on the replica",
        "db",
        "SAFETY 27",
        method(LockService, "apply", _looks_around),
        ("agreement", "identical state", "durability", "linearizability by witness"),
    ),
]
