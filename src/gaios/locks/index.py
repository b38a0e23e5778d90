"""The keys of the lock service as objects: found without a search, and made of nothing but the keys.

Rule 1. `put` and `drop` of keys are the only changes. After a restart the same objects are made by putting all keys, in the order in
which they were created: see `of`. `check` compares the two.
Rule 2. A handle is bound to an instance: a node's `opens` has the handles of that instance, and of no earlier node of its name.
Rule 3. A session's lease rests on the newest charge that lists it; one that was opened since the newest charge rests on none yet.

The root is always there; it has a key once something was set of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sortedcontainers import SortedList

from gaios.api import FIRST_REVISION
from gaios.errors import InvalidCommand, InvariantViolated, ProtocolError
from gaios.lock_api import Sequencer, Stat
from gaios.locks import heard, keys, records

ROOT: Final = "/"


@dataclass(slots=True)
class Node:
    """One instance of a node, its lock and who has it open."""

    path: str
    instance: int
    record: records.Node
    children: int = 0
    opens: dict[int, "Handle"] = field(default_factory=dict)
    holders: dict[int, "Holder"] = field(default_factory=dict)
    """By handle."""
    queue: dict[int, records.Waiter] = field(default_factory=dict)
    """By ticket, the revision at which it began to wait: the oldest first."""

    @property
    def stat(self) -> Stat:
        """Its numbers."""
        record = self.record
        return Stat(
            self.instance, record.content_generation, record.lock_generation, record.acl_generation, record.checksum, record.length,
            self.children, record.directory, record.ephemeral, record.acl,
        )  # fmt: skip


@dataclass(slots=True, frozen=True)
class Holder:
    """Who holds a lock, since which revision."""

    session: int
    handle: int
    shared: bool
    revision: int


@dataclass(slots=True)
class Handle:
    """One session's open node."""

    number: int
    session: int
    path: str
    record: records.Handle
    ticket: int = 0
    """While it waits for the lock."""


@dataclass(slots=True)
class Session:
    """A client's lease on everything that it holds."""

    number: int
    record: records.Session
    heard_ms: int
    """From which time of the sessions' clock its lease counts."""
    charge: int = 0
    """The charge that it rests on; 0: none yet, or it is ending."""
    handles: dict[int, Handle] = field(default_factory=dict)


