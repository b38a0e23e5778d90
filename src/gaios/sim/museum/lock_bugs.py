"""Bugs of the lock service: sessions that end too early or never, locks that two have, events that are not told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from gaios import errors, lock_api
from gaios.client.lease import Lease, Leases, State
from gaios.locks import access, keys, locking, service, steward, tree
from gaios.locks.change import Change
from gaios.locks.index import Handle, Index, Node
from gaios.locks.steward import Steward
from gaios.server import node as node_module
from gaios.sim.museum.exhibit import Exhibit, Plant, method, scenario, together
from gaios.transport import KeptAlive, Kind, decode_submit

_Sound = Callable[..., Any]
LOST = scenario("lost-holders")
ORPHANED = scenario("orphaned-sessions")


def _command(kind: type, make: Callable[[_Sound], _Sound]) -> Plant:
    """A bug in how a command is carried out."""

    @contextmanager
    def plant() -> Iterator[None]:
        sound = service._HANDLERS[kind]
        service._HANDLERS[kind] = make(sound)
        try:
            yield
        finally:
            service._HANDLERS[kind] = sound

    return plant


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
            self._due_ns = steward.FAR

    return look


def _forgets_the_new(sound: _Sound) -> _Sound:
    """To open a session is not to be heard from: its first charge that lists it is that of its first KeepAlive."""

    def charge(change: Change, asked: lock_api.Charge) -> Any:
        for number in change.index.opened:
            change.index.sessions[number].heard_ms -= change.index.sessions[number].record.lease_ms + 1
        change.index.opened.clear()
        return sound(change, asked)

    return charge


# ------------------------------------------------------------------------------------------------------------------- locks


def _without_delay(sound: _Sound) -> _Sound:
    """Whoever is lost gives its locks back like whoever closes."""

    def leave(change: Change, handle: Handle, node: Node, *, lost: bool = False) -> bool:
        del lost
        return bool(sound(change, handle, node))

    return leave


def _stays_in_line(sound: _Sound) -> _Sound:
    """A handle that is closed leaves its place in the queue behind."""

    def leave(change: Change, handle: Handle, node: Node, *, lost: bool = False) -> bool:
        return not handle.ticket and bool(sound(change, handle, node, lost=lost))

    return leave


def _overtakes(sound: _Sound) -> _Sound:
    """A lock that is free is granted to whoever asks, although others wait."""

    def acquire(change: Change, asked: lock_api.Acquire) -> Any:
        _, handle, node = access.writer_of(change, asked)
        waits = handle.number in node.holders or handle.ticket
        if waits or not locking._is_free(node, shared=asked.shared) or locking.delay_ms(change.index, node):
            return sound(change, asked)
        locking._grant(change, node, handle, shared=asked.shared)
        return locking.state(change.index, handle, node)

    return acquire


def _by_handle(_: _Sound) -> _Sound:
    """A sequencer names the handle, and not the grant."""
    return lambda index, node, holder: lock_api.Sequencer(node.path, holder.shared, index.generation, holder.handle)


def _anybodys(sound: _Sound) -> _Sound:
    """A handle is whoever's names it."""

    def handle_of(index: Index, asked: Any, revision: int) -> Any:
        session = access.session_of(index, asked, revision)
        for other in index.sessions.values():
            handle = other.handles.get(asked.handle)
            node = index.node_of(handle) if handle is not None else None
            if node is not None:
                return session, handle, node
        return sound(index, asked, revision)

    return handle_of


def _unchecked(_: _Sound) -> _Sound:
    """The sequencer that was set for a handle is not looked at."""

    def writer_of(change: Change, asked: Any) -> Any:
        session, handle, node = access.handle_of(change.index, asked, change.revision - 1)
        if not handle.record.write:
            raise errors.ReadOnlyHandle(handle=handle.number, path=handle.path)
        return session, handle, node

    return writer_of


# ------------------------------------------------------------------------------------------------------------------- nodes


