"""Sessions and open nodes without async: their calls, driven from other threads."""
# ruff: noqa: SLF001 (a twin and what it drives are two halves of one thing)

import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from gaios.client import held as held_module
from gaios.client import holding, lock_sessions, node_events, opening
from gaios.client.arguments import Value
from gaios.client.bridge import CHUNK, Held, Lock, Twin, take_for
from gaios.client.held import OnJeopardy
from gaios.client.node_events import NodeEvent, Wanted
from gaios.client.opening import Create
from gaios.client.results import Done, NodeChanged, NodeContents
from gaios.errors import NotAcquired
from gaios.lock_api import Sequencer, Stat


class NodeEvents:
    """A node's events: `for event in node.events()`, by one thread at a time. It ends when the node is closed, or its session over."""

    def __init__(self, twin: Twin, events: node_events.NodeEvents) -> None:
        self._twin, self._events = twin, events
        self._taken: deque[NodeEvent] = deque()
        self._lock = threading.Lock()

    def __iter__(self) -> Self:
        """Itself."""
        return self

    def __next__(self) -> NodeEvent:
        """The next event; waits for it."""
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def next(self, timeout: float | None = None) -> NodeEvent | None:
        """The next event; None when none came within `timeout` seconds, or there are no more."""
        with self._lock:
            if not self._taken:
                self._taken.extend(self._twin._run(take_for(self._events.take(CHUNK), timeout)))
            return self._taken.popleft() if self._taken else None


class Node:
    """An open node: a file or a directory, and its lock; made by `Cell.open`. Use it with `with`, or close it. See `client.nodes.Node`."""

    def __init__(self, twin: Twin, opening: opening.Opening) -> None:
        self._twin = twin
        try:
            self._node = twin._run(opening.__aenter__())
        except BaseException:
            twin._run(opening.__aexit__(None, None, None))  # interrupted, it may have been opened meanwhile
            raise
        self._events = NodeEvents(twin, self._node.events())
        self._held: tuple[held_module.Held, Held] | None = None
        self.path = self._node.path
        self.created = self._node.created
        """Whether opening made it."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def read(self, *, timeout: float | None = None) -> NodeContents:
        """A file's whole contents and its numbers, at one moment."""
        return self._twin._run(self._node.read(timeout=timeout))

    def stat(self, *, timeout: float | None = None) -> Stat:
        """Its numbers."""
        return self._twin._run(self._node.stat(timeout=timeout))

    def children(self, *, timeout: float | None = None) -> dict[str, Stat]:
        """A directory's children by name, in order, with their numbers."""
        return self._twin._run(self._node.children(timeout=timeout))

    def write(self, contents: Value, *, generation: int | None = None, timeout: float | None = None) -> NodeChanged:
        """Replace a file's contents; if `generation` is given, only if it is its content generation."""
        return self._twin._run(self._node.write(contents, generation=generation, timeout=timeout))

    def set_acl(self, acl: tuple[str, str, str], *, generation: int | None = None, timeout: float | None = None) -> NodeChanged:
        """Replace the names of the access lists for reading, writing, and changing these."""
        return self._twin._run(self._node.set_acl(acl, generation=generation, timeout=timeout))

    def delete(self, *, timeout: float | None = None) -> Done:
        """Delete the node, with its lock; every handle of it becomes invalid."""
        return self._twin._run(self._node.delete(timeout=timeout))

    def set_sequencer(self, sequencer: Sequencer | None, *, timeout: float | None = None) -> None:
        """From now on every change through this handle is refused when that grant is not held any more."""
        self._twin._run(self._node.set_sequencer(sequencer, timeout=timeout))

    def acquire(self, *, shared: bool = False, wait: float | None = None) -> Held:
        """Take its lock; who holds it in that mode already is given the same again."""
        held = self._twin._run(self._acquire(shared=shared, wait=wait))
        holding.begin(held.held)
        return held

    def try_acquire(self, *, shared: bool = False) -> Held | None:
        """Take its lock if it is free now, else None."""
        try:
            return self.acquire(shared=shared, wait=0)
        except NotAcquired:
            return None

    def release(self, *, timeout: float | None = None) -> bool:
        """Give the lock back; whether there was one to give back. Waiting acquires end as by `cancel`."""
        return self._twin._run(self._node.release(timeout=timeout))

    def cancel(self) -> None:
        """End every acquire that waits through this handle, in whichever thread: it raises `NotAcquired`."""
        self._twin._run(_on_loop(self._node.cancel))

    def sequencer(self, *, timeout: float | None = None) -> Sequencer | None:
        """The proof of the grant that this handle holds; None when it holds none."""
        return self._twin._run(self._node.sequencer(timeout=timeout))

    def events(self) -> NodeEvents:
        """What happens from its opening on: `for event in node.events()`."""
        return self._events

    def poison(self) -> None:
        """Fail every call of it that is under way, and every later one, but close nothing."""
        self._twin._run(_on_loop(self._node.poison))

    def close(self) -> None:
        """Close it: its lock is released, its waiting ends, an ephemeral node that nobody else has open goes."""
        self._twin._run(self._node.close())

    async def _acquire(self, *, shared: bool, wait: float | None) -> Held:
        return self._twin_of(await self._node.acquire(shared=shared, wait=wait))

    def _twin_of(self, held: held_module.Held) -> Held:
        if self._held is None or self._held[0] is not held:
            lost = threading.Event()
            held.when_lost(lost.set)
            self._held = (held, Held(self._twin, held, lost))
        return self._held[1]


class Session:
    """A session of its own for some locks; made by `Cell.session`. Use it with `with`, or close it."""

    def __init__(self, twin: Twin, session: lock_sessions.Session) -> None:
        self._twin = twin
        self._session = session

    def __enter__(self) -> Self:
        """Itself; the session is opened with its first lock."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End it: its locks are free at once."""
        self._twin._run(self._session.close())

    @property
    def state(self) -> str:
        """`none`, `safe` or `jeopardy`."""
        return self._session.state

    def lock(
        self,
        name: str,
        *,
        shared: bool = False,
        wait: float | None = None,
        lock_delay: float = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Lock:
        """As `Cell.lock`."""
        return Lock(self._twin, self._session.lock(name, shared=shared, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy))

    def open(
        self,
        path: str,
        *,
        create: Create = False,
        directory: bool = False,
        ephemeral: bool = False,
        contents: Value = b"",
        write: bool = True,
        events: Iterable[Wanted] = (),
        lock_delay: float = 0.0,
        acl: tuple[str, str, str] | None = None,
        timeout: float | None = None,
    ) -> Node:
        """As `Cell.open`, in this session."""
        opening = self._session.open(
            path, create=create, directory=directory, ephemeral=ephemeral, contents=contents, write=write, events=events,
            lock_delay=lock_delay, acl=acl, timeout=timeout,
        )  # fmt: skip
        return Node(self._twin, opening)


async def _on_loop(call: Callable[[], None]) -> None:
    call()
