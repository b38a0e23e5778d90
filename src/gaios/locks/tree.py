"""Nodes and handles.  [CHUBBY §2.3, §2.6]

Rule 1. A handle is bound to an instance: once that is deleted, the handle is good for nothing but to be closed.
Rule 2. An ephemeral node goes with its last handle; an ephemeral directory only when it is empty too, and then with its last child.
Rule 3. Who is told of a change is told of it after the fact: a notice leaves with the MultiOp that it tells of.  [CHUBBY §2.5]
"""

from msgspec.structs import replace
from xxhash import xxh3_64_intdigest

from gaios import errors
from gaios.lock_api import (
    CHILD_ADDED,
    CHILD_MODIFIED,
    CHILD_REMOVED,
    CONTENTS_MODIFIED,
    HANDLE_INVALID,
    HANDLES_MAX,
    MUST_CREATE,
    Changed,
    Close,
    DeleteNode,
    Open,
    Opened,
    SetAcl,
    SetContents,
)
from gaios.locks import access, keys, locking
from gaios.locks.change import Change
from gaios.locks.index import ROOT, Handle, Node, Session
from gaios.locks.records import Handle as HandleRecord
from gaios.locks.records import Node as NodeRecord


def open_node(change: Change, asked: Open) -> Opened:
    """A handle of the node, which may be created for it."""
    index = change.index
    session = access.session_of(index, asked, change.revision - 1)
    if len(session.handles) >= HANDLES_MAX:
        raise errors.LimitReached(what=f"session {session.number}", limit=HANDLES_MAX, unit="handles")
    node = index.nodes.get(asked.path)
    created = node is None
    if node is None:
        _check_creation(change, session, asked)
        change.check_room(3, len(asked.contents))
        node = _create(change, asked)
    else:
        if asked.create == MUST_CREATE:
            raise errors.NodeExists(path=asked.path)
        if asked.create and node.record.directory != asked.directory:
            raise errors.WrongKindOfNode(path=asked.path, expected=_kind(directory=asked.directory))
        access.check(change, session, node, access.READ)
        if asked.write:
            access.check(change, session, node, access.WRITE)
        change.check_room(1)
    record = HandleRecord(node.instance, asked.write, asked.events, asked.lock_delay_ms)
    change.put(keys.handle(node.path, session.number, change.revision), record)
    return Opened(change.revision, created, node.stat)


def close(change: Change, asked: Close) -> Changed:
    """Close a handle, if it is open."""
    session = access.session_of(change.index, asked, change.revision - 1)
    handle = session.handles.get(asked.handle)
    if handle is None:
        return Changed(change.revision - 1, done=False)
    close_handle(change, handle)
    return Changed(change.revision, done=True)


def set_contents(change: Change, asked: SetContents) -> Changed:
    """Replace them, if the generation is the one that is named."""
    _, _, node = access.writer_of(change, asked)
    record = node.record
    if record.directory:
        raise errors.WrongKindOfNode(path=node.path, expected="file")
    if asked.generation not in {None, record.content_generation}:
        return Changed(change.revision - 1, False, node.stat)
    change.check_room(2, len(asked.contents))
    generation = record.content_generation + 1
    change.put(keys.node(node.path), replace(record, content_generation=generation, **_facts(asked.contents)))
    change.set_contents(node.path, asked.contents)
    change.tell(node, CONTENTS_MODIFIED)
    _tell_parent(change, node, CHILD_MODIFIED)
    return Changed(change.revision, True, node.stat)


def set_acl(change: Change, asked: SetAcl) -> Changed:
    """Replace the names of the access lists, if the generation is the one that is named."""
    session, _, node = access.writer_of(change, asked)
    access.check(change, session, node, access.CHANGE)
    if asked.generation not in {None, node.record.acl_generation}:
        return Changed(change.revision - 1, False, node.stat)
    change.check_room(1)
    change.put(keys.node(node.path), replace(node.record, acl=asked.acl, acl_generation=node.record.acl_generation + 1))
    _tell_parent(change, node, CHILD_MODIFIED)
    return Changed(change.revision, True, node.stat)


def delete_node(change: Change, asked: DeleteNode) -> Changed:
    """Delete it, with its lock and its queue."""
    _, _, node = access.writer_of(change, asked)
    if node.path == ROOT:
        raise errors.InvalidCommand(reason="the root cannot be deleted")
    if node.children:
        raise errors.NotEmpty(path=node.path, children=node.children)
    stat = node.stat
    _remove(change, node)
    return Changed(change.revision, True, stat)


# ------------------------------------------------------------------------------------------------------------------ inside


def close_handle(change: Change, handle: Handle, *, lost: bool = False) -> None:
    """Nothing is left of it; `lost`: its session's lease was over."""
    node = change.index.node_of(handle)
    if node is not None:
        locking.leave(change, handle, node, lost=lost)
    change.delete(keys.handle(handle.path, handle.session, handle.number))
    if node is not None:
        locking.pass_on(change, node)
        _vanish(change, node)


def _check_creation(change: Change, session: Session, asked: Open) -> None:
    if not asked.create:
        raise errors.NoSuchNode(path=asked.path)
    parent = change.index.nodes.get(keys.parent_of(asked.path))
    if parent is None:
        raise errors.NoSuchNode(path=keys.parent_of(asked.path))
    if not parent.record.directory:
        raise errors.WrongKindOfNode(path=parent.path, expected="directory")
    access.check(change, session, parent, access.WRITE)


def _create(change: Change, asked: Open) -> Node:
    index, path = change.index, asked.path
    parent = index.nodes[keys.parent_of(path)]
    facts = {"content_generation": 1, **_facts(asked.contents)} if not asked.directory else {}
    change.put(keys.node(path), NodeRecord(asked.directory, asked.ephemeral, asked.acl or parent.record.acl, **facts))
    change.set_contents(path, asked.contents)
    node = index.nodes[path]
    _tell_parent(change, node, CHILD_ADDED)
    return node


def _remove(change: Change, node: Node) -> None:
    path = node.path
    for number in list(node.holders):
        change.delete(keys.holder(path, number))
    for ticket in list(node.queue):
        change.delete(keys.waiter(path, ticket))
    change.set_contents(path, b"")
    change.delete(keys.node(path))
    for handle in node.opens.values():
        change.tell_one(handle, HANDLE_INVALID)
    _tell_parent(change, node, CHILD_REMOVED)
    _vanish(change, change.index.nodes[keys.parent_of(path)])


def _vanish(change: Change, node: Node) -> None:
    """An ephemeral node that nobody has open, and that has no children, goes; then perhaps its parent does."""
    if node.record.ephemeral and not node.opens and not node.children:
        _remove(change, node)


def _tell_parent(change: Change, node: Node, what: int) -> None:
    if node.path != ROOT:
        change.tell(change.index.nodes[keys.parent_of(node.path)], what, keys.name_of(node.path))


def _facts(contents: bytes) -> dict[str, int]:
    return {"checksum": xxh3_64_intdigest(contents), "length": len(contents)}


def _kind(*, directory: bool) -> str:
    return "directory" if directory else "file"
