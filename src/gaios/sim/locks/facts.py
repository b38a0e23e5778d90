"""What a state of the lock service says, as plain facts: of a replica's keys, and of the model, so that they can be compared."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gaios.lock_api import Sequencer, Stat
from gaios.locks import keys, records
from gaios.locks.index import of
from gaios.sim.locks.model import Model

Reserved = Mapping[bytes, tuple[bytes, int]]
"""Key → value and create revision."""


class Facts(NamedTuple):
    """Everything but when leases were heard of, which the log's later charges show."""

    clock_ms: int
    nodes: Mapping[str, Stat]
    contents: Mapping[str, bytes]
    sessions: Mapping[int, int]
    """Lease, ms."""
    handles: Mapping[tuple[str, int, int], tuple[int, bool, int, int, Sequencer | None]]
    """(path, session, handle) → instance, write, events, lock-delay, sequencer set."""
    holders: Mapping[tuple[str, int], tuple[int, bool, int]]
    """(path, handle) → session, shared, revision of the grant."""
    waiters: Mapping[tuple[str, int], tuple[int, int, bool]]
    """(path, ticket) → session, handle, shared."""
    delays: Mapping[str, int]


def of_keys(reserved: Reserved) -> Facts:
    """Of a replica. Its keys are read by the service's own codec: what they say is compared, not how."""
    index = of([(key, value, created) for key, (value, created) in reserved.items()])
    found: dict[bytes, dict[Any, Any]] = {kind: {} for kind in (b"f", b"s", b"o", b"l", b"q")}
    for key, (value, created) in reserved.items():
        kind = key[keys.KIND : keys.KIND + 1]
        if kind == b"f":
            found[kind][keys.path_of(key)] = value
            continue
        if kind not in found:
            continue
        record = records.decode(key, value)
        match record:
            case records.Session():
                found[kind][keys.number_of(key)] = record.lease_ms
            case records.Handle():
                found[kind][keys.handle_of(key)] = (record.instance, record.write, record.events, record.lock_delay_ms, record.sequencer)
            case records.Holder():
                found[kind][keys.path_and_number_of(key)] = (record.session, record.shared, created)
            case records.Waiter():
                found[kind][keys.path_and_number_of(key)] = (record.session, record.handle, record.shared)
    nodes = {path: node.stat for path, node in index.nodes.items()}
    return Facts(
        index.clock.clock_ms, nodes, found[b"f"], found[b"s"], found[b"o"], found[b"l"], found[b"q"], dict(index.delays)
    )  # fmt: skip


def of_model(model: Model) -> Facts:
    """Of the model."""
    handles: dict[tuple[str, int, int], tuple[int, bool, int, int, Sequencer | None]] = {}
    holders: dict[tuple[str, int], tuple[int, bool, int]] = {}
    waiters: dict[tuple[str, int], tuple[int, int, bool]] = {}
    for number, handle in model.handles.items():
        asked = handle.asked
        opened = (handle.node.instance, asked.write, asked.events, asked.lock_delay_ms, handle.sequencer)
        handles[handle.node.path, handle.session, number] = opened
    for path, node in model.nodes.items():
        for number, revision in node.holders.items():
            holders[path, number] = (model.handles[number].session, node.shared, revision)
        for number in node.queue:
            handle = model.handles[number]
            waiters[path, handle.ticket] = (handle.session, number, handle.shared)
    return Facts(
        model.clock_ms,
        {path: model.stat(node) for path, node in model.nodes.items()},
        {path: node.contents for path, node in model.nodes.items() if node.contents},
        {number: session.lease_ms for number, session in model.sessions.items()},
        handles,
        holders,
        waiters,
        dict(model.delays),
    )
