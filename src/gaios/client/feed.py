"""A watch's events on their way from the connection to whoever reads them: bounded by pausing the watch, never by dropping.  [SAFETY 28]"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from gaios.api import Event
from gaios.errors import Error

EVENTS_HIGH: Final = 4_096
BYTES_HIGH: Final = 8 << 20
"""Above either the watch is paused; it goes on when the reader has taken all but a quarter."""


class Feed:
    """A bounded queue of events, and the error that ends it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        watch: int,
        pause: Callable[[int], None],
        resume: Callable[[int], None],
        leave: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._watch = watch
        self._pause, self._resume, self._leave = pause, resume, leave
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._is_paused = False
        self._error: Error | None = None
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None

    def add(self, events: tuple[Event, ...]) -> None:
        """More has happened."""
        self._events.extend(events)
        self._bytes += sum(map(_weight, events))
        if not self._is_paused and (len(self._events) > EVENTS_HIGH or self._bytes > BYTES_HIGH):
            self._is_paused = True
            self._pause(self._watch)
        self._wake()

    def end(self, error: Error) -> None:
        """Nothing more comes."""
        self._error = error
        self._wake()

    async def take(self, limit: int) -> list[Event]:
        """The next events, at least one and at most `limit`; none after `close`. Being cancelled, it has taken none.

        Raises:
            Error: what ended the watch, once the events before it were taken.
        """
        while not self._events:
            if self._is_closed:
                return []
            if self._error is not None:
                error, self._error, self._is_closed = self._error, None, True
                raise error
            if self._waiter is None:
                self._waiter = self._loop.create_future()
            await asyncio.shield(self._waiter)
        taken = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        self._bytes -= sum(map(_weight, taken))
        if self._is_paused and len(self._events) * 4 < EVENTS_HIGH and self._bytes * 4 < BYTES_HIGH:
            self._is_paused = False
            self._resume(self._watch)
        return taken

    def close(self) -> None:
        """Nobody reads any more."""
        if not self._is_closed:
            self._is_closed = True
            self._events.clear()
            self._leave(self._watch)
            self._wake()

    def close_from_afar(self) -> None:
        """As `close`, from any thread: its reader was forgotten."""
        if not self._is_closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set_result(None)
            self._waiter = None


def _weight(event: Event) -> int:
    return len(event.key) + len(event.value or b"") + 100
