"""Bugs of locks and nodes: locks that two have, handles that are good for too much, what stays when its owner is gone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from gaios import errors, lock_api
from gaios.locks import access, keys, locking, service, tree
from gaios.locks.change import Change
from gaios.locks.index import Handle, Index, Node
from gaios.sim.museum.exhibit import Exhibit, Plant, method, scenario

_Sound = Callable[..., Any]
LOST = scenario("lost-holders")
PASSING = scenario("passing-nodes")


def command(kind: type, make: Callable[[_Sound], _Sound]) -> Plant:
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


EXHIBITS = [
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
        command(lock_api.Acquire, _overtakes),
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
        PASSING,
    ),
    Exhibit(
        "a lost session's ephemeral nodes stay",
        "locks",
        "CHUBBY §2.3",
        method(tree, "close_handle", _outlives),
        ("nothing left", "lock service by witness"),
        PASSING,
    ),
    Exhibit(
        "contents are replaced whatever their generation",
        "locks",
        "CHUBBY §2.6",
        command(lock_api.SetContents, _any_generation),
        ("linearizability",),
        PASSING,
    ),
]
