"""What is asked of the lock service: a function of its state, and of nothing else."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from gaios import errors
from gaios.api import PAGE_BYTES_MAX, PAGE_ENTRIES_MAX
from gaios.caching import FindNode, Found
from gaios.lock_api import (
    Acquired,
    Checked,
    CheckSequencer,
    Children,
    ContentsAndStat,
    GetContentsAndStat,
    GetSequencer,
    ListNodes,
    ListSessions,
    LockAnswer,
    LockQuestion,
    NodeInfo,
    Nodes,
    ReadDir,
    SessionInfo,
    Sessions,
)
from gaios.locks import access, keys, locking
from gaios.locks.change import Change
from gaios.locks.index import Node, Session

NODE_BYTES: Final = 192
"""More than a node's numbers and its lists' names take on the wire, if those are short."""
HOLDERS_MAX: Final = 64
"""Of one node, in a list for people."""


def answer(state: Change, asked: LockQuestion) -> LockAnswer:
    """Answer a question; `state` is looked at and not changed.

    Raises:
        LockRefused: See `access`; there is no such node; it is of the wrong kind.
    """
    return _ANSWERS[type(asked)](state, asked)


def _contents_and_stat(state: Change, asked: GetContentsAndStat) -> ContentsAndStat:
    _, _, node = access.handle_of(state.index, asked, state.revision - 1)
    if not asked.contents:
        return ContentsAndStat(None, node.stat)
    if node.record.directory:
        raise errors.WrongKindOfNode(path=node.path, expected="file")
    return ContentsAndStat(state.contents(node.path), node.stat)


def _read_dir(state: Change, asked: ReadDir) -> Children:
    _, _, node = access.handle_of(state.index, asked, state.revision - 1)
    found, more = _page(state, node, asked.after, asked.limit)
    return Children(tuple([(keys.name_of(child.path), child.stat) for child in found]), more)


def _find_node(state: Change, asked: FindNode) -> Found:
    access.session_of(state.index, asked, state.revision - 1)
    return Found(asked.path in state.index.nodes)


def _get_sequencer(state: Change, asked: GetSequencer) -> Acquired:
    _, handle, node = access.handle_of(state.index, asked, state.revision - 1)
    return locking.state(state.index, handle, node)


def _check_sequencer(state: Change, asked: CheckSequencer) -> Checked:
    sequencer = asked.sequencer
    node = state.index.nodes.get(sequencer.path)
    held = (each.revision for each in node.holders.values() if each.shared == sequencer.shared) if node is not None else ()
    return Checked(state.index.is_held(sequencer), max(held, default=0))


def _list_sessions(state: Change, asked: ListSessions) -> Sessions:
    most = min(asked.limit or PAGE_ENTRIES_MAX, PAGE_ENTRIES_MAX)
    numbers = [keys.number_of(key) for key in islice(state.database.reserved(*keys.sessions_after(asked.after)), most + 1)]
    found = [_session_info(state, state.index.sessions[number]) for number in numbers[:most]]
    return Sessions(tuple(found), state.clock_ms, len(numbers) > most)


def _list_nodes(state: Change, asked: ListNodes) -> Nodes:
    node = state.index.nodes.get(asked.path)
    if node is None:
        raise errors.NoSuchNode(path=asked.path)
    found, more = _page(state, node, asked.after, asked.limit)
    return Nodes(tuple([_node_info(child) for child in found]), more)


def _page(state: Change, directory: Node, after: str, limit: int) -> tuple[list[Node], bool]:
    if not directory.record.directory:
        raise errors.WrongKindOfNode(path=directory.path, expected="directory")
    most = min(limit or PAGE_ENTRIES_MAX, PAGE_ENTRIES_MAX)
    found: list[Node] = []
    size = 0
    for child in _children(state, directory, after):
        size += len(child.path) * 4 + NODE_BYTES + 64 * min(len(child.holders), HOLDERS_MAX)
        if found and (len(found) >= most or size > PAGE_BYTES_MAX):
            return found, True
        found.append(child)
    return found, False


def _children(state: Change, directory: Node, after: str) -> Iterator[Node]:
    nodes = state.index.nodes
    return (nodes[keys.path_of(key)] for key in state.database.reserved(*keys.children(directory.path, after)))


def _session_info(state: Change, session: Session) -> SessionInfo:
    record, handles = session.record, session.handles
    left_ms = 0 if record.ending else max(0, session.heard_ms + record.lease_ms - state.clock_ms)
    locks = 0
    for handle in handles.values():
        node = state.index.node_of(handle)
        locks += node is not None and handle.number in node.holders
    return SessionInfo(session.number, record.client, record.principal, record.lease_ms, left_ms, record.caching, len(handles), locks)


def _node_info(node: Node) -> NodeInfo:
    holders = list(islice(node.holders.values(), HOLDERS_MAX))
    shared = bool(holders) and holders[0].shared
    return NodeInfo(
        node.path, node.stat, tuple([(each.session, each.revision) for each in holders]), shared, len(node.queue), len(node.opens)
    )  # fmt: skip


_ANSWERS: Final[dict[type, Callable[[Change, Any], LockAnswer]]] = {
    GetContentsAndStat: _contents_and_stat, FindNode: _find_node,
    ReadDir: _read_dir, GetSequencer: _get_sequencer, CheckSequencer: _check_sequencer,
    ListSessions: _list_sessions, ListNodes: _list_nodes,
}  # fmt: skip
