"""What the user of an open node is told, in order.  [CHUBBY §2.5]

Rule 1. An event tells of what has happened: who reads the node again sees it, or newer.
Rule 2. Events are kept until they are read, `KEPT_MAX` of them; then all are dropped, and the next event is `lost`: whoever hears that,
or `failed_over`, reads again what it wants to know.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, Self, get_args

from gaios import lock_api
from gaios.client.handle import News
from gaios.client.lease import AskAgain, State
from gaios.errors import ConfigurationError
from gaios.lock_api import Notice

KEPT_MAX: Final = 1_024
"""Events of one node that nobody has read yet."""
Wanted = Literal["contents_modified", "child_added", "child_removed", "child_modified", "conflicting_request"]
"""Events that are told to those who ask for them when they open the node."""
Type = Literal[
    "contents_modified", "child_added", "child_removed", "child_modified", "conflicting_request",
    "handle_invalid", "lock_acquired", "failed_over", "lost", "jeopardy", "safe", "expired",
]  # fmt: skip


class NodeEvent(NamedTuple):
    """What happened to a node, to a handle of it, or to its session."""

    type: Type
    """Asked for: `contents_modified`; of a directory `child_added`, `child_removed`, `child_modified`; `conflicting_request`, somebody
    waits for the lock that this handle holds.

    Always told: `handle_invalid`, the node was deleted; `lock_acquired`, a waiting acquire was granted; `failed_over`, there is another
    master, and what happened around that may not be told; `lost`, there were too many events; of the session `jeopardy`, `safe`, and
    `expired`, after which there are no more."""
    name: str = ""
    """The child's, where it is about one."""
    revision: int = 0
    """Of the change; 0 where it is about none."""


_BITS: Final[dict[Wanted, int]] = {
    "contents_modified": lock_api.CONTENTS_MODIFIED, "child_added": lock_api.CHILD_ADDED, "child_removed": lock_api.CHILD_REMOVED,
    "child_modified": lock_api.CHILD_MODIFIED, "conflicting_request": lock_api.CONFLICTING_REQUEST,
}  # fmt: skip
_TYPES: Final[dict[int, Type]] = {
    **{bit: wanted for wanted, bit in _BITS.items()},
    lock_api.HANDLE_INVALID: "handle_invalid",
    lock_api.LOCK_ACQUIRED: "lock_acquired",
}
_STATES: Final[dict[State, Type]] = {State.JEOPARDY: "jeopardy", State.SAFE: "safe", State.EXPIRED: "expired"}


def bits_of(events: Iterable[Wanted]) -> int:
    """Events to be told, as `Open` names them. Raises `ConfigurationError`: there are none such."""
    bits = 0
    for event in (events,) if isinstance(events, str) else events:
        if event not in _BITS:
            raise ConfigurationError(reason=f"{event!r} is no event to ask for", hint=f"events are {', '.join(get_args(Wanted))}")
        bits |= _BITS[event]
    return bits


class NodeEvents:
    """A node's events: `async for event in node.events()`, by one task. It ends when the node is closed, or its session over."""

    def __init__(self) -> None:
        self._events: deque[NodeEvent] = deque()
        self._news = asyncio.Event()
        self._is_over = False

    def __aiter__(self) -> Self:
        """Itself."""
        return self

    async def __anext__(self) -> NodeEvent:
        """The next event; waits for it."""
        events = await self.take(1)
        if not events:
            raise StopAsyncIteration
        return events[0]

    async def take(self, limit: int) -> list[NodeEvent]:
        """The next event and those that are there already, up to `limit`; waits for one. Empty when there are no more."""
        while not self._events:
            if self._is_over:
                return []
            self._news.clear()
            await self._news.wait()
        return [self._events.popleft() for _ in range(min(limit, len(self._events)))]

    def told(self, news: News) -> None:
        """Something happened."""
        if isinstance(news, Notice):
            self._add(NodeEvent(_TYPES[news.what], news.name, news.revision))
        elif isinstance(news, AskAgain):
            self._add(NodeEvent("lost" if news.lost else "failed_over"))
        else:
            self._add(NodeEvent(_STATES[news]))
            if news == State.EXPIRED:
                self.end()

    def end(self) -> None:
        """There are no more."""
        self._is_over = True
        self._news.set()

    def _add(self, event: NodeEvent) -> None:
        if self._is_over:
            return
        if len(self._events) >= KEPT_MAX:
            self._events.clear()
            self._events.append(NodeEvent("lost"))
        self._events.append(event)
        self._news.set()