def _by_name(sound: _Sound) -> _Sound:
    """A handle is bound to a name: whatever stands there now is what it opened."""

    def handle_of(index: Index, asked: Any, revision: int) -> Any:
        session = access.session_of(index, asked, revision)
        handle = session.handles.get(asked.handle)
        if handle is not None and index.node_of(handle) is None and handle.path in index.nodes:
            return session, handle, index.nodes[handle.path]
        return sound(index, asked, revision)

    return handle_of


def _outlives(sound: _Sound) -> _Sound:
    """What a lost session had made for its own time stays."""

    def close_handle(change: Change, handle: Handle, *, lost: bool = False) -> None:
        node = change.index.node_of(handle)
        if not lost or node is None or not node.record.ephemeral:
            sound(change, handle, lost=lost)
            return
        locking.leave(change, handle, node, lost=True)
        change.delete(keys.handle(handle.path, handle.session, handle.number))
        locking.pass_on(change, node)

    return close_handle


def _any_generation(sound: _Sound) -> _Sound:
    """Contents are replaced whatever generation was named."""
    return lambda change, asked: sound(change, replace(asked, generation=None))


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
        _command(lock_api.Charge, _forgets_the_new),
        ("session leases", "lock service by witness", "no replica stops by itself"),
        LOST,
    ),
    Exhibit(
        "a lost lock is free at once",
        "locks",
        "CHUBBY §2.4",
        method(locking, "leave", _without_delay),
        ("lock-delay",),
        LOST,
    ),
    Exhibit(
        "a closed handle stays in the queue",
        "locks",
        "CHUBBY §2.4",
        method(locking, "leave", _stays_in_line),
        ("no replica stops by itself", "nothing left", "lock service by witness"),
        LOST,
    ),
    Exhibit(
        "who asks overtakes who waits",
        "locks",
        "CHUBBY §2.4",
        _command(lock_api.Acquire, _overtakes),
        ("lock service by witness",),
        LOST,
    ),
    Exhibit(
        "a sequencer is that of the handle",
        "locks",
        "SAFETY 23",
        method(locking, "sequencer", _by_handle),
        ("lock exclusivity",),
        LOST,
    ),
    Exhibit(
        "a lock is shared with who holds it alone",
        "locks",
        "CHUBBY §2.4",
        method(locking, "_is_free", lambda sound: lambda node, *, shared: shared or sound(node, shared=shared)),
        ("lock exclusivity",),
        LOST,
    ),
    Exhibit(
        "any session may use a handle",
        "locks",
        "CHUBBY §2.3",
        method(access, "handle_of", _anybodys),
        ("lock exclusivity", "lock service by witness"),
        LOST,
    ),
    Exhibit(
        "a set sequencer is not looked at",
        "locks",
        "CHUBBY §2.6",
        method(access, "writer_of", _unchecked),
        ("lock service by witness",),
        LOST,
    ),
    Exhibit(
        "a handle is good for another instance",
        "locks",
        "CHUBBY §2.3",
        method(access, "handle_of", _by_name),
        ("lock service by witness", "no replica stops by itself"),
        scenario("passing-nodes"),
    ),
    Exhibit(
        "a lost session's ephemeral nodes stay",
        "locks",
        "CHUBBY §2.3",
        method(tree, "close_handle", _outlives),
        ("nothing left", "lock service by witness"),
        scenario("passing-nodes"),
    ),
    Exhibit(
        "contents are replaced whatever their generation",
        "locks",
        "CHUBBY §2.6",
        _command(lock_api.SetContents, _any_generation),
        ("linearizability",),
        scenario("passing-nodes"),
    ),
    Exhibit(
        "an event is told before the fact",
        "locks",
        "CHUBBY §2.5",
        method(node_module.Node, "client_frame", _foretold),
        ("events complete",),
        scenario("passing-nodes"),
    ),
    Exhibit(
        "too many events are dropped silently",
        "locks",
        "CHUBBY §2.5",
        together(method(steward, "NOTICES_KEPT", lambda _: 1), method(Steward, "_forget", _drops_silently)),
        ("events complete",),
        scenario("passing-nodes"),
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
