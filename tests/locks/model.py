"""The lock service as the paper says it, in dictionaries that share no code with `locks/`: slow and plain on purpose.  [CHUBBY §2.2-§2.8]

It knows no keys and no revisions but those that it is told: each command gets the revision that it would make.
"""

from dataclasses import dataclass, field
from typing import Any

from gaios import lock_api
from gaios.lock_api import (
    CHILD_ADDED,
    CHILD_MODIFIED,
    CHILD_REMOVED,
    CONFLICTING_REQUEST,
    CONTENTS_MODIFIED,
    HANDLE_INVALID,
    LOCK_ACQUIRED,
    MUST_CREATE,
)

Told = tuple[int, int, str]
"""Handle, what, name."""


class No(Exception):
    """Refused; the argument is the error's class."""


@dataclass
class Node:
    instance: int
    directory: bool
    ephemeral: bool
    contents: bytes = b""
    generations: list[int] = field(default_factory=lambda: [0, 0, 1])
    """Of contents, lock, access lists."""
    holders: dict[int, tuple[bool, int]] = field(default_factory=dict)
    """Handle: shared, and revision of the grant."""
    queue: list[tuple[int, bool]] = field(default_factory=list)


@dataclass
class Handle:
    session: int
    path: str
    instance: int
    write: bool
    events: int
    delay_ms: int
    sequencer: lock_api.Sequencer | None = None


@dataclass
class Session:
    lease_ms: int
    heard_ms: int | None = None
    """None: not by a charge yet."""


