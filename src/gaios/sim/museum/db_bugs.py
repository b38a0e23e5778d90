"""Bugs of the database and its watches."""

from collections.abc import Callable
from typing import Any

from gaios.db import Database, Hub
from gaios.machine import Context
from gaios.sim.museum.exhibit import Exhibit, method


def _drop_tombstones(sound: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, event: None if event.value is None else sound(self, event)


def _hash_order(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The state depends on where an object lies in memory: on nothing that replicas share."""

    def apply(self: Database, command: bytes, context: Context) -> Any:
        if id(self) // 64 % 3 == 0 and context.slot % 7 == 0:
            self._epoch += 1
        return sound(self, command, context)

    return apply


EXHIBITS = [
    Exhibit("a watch is not told of deletes", "db", "PML §5.6", method(Hub, "_match", _drop_tombstones), ("watch completeness",)),
]