@dataclass(slots=True)
class Index:
    """All of them."""

    clock: records.Clock = field(default_factory=records.Clock)
    generation: int = 0
    nodes: dict[str, Node] = field(default_factory=lambda: {ROOT: Node(ROOT, FIRST_REVISION, records.Node(directory=True))})
    sessions: dict[int, Session] = field(default_factory=dict)
    opened: dict[int, None] = field(default_factory=dict)
    """Sessions since the newest charge."""
    ending: dict[int, None] = field(default_factory=dict)
    caching: dict[int, int] = field(default_factory=dict)
    """Sessions that keep what they read, and their leases, ms."""
    charges: dict[int, None] = field(default_factory=dict)
    """Those that are kept."""
    delays: dict[str, int] = field(default_factory=dict)
    """When each lock-delay is over, by the sessions' clock."""
    delay_ends: Any = field(default_factory=SortedList)
    """The same as (time, path), in order."""
    leases: dict[int, int] = field(default_factory=dict)
    """Length of lease, ms: how many sessions have it."""

    # ---------------------------------------------------------------------------------------------------------- questions

    def node_of(self, handle: Handle) -> Node | None:
        """The node that a handle is bound to; None when that instance is gone."""
        node = self.nodes.get(handle.path)
        return node if node is not None and node.instance == handle.record.instance else None

    def is_held(self, sequencer: Sequencer) -> bool:
        """Is this grant still in force?  [SAFETY 23]"""
        node = self.nodes.get(sequencer.path)
        if node is None or sequencer.generation != self.generation:
            return False
        return any(each.revision == sequencer.revision and each.shared == sequencer.shared for each in node.holders.values())

    # ------------------------------------------------------------------------------------------------------------ changes

    def put(self, key: bytes, record: Any, created: int) -> None:  # noqa: ANN401 (the record that belongs to the key's kind)
        """A key is there, or there anew; `created` is its create revision."""
        self._PUT[key[keys.KIND]](self, key, record, created)

    def drop(self, key: bytes) -> None:
        """A key is gone."""
        self._DROP[key[keys.KIND]](self, key)

    def _put_clock(self, _key: bytes, record: records.Clock, _created: int) -> None:
        self.clock = record

    def _put_generation(self, _key: bytes, record: records.Generation, _created: int) -> None:
        self.generation = record.restores

    def _put_node(self, key: bytes, record: records.Node, created: int) -> None:
        path = keys.path_of(key)
        node = self.nodes.get(path)
        if node is not None:
            node.record = record
            return
        self.nodes[path] = Node(path, created, record)
        self.nodes[keys.parent_of(path)].children += 1

    def _drop_node(self, key: bytes) -> None:
        path = keys.path_of(key)
        del self.nodes[path]
        self.nodes[keys.parent_of(path)].children -= 1

    def _put_session(self, key: bytes, record: records.Session, _created: int) -> None:
        number = keys.number_of(key)
        session = self.sessions.get(number)
        if session is None:
            session = self.sessions[number] = Session(number, record, self.clock.clock_ms)
            self.leases[record.lease_ms] = self.leases.get(record.lease_ms, 0) + 1
            if record.charge == self.clock.charge and not record.ending:
                self.opened[number] = None
            if record.caching:
                self.caching[number] = record.lease_ms
        session.record = record
        if record.ending:
            session.heard_ms = session.charge = 0
            self.ending[number] = None
            self.opened.pop(number, None)
            self.caching.pop(number, None)

    def _drop_session(self, key: bytes) -> None:
        session = self.sessions.pop(keys.number_of(key))
        del self.ending[session.number]
        lease_ms = session.record.lease_ms
        self.leases[lease_ms] -= 1
        if not self.leases[lease_ms]:
            del self.leases[lease_ms]

    def _put_handle(self, key: bytes, record: records.Handle, _created: int) -> None:
        path, session, number = keys.handle_of(key)
        known = self.sessions[session].handles
        if number in known:
            known[number].record = record
            return
        handle = known[number] = Handle(number, session, path, record)
        node = self.node_of(handle)
        if node is not None:
            node.opens[number] = handle

    def _drop_handle(self, key: bytes) -> None:
        _, session, number = keys.handle_of(key)
        handle = self.sessions[session].handles.pop(number)
        node = self.node_of(handle)
        if node is not None:
            del node.opens[number]

    def _put_holder(self, key: bytes, record: records.Holder, created: int) -> None:
        path, handle = keys.path_and_number_of(key)
        self.nodes[path].holders[handle] = Holder(record.session, handle, record.shared, created)

    def _drop_holder(self, key: bytes) -> None:
        path, handle = keys.path_and_number_of(key)
        del self.nodes[path].holders[handle]

    def _put_waiter(self, key: bytes, record: records.Waiter, _created: int) -> None:
        path, ticket = keys.path_and_number_of(key)
        self.nodes[path].queue[ticket] = record
        self.sessions[record.session].handles[record.handle].ticket = ticket

    def _drop_waiter(self, key: bytes) -> None:
        path, ticket = keys.path_and_number_of(key)
        waiter = self.nodes[path].queue.pop(ticket)
        self.sessions[waiter.session].handles[waiter.handle].ticket = 0

    def _put_delay(self, key: bytes, record: records.Delay, _created: int) -> None:
        path = keys.path_of(key)
        if path in self.delays:
            self._drop_delay(key)
        self.delays[path] = record.until_ms
        self.delay_ends.add((record.until_ms, path))

    def _drop_delay(self, key: bytes) -> None:
        path = keys.path_of(key)
        self.delay_ends.remove((self.delays.pop(path), path))

    def _put_charge(self, key: bytes, record: records.Charge, _created: int) -> None:
        """Those listed count their leases from here. 20,000 of them: 4 ms."""
        number = keys.number_of(key)
        self.charges[number] = None
        clock_ms, sessions = record.clock_ms, self.sessions
        for each in (*heard.decode(record.heard), *record.opened):
            session = sessions.get(each)
            if session is not None and not session.record.ending:
                session.heard_ms = clock_ms
                session.charge = number
        for each in record.opened:
            self.opened.pop(each, None)

    def _drop_charge(self, key: bytes) -> None:
        del self.charges[keys.number_of(key)]

    _PUT: ClassVar[dict[int, Callable[["Index", bytes, Any, int], None]]] = {
        ord("n"): _put_node, ord("s"): _put_session, ord("o"): _put_handle, ord("l"): _put_holder, ord("q"): _put_waiter,
        ord("d"): _put_delay, ord("c"): _put_charge, ord("t"): _put_clock, ord("g"): _put_generation,
    }  # fmt: skip
    _DROP: ClassVar[dict[int, Callable[["Index", bytes], None]]] = {
        ord("n"): _drop_node, ord("s"): _drop_session, ord("o"): _drop_handle, ord("l"): _drop_holder, ord("q"): _drop_waiter,
        ord("d"): _drop_delay, ord("c"): _drop_charge,
    }  # fmt: skip

    # ----------------------------------------------------------------------------------------------------------- checking

    def check(self, other: "Index") -> None:
        """Raises `InvariantViolated` where this differs from one that was made of the keys."""
        for name in self.__slots__:
            kept, made = getattr(self, name), getattr(other, name)
            if kept != made:
                raise InvariantViolated(
                    invariant=f"the index is that of the keys: {name}", detail=f"kept {kept!r:.300}, made {made!r:.300}"
                )
        for path, node in self.nodes.items():
            if list(node.queue) != sorted(node.queue):
                raise InvariantViolated(invariant="who came first waits first", detail=f"{path}: {list(node.queue)}")


def of(found: Iterable[tuple[bytes, bytes, int]]) -> Index:
    """The index of all reserved keys: (key, value, create revision).

    Raises:
        ProtocolError: They are not the lock service's.
    """
    index = Index()
    # A session, a node, a handle are made before what refers to them; the clock, whose key is as old as any, says which session is new.
    try:
        order = sorted(found, key=lambda each: (each[0] != keys.CLOCK, each[2], _ORDER.index(each[0][keys.KIND]), each[0]))
        for key, value, created in order:
            if key[keys.KIND] != _CONTENTS:
                index.put(key, records.decode(key, value), created)
    except (IndexError, KeyError, ValueError, InvalidCommand) as error:
        raise ProtocolError(reason=f"not the state of a lock service: {error!r}") from None
    return index


_ORDER: Final = b"tgnsolqdcfe"
_CONTENTS: Final = ord("f")