class Model:
    """Everything that there is."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {"/": Node(1, True, False)}
        self.handles: dict[int, Handle] = {}
        self.sessions: dict[int, Session] = {}
        self.delays: dict[str, int] = {}
        self.clock_ms = 0
        self.told: list[Told] = []
        self.ended: list[int] = []

    # -- what there is

    def opens(self, path: str) -> list[int]:
        node = self.nodes[path]
        return [number for number, handle in self.handles.items() if handle.path == path and handle.instance == node.instance]

    def children(self, path: str) -> list[str]:
        inside = path.rstrip("/") + "/"
        return sorted(name for name in self.nodes if name != "/" and name.startswith(inside) and "/" not in name[len(inside) :])

    def node_of(self, session: int, number: int) -> tuple[Handle, Node]:
        if session not in self.sessions:
            raise No("SessionExpired")
        handle = self.handles.get(number)
        if handle is None or handle.session != session:
            raise No("UnknownHandle")
        node = self.nodes.get(handle.path)
        if node is None or node.instance != handle.instance:
            raise No("HandleInvalid")
        return handle, node

    def writer(self, session: int, number: int) -> tuple[Handle, Node]:
        handle, node = self.node_of(session, number)
        if not handle.write:
            raise No("ReadOnlyHandle")
        if handle.sequencer is not None and not self.is_held(handle.sequencer):
            raise No("StaleSequencer")
        return handle, node

    def is_held(self, sequencer: lock_api.Sequencer) -> bool:
        node = self.nodes.get(sequencer.path)
        return node is not None and sequencer.generation == 0 and (sequencer.shared, sequencer.revision) in node.holders.values()

    # -- what happens

    def carry_out(self, command: Any, revision: int) -> Any:
        """What is expected of the reply, or raises `No`."""
        return getattr(self, type(command).__name__)(command, revision)

    def OpenSession(self, command: lock_api.OpenSession, revision: int) -> int:  # noqa: N802 (named as what it carries out)
        self.sessions[revision] = Session(command.lease_ms)
        return revision

    def CloseSession(self, command: lock_api.CloseSession, revision: int) -> bool:  # noqa: N802
        if command.session not in self.sessions:
            raise No("SessionExpired")
        self.end([command.session], revision, lost=False)
        return True

    def Charge(self, command: lock_api.Charge, heard: list[int], revision: int) -> int:  # noqa: N802
        self.clock_ms += command.elapsed_ms
        for number, session in self.sessions.items():
            if number in heard or session.heard_ms is None:
                session.heard_ms = self.clock_ms
        over = [number for number, each in self.sessions.items() if self.clock_ms - (each.heard_ms or 0) > each.lease_ms]
        self.end(sorted(over), revision, lost=True)
        for path in sorted(self.delays, key=lambda path: (self.delays[path], path)):
            if self.delays[path] <= self.clock_ms:
                del self.delays[path]
                if path in self.nodes:
                    self.grant(path, revision)
        return len(over)

    def end(self, numbers: list[int], revision: int, *, lost: bool) -> None:
        for number in numbers:
            del self.sessions[number]
            self.ended.append(number)
        for number in numbers:
            for handle in sorted(each for each, found in self.handles.items() if found.session == number):
                self.shut(handle, revision, lost=lost)

    def Open(self, command: lock_api.Open, revision: int) -> tuple[int, bool]:  # noqa: N802
        if command.session not in self.sessions:
            raise No("SessionExpired")
        node = self.nodes.get(command.path)
        created = node is None
        if node is None:
            if not command.create:
                raise No("NoSuchNode")
            parent = command.path.rpartition("/")[0] or "/"
            if parent not in self.nodes:
                raise No("NoSuchNode")
            if not self.nodes[parent].directory:
                raise No("WrongKindOfNode")
            node = self.nodes[command.path] = Node(revision, command.directory, command.ephemeral, command.contents)
            node.generations[0] = 0 if command.directory else 1
            self.tell_parent(command.path, CHILD_ADDED)
        elif command.create == MUST_CREATE:
            raise No("NodeExists")
        elif command.create and node.directory != command.directory:
            raise No("WrongKindOfNode")
        self.handles[revision] = Handle(
            command.session, command.path, node.instance, command.write, command.events, command.lock_delay_ms
        )  # fmt: skip
        return revision, created

    def Close(self, command: lock_api.Close, revision: int) -> bool:  # noqa: N802
        if command.session not in self.sessions:
            raise No("SessionExpired")
        handle = self.handles.get(command.handle)
        if handle is None or handle.session != command.session:
            return False
        self.shut(command.handle, revision)
        return True

    def SetContents(self, command: lock_api.SetContents, _revision: int) -> bool:  # noqa: N802
        handle, node = self.writer(command.session, command.handle)
        if node.directory:
            raise No("WrongKindOfNode")
        if command.generation is not None and command.generation != node.generations[0]:
            return False
        node.contents = command.contents
        node.generations[0] += 1
        self.tell(handle.path, CONTENTS_MODIFIED)
        self.tell_parent(handle.path, CHILD_MODIFIED)
        return True

    def DeleteNode(self, command: lock_api.DeleteNode, _revision: int) -> bool:  # noqa: N802
        handle, _ = self.writer(command.session, command.handle)
        if handle.path == "/":
            raise No("InvalidCommand")
        if self.children(handle.path):
            raise No("NotEmpty")
        self.remove(handle.path)
        return True

    def Acquire(self, command: lock_api.Acquire, revision: int) -> tuple[int, bool, int]:  # noqa: N802
        """Revision of the grant or 0, whether it waits, what is left of a lock-delay."""
        handle, node = self.writer(command.session, command.handle)
        mode = dict(node.queue).get(command.handle, node.holders.get(command.handle, (command.shared, 0))[0])
        if mode != command.shared:
            raise No("LockConflict")
        if command.handle not in node.holders and command.handle not in dict(node.queue):
            if command.wait:
                holding = [number for number in node.holders if self.handles[number].events & CONFLICTING_REQUEST]
                node.queue.append((command.handle, command.shared))
                told = self.told
                self.told = []
                self.grant(handle.path, revision)
                self.told = told
                if command.handle not in node.holders:
                    self.told += [(number, CONFLICTING_REQUEST, "") for number in holding]
            elif not node.queue:
                node.queue.append((command.handle, command.shared))
                told = self.told
                self.told = []
                self.grant(handle.path, revision)
                self.told = told
                if command.handle not in node.holders:
                    node.queue.pop()
        if command.handle in node.holders:
            return node.holders[command.handle][1], False, 0
        return 0, command.handle in dict(node.queue), max(0, self.delays.get(handle.path, 0) - self.clock_ms)

    def Release(self, command: lock_api.Release, revision: int) -> bool:  # noqa: N802
        handle, _ = self.node_of(command.session, command.handle)
        return self.leave(command.handle, handle.path, revision)

    def SetSequencer(self, command: lock_api.SetSequencer, _revision: int) -> bool:  # noqa: N802
        handle, _ = self.node_of(command.session, command.handle)
        changed = handle.sequencer != command.sequencer
        handle.sequencer = command.sequencer
        return changed

    # -- inside

    def leave(self, number: int, path: str, revision: int, *, lost: bool = False) -> bool:
        node, handle = self.nodes[path], self.handles[number]
        found = number in node.holders or number in dict(node.queue)
        if node.holders.pop(number, None) and lost and handle.delay_ms:
            self.delays[path] = max(self.delays.get(path, 0), self.clock_ms + handle.delay_ms)
        node.queue = [each for each in node.queue if each[0] != number]
        self.grant(path, revision)
        return found

    def grant(self, path: str, revision: int) -> None:
        node = self.nodes[path]
        node.queue = [each for each in node.queue if self.handles[each[0]].session in self.sessions]
        while node.queue and self.delays.get(path, 0) <= self.clock_ms:
            number, shared = node.queue[0]
            if node.holders and not (shared and all(each[0] for each in node.holders.values())):
                return
            if not node.holders:
                node.generations[1] += 1
            node.holders[number] = (shared, revision)
            node.queue.pop(0)
            self.told.append((number, LOCK_ACQUIRED, ""))

    def shut(self, number: int, revision: int, *, lost: bool = False) -> None:
        handle = self.handles[number]
        node = self.nodes.get(handle.path)
        is_valid = node is not None and node.instance == handle.instance
        if is_valid:
            self.leave(number, handle.path, revision, lost=lost)
        del self.handles[number]
        if is_valid:
            self.vanish(handle.path)

    def vanish(self, path: str) -> None:
        node = self.nodes[path]
        if node.ephemeral and not self.opens(path) and not self.children(path):
            self.remove(path)

    def remove(self, path: str) -> None:
        self.told += [(number, HANDLE_INVALID, "") for number in self.opens(path)]
        self.tell_parent(path, CHILD_REMOVED)
        del self.nodes[path]
        self.vanish(path.rpartition("/")[0] or "/")

    def tell(self, path: str, what: int, name: str = "") -> None:
        self.told += [(number, what, name) for number in self.opens(path) if self.handles[number].events & what]

    def tell_parent(self, path: str, what: int) -> None:
        if path != "/":
            parent, _, name = path.rpartition("/")
            self.tell(parent or "/", what, name)
