"""Bugs of sessions: those that end too early, or never, or are believed in for too long; events that are not told, or told too early."""

from collections.abc import Callable
from typing import Any

from gaios import lock_api
from gaios.client.lease import Lease, Leases, State
from gaios.locks import cachers, steward
from gaios.locks.change import Change
from gaios.locks.index import Handle
from gaios.locks.steward import Steward
from gaios.server import node as node_module
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.sim.museum.lock_bugs import LOST, PASSING, command
from gaios.transport import KeptAlive, Kind, decode_submit

_Sound = Callable[..., Any]
ORPHANED = scenario("orphaned-sessions")

# ---------------------------------------------------------------------------------------------------------- sessions' clock


def _goes_on(sound: _Sound) -> _Sound:
    """A new master charges as if it had been the one before."""

    def charge(self: Steward, now: int) -> None:
        if self._is_first:
            self._is_first, self._due_ns = False, now
            self._charged_ns = now - 250 * steward.MS
        sound(self, now)

    return charge


def _charges_all(sound: _Sound) -> _Sound:
    """Who slept charges everybody for it, before it hears who waited in its sockets."""

    def charge(self: Steward, now: int) -> None:
        self._due_ns = max(self._due_ns, now)
        sound(self, now)

    return charge


def _only_for_callers(sound: _Sound) -> _Sound:
    """Nobody is charged while nobody sends KeepAlives: who is gone stays for ever."""

    def look(self: Steward, now: int, book: Any) -> None:
        sound(self, now, book)
        if all(known.sender is None for known in self._known.values()):
            self._due_ns = cachers.FAR

    return look


def _forgets_the_new(sound: _Sound) -> _Sound:
    """To open a session is not to be heard from: its first charge that lists it is that of its first KeepAlive."""

    def charge(change: Change, asked: lock_api.Charge) -> Any:
        for number in change.index.opened:
            change.index.sessions[number].heard_ms -= change.index.sessions[number].record.lease_ms + 1
        change.index.opened.clear()
        return sound(change, asked)

    return charge


# ------------------------------------------------------------------------------------------------------------------ events


def _foretold(sound: _Sound) -> _Sound:
    """A master tells of a change of a file when it is asked for it."""

    def client_frame(self: node_module.Node, now: int, connection: Any, kind: int, body: bytes) -> None:
        if kind == Kind.SUBMIT:
            _, data = decode_submit(body)
            command = data[40:]
            if command[1:2] >= b"\x70":
                _tell_early(self, lock_api.decode_command(command))
        sound(self, now, connection, kind, body)

    return client_frame


def _tell_early(node: node_module.Node, asked: lock_api.LockCommand) -> None:
    machine: Any = node.replica.applier.machine
    if isinstance(asked, lock_api.SetContents) and node.reign:
        session = machine._index.sessions.get(asked.session)
        handle = session.handles.get(asked.handle) if session is not None else None
        changed = machine._index.node_of(handle) if handle is not None else None
        for other in changed.opens.values() if changed is not None else ():
            if other.record.events & lock_api.CONTENTS_MODIFIED:
                node.steward.tell(other.session, lock_api.Notice(other.number, lock_api.CONTENTS_MODIFIED, "", machine.revision + 1))


def _drops_silently(sound: _Sound) -> _Sound:
    """What was too much is dropped, and nobody is told."""

    def forget(self: Steward, known: Any, *, lost: bool) -> None:
        told = known.told
        sound(self, known, lost=lost)
        if lost:
            known.told, known.lost = told, 0

    return forget


def _grants_silently(sound: _Sound) -> _Sound:
    """Whoever waits for a lock is not told when it is granted."""

    def tell_one(self: Change, handle: Handle, what: int, name: str = "") -> None:
        if what != lock_api.LOCK_ACQUIRED:
            sound(self, handle, what, name)

    return tell_one


def _no_news_of_masters(sound: _Sound) -> _Sound:
    """A client takes a new master for the one that it knew."""

    def kept(self: Leases, now: int, lease: Lease, kept: KeptAlive) -> None:
        if kept.epoch != lease.epoch and lease.epoch:
            lease.epoch, lease.told = kept.epoch, kept.told
        sound(self, now, lease, kept)

    return kept


# ------------------------------------------------------------------------------------------------------------------ client


def _from_receipt(sound: _Sound) -> _Sound:
    """A lease counts from when its KeepAlive was answered."""

    def kept(self: Leases, now: int, lease: Lease, kept: KeptAlive) -> None:
        for _ in range(len(lease.sent)):
            number, _ = lease.sent.popleft()
            lease.sent.append((number, now))
        sound(self, now, lease, kept)

    return kept


def _hopes(sound: _Sound) -> _Sound:
    """In jeopardy a client goes on: it was only not heard."""

    def tick(self: Leases, now: int) -> None:
        for lease in self._all.values():
            if lease.state == State.SAFE and lease.end_ns <= now and not lease.retry_at:
                lease.end_ns, lease.grace_ns = lease.end_ns + lease.grace_ns + steward.MS, 0
        sound(self, now)

    return tick


EXHIBITS = [
    Exhibit(
        "a new master charges time without a master",
        "locks",
        "SAFETY 21",
        method(Steward, "_charge", _goes_on),
        ("session clock",),
        ORPHANED,
    ),
    Exhibit(
        "a late charge charges all of it", "locks", "SAFETY 21", method(Steward, "_charge", _charges_all), ("session clock",), ORPHANED
    ),
    Exhibit(
        "abandoned sessions end only while others live",
        "locks",
        "CHUBBY §2.8",
        method(Steward, "_look", _only_for_callers),
        ("nothing left",),
        LOST,
    ),
    Exhibit(
        "a session that was opened is not yet heard from",
        "locks",
        "SAFETY 21",
        command(lock_api.Charge, _forgets_the_new),
        ("session leases", "lock service by witness", "no replica stops by itself"),
        LOST,
    ),
    Exhibit(
        "an event is told before the fact",
        "locks",
        "CHUBBY §2.5",
        method(node_module.Node, "client_frame", _foretold),
        ("events complete",),
        PASSING,
    ),
    Exhibit(
        "too many events are dropped silently",
        "locks",
        "CHUBBY §2.5",
        together(method(steward, "NOTICES_KEPT", lambda _: 1), method(Steward, "_forget", _drops_silently)),
        ("events complete",),
        PASSING,
    ),
    Exhibit(
        "a grant is not told to who waited for it",
        "locks",
        "CHUBBY §2.5",
        method(Change, "tell_one", _grants_silently),
        ("events complete",),
        LOST,
    ),
    Exhibit(
        "a client is not told of another master",
        "client",
        "CHUBBY §2.9",
        method(Leases, "_kept", _no_news_of_masters),
        ("events complete",),
        ORPHANED,
    ),
    Exhibit(
        "a lease counts from the answer",
        "client",
        "SAFETY 22",
        method(Leases, "_kept", _from_receipt),
        ("session leases",),
        LOST,
    ),
    Exhibit(
        "a client believes through jeopardy",
        "client",
        "SAFETY 22",
        method(Leases, "tick", _hopes),
        ("session leases", "lock exclusivity"),
        LOST,
    ),
]
