"""Clients' watches as frames: the database's hub on one side, connections on the other.  [PML §5.6; SAFETY 28]

Rule 1. A watch is served by whichever replica was asked: it shows chosen values only, as they are applied there.
Rule 2. A client that takes nothing for now is not ready; the hub keeps its position, and reads history when it is ready again.
Rule 3. Now and then a quiet watch is told how far it has come, so that compaction does not overtake it.
Rule 4. While its replica doubts its own database nothing is told; once that may be said all watches end with it, and none begins.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final

from gaios import errors
from gaios.api import Event
from gaios.db import Database, Delivery, Hub
from gaios.locks import LockService
from gaios.log.options import FAR
from gaios.machine import Machine
from gaios.transport import Watch, encode_events, encode_watch_end

PROGRESS_NS: Final = 10_000_000_000
"""Between two words of rule 3 to a quiet watch."""
ToClient = tuple[int, bytes]
"""Connection, frame."""


class Watches:
    """The watches of one replica's clients. A machine without a `Database` has no watches."""

    def __init__(self, machine: Machine, watches_max: int) -> None:
        history = machine.database if isinstance(machine, LockService) else machine
        self._history = history if isinstance(history, Database) else None
        self._hub = Hub(self._history) if self._history is not None else None
        self._is_shut = False
        self._max = watches_max
        self._requests: dict[int, dict[int, None]] = {}
        """Each connection's watches, by their requests' numbers."""
        self._paused: dict[int, None] = {}
        """Connections that take nothing for now."""
        self._due = False
        """Whether the hub may have something to deliver."""
        self._progress_at = FAR

    def __len__(self) -> int:
        """How many there are."""
        return len(self._hub) if self._hub is not None else 0

    def begin(self, now: int, connection: int, request: int, watch: Watch) -> bytes:
        """A client asks for events: what it is told at once."""
        try:
            if self._hub is None:
                raise errors.InvalidCommand(reason="this cell's machine has no history to watch")
            own = self._requests.setdefault(connection, {})
            if len(own) >= self._max:
                raise errors.Overloaded(what="this connection", limit=self._max, unit="watches")
            first = self._hub.watch((connection, request), watch.key, watch.end, watch.from_revision)
        except errors.Error as error:
            return encode_watch_end(request, error)
        own[request] = None
        self._due = True
        if self._progress_at == FAR:
            self._progress_at = now + PROGRESS_NS
        return encode_events(request, first, ())

    def shut(self, error: errors.Error) -> list[ToClient]:
        """The database must not be read: every watch ends with this error. The frames that say so."""
        ended = [(connection, encode_watch_end(request, error)) for connection, requests in self._requests.items() for request in requests]
        self._requests.clear()
        self._is_shut, self._due, self._progress_at = True, False, FAR
        return ended

    def open(self) -> None:
        """It may be read again."""
        if self._is_shut and self._history is not None:
            self._hub, self._is_shut = Hub(self._history), False

    @property
    def is_shut(self) -> bool:
        """Whether watches ended because the database must not be read."""
        return self._is_shut

    def cancel(self, connection: int, request: int) -> None:
        """A client wants no more of a watch."""
        if self._hub is not None and self._requests.get(connection, {}).pop(request, 0) is None:
            self._hub.cancel((connection, request))

    def gone(self, connection: int) -> None:
        """A connection is closed."""
        self._paused.pop(connection, None)
        for request in self._requests.pop(connection, {}):
            if self._hub is not None:
                self._hub.cancel((connection, request))

    def paused(self, connection: int, *, paused: bool) -> None:
        """A client takes nothing more for now, or again."""
        if paused:
            self._paused[connection] = None
        elif self._paused.pop(connection, 0) is None:
            self._due = True

    def applied(self, effects: Sequence[Any]) -> None:
        """The machine's effects, in order; those of a lock service that are no events are others' to tell."""
        if self._hub is not None and len(self._hub):
            self._hub.publish([effect for effect in effects if type(effect) is Event])
            self._due = True

    def jumped(self) -> None:
        """The machine took over a later state: what happened between is in its history, as far as that reaches."""
        if self._hub is not None:
            self._hub.missed()
            self._due = True

    def take(self, now: int) -> list[ToClient]:
        """The frames that clients are sent now."""
        hub = self._hub
        if hub is None or not (self._due or now >= self._progress_at):
            return []
        self._due = False
        deliveries = hub.drain(self._is_ready)
        if now >= self._progress_at:
            self._progress_at = now + PROGRESS_NS if len(hub) else FAR
            deliveries += [delivery for delivery in hub.progress() if self._is_ready(delivery.token)]
        # What lags goes on at the next turn, unless nobody who lags is ready.
        self._due = bool(deliveries) and hub.pending
        return [self._frame(delivery) for delivery in deliveries]

    def due_ns(self) -> int:
        """When `take` is next worth a turn."""
        return 0 if self._due else self._progress_at

    def _is_ready(self, token: Hashable) -> bool:
        assert isinstance(token, tuple)
        return token[0] not in self._paused

    def _frame(self, delivery: Delivery) -> ToClient:
        token = delivery.token
        assert isinstance(token, tuple)
        connection, request = token
        if delivery.error is None:
            return connection, encode_events(request, delivery.next_revision, delivery.events)
        self._requests.get(connection, {}).pop(request, None)
        return connection, encode_watch_end(request, delivery.error)
