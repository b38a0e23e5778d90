"""Bugs of the client cache: changes that do not wait for it, or for ever; notices, leases and answers that its client mistakes."""

from collections.abc import Callable, Iterable
from typing import Any

from gaios.client.cache import Cache, Fill
from gaios.client.lease import Lease, Leases
from gaios.client.state import Link
from gaios.locks.affects import Affected
from gaios.locks.cachers import Cachers
from gaios.locks.gate import Gate
from gaios.locks.marks import Marks
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together

_Sound = Callable[..., Any]
CACHED = scenario("cached-nodes")
THROUGH = scenario("cached-through-masters")
STALE = ("cache linearizable", "linearizability")

# -------------------------------------------------------------------------------------------------------------------- gate


def _forgets_the_old(sound: _Sound) -> _Sound:
    """A new master waits for nobody who read under the one before."""

    def begin(self: Gate, now: int, reign: int) -> None:
        sound(self, now, reign)
        self._unaware.clear()

    return begin


def _waits_for_ever(sound: _Sound) -> _Sound:
    """Whoever is gone without a word is waited for, although its lease is over."""

    def is_waited_for(self: Cachers, now: int, affected: Affected) -> bool:
        del now
        return bool(sound(self, 0, affected))

    return is_waited_for


def _waits_for_the_listed(sound: _Sound) -> _Sound:
    """Whoever is listed is waited for, although it had its lease's time to acknowledge what it was told."""

    def listed(self: Cachers, now: int, sessions: Iterable[int]) -> None:
        sessions = list(sessions)
        sound(self, now, sessions)
        for session in sessions:
            cacher = self._asked.get(session)
            if cacher is not None:
                cacher.told = {path: (number, cacher.until_ns) for path, (number, _) in cacher.told.items()}

    return listed


# ------------------------------------------------------------------------------------------------------------------ client


def _says_nothing(sound: _Sound) -> _Sound:
    """A client carries out what it is told, and acknowledges nothing of it: no bug of gaios, but others write clients, too."""

    def send(self: Leases, now: int, master: Link, lease: Lease) -> None:
        told, lease.told = lease.told, 0
        sound(self, now, master, lease)
        lease.told = told

    return send


SILENT = method(Leases, "_send", _says_nothing)
"""Nothing may come of it alone."""


def _keeps_what_is_late(sound: _Sound) -> _Sound:
    """An answer that comes after the notice to forget its node is kept."""

    def keep(self: Cache, now: int, fill: Fill, key: Any, found: Any, size: int) -> None:
        fill.is_good = True
        sound(self, now, fill, key, found, size)

    return keep


EXHIBITS = [
    Exhibit("a change waits for no cache", "locks", "SAFETY 24", method(Gate, "_is_blocked", lambda _: lambda *_: False), STALE, CACHED),
    Exhibit("a new master waits for no cache", "locks", "SAFETY 24", method(Gate, "begin", _forgets_the_old), STALE, THROUGH),
    Exhibit("what is being changed may be kept", "locks", "SAFETY 24", method(Marks, "has", lambda _: lambda *_: False), STALE, CACHED),
    Exhibit(
        "a change waits for a cache whose lease is over",
        "locks",
        "SAFETY 24",
        together(method(Cachers, "is_waited_for", _waits_for_ever), method(Cachers, "drop_lapsed", lambda _: lambda *_: False)),
        ("liveness", "nothing left", "bounded queues"),
        CACHED,
    ),
    Exhibit(
        "a change waits for a cache that is listed and acknowledges nothing",
        "locks",
        "SAFETY 24",
        together(SILENT, method(Cachers, "listed", _waits_for_the_listed)),
        ("liveness", "nothing left"),
        CACHED,
    ),
    Exhibit(
        "a notice is acknowledged and not carried out",
        "client",
        "SAFETY 24",
        method(Cache, "forget", lambda _: lambda *_: None),
        STALE,
        CACHED,
    ),
    Exhibit(
        "a cache does not look at its lease", "client", "SAFETY 24", method(Cache, "_is_safe", lambda _: lambda *_: True), STALE, CACHED
    ),
    Exhibit("an answer is kept after its notice", "client", "SAFETY 24", method(Cache, "keep", _keeps_what_is_late), STALE, CACHED),
]
