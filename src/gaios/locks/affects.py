"""Which nodes' cached facts a command may change: what a caching session may have read of them is to be forgotten first.  [CHUBBY §2.7]

What is cached of a node: its contents, its numbers but the lock generation, its children's names and such numbers, that it is not there.

Rule 1. `None` is everything. An answer may name too much, never too little, for every state that commands under way can lead to: it rests
on what does not change while a command is under way (a handle's node, whether that is ephemeral), or `busy` tells:
whether commands are under way that open handles of a session (of any, for 0).
Rule 2. A change of a node shows in its parent's list of children; one that comes or goes shows in every directory above it, since an
ephemeral directory goes with its last child.
Rule 3. Locks are not cached: to acquire, to release and to pass on change nothing here.
"""

from collections.abc import Callable, Iterable
from typing import Final

from gaios.lock_api import Charge, Close, CloseSession, DeleteNode, LockCommand, Open, SetAcl, SetContents
from gaios.locks import heard, keys
from gaios.locks.index import ROOT, Index, Session

PATHS_MAX: Final = 1_024
"""Of one command; above it is everything."""
Affected = frozenset[str] | None
Busy = Callable[[int], bool]
NOTHING: Final[frozenset[str]] = frozenset()


def lineage(path: str) -> frozenset[str]:
    """A node and every directory above it."""
    found = {path}
    while path != ROOT:
        path = keys.parent_of(path)
        found.add(path)
    return frozenset(found)


def of_command(index: Index, command: LockCommand, busy: Busy) -> Affected:
    """What a client's command may change."""
    if isinstance(command, Open):
        return lineage(command.path) if command.create else NOTHING
    if isinstance(command, CloseSession):
        session = index.sessions.get(command.session)
        return _of_ends(index, [session], busy) if session is not None else None if busy(0) else NOTHING
    if not isinstance(command, SetContents | SetAcl | DeleteNode | Close):
        return NOTHING
    session = index.sessions.get(command.session)
    handle = session.handles.get(command.handle) if session is not None else None
    if handle is None:
        # Nobody knows a handle's number before it is open; but it may be guessed.
        return None if busy(0) else NOTHING
    if isinstance(command, SetContents | SetAcl):
        return frozenset((handle.path, keys.parent_of(handle.path))) if handle.path != ROOT else frozenset((ROOT,))
    node = index.node_of(handle)
    if node is None or (isinstance(command, Close) and not node.record.ephemeral):
        return NOTHING
    return lineage(handle.path)


def of_charge(index: Index, charge: Charge, busy: Busy) -> Affected:
    """What a charge may change: those whose lease is over by it end, as do those that are ending."""
    clock_ms, alive = index.clock.clock_ms + charge.elapsed_ms, set(heard.decode(charge.heard))
    ends = [
        session
        for number, session in index.sessions.items()
        if session.record.ending
        or (clock_ms - session.heard_ms > session.record.lease_ms and number not in alive and number not in index.opened)
    ]
    return _of_ends(index, ends, busy)


def _of_ends(index: Index, sessions: Iterable[Session], busy: Busy) -> Affected:
    found: set[str] = set()
    for session in sessions:
        if busy(session.number):
            return None
        for handle in session.handles.values():
            node = index.node_of(handle)
            if node is not None and node.record.ephemeral:
                found |= lineage(handle.path)
                if len(found) > PATHS_MAX:
                    return None
    return frozenset(found)
