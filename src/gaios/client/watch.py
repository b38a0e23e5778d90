"""A watch as its reader sees it.

Rule 1. Where it begins is fixed once, before anything is told; from there on it has no gaps, on whatever connection it runs.
Rule 2. It is read by one task. It ends by `aclose`, by the end of `async with`, or when nobody holds it any more.
"""
# ruff: noqa: ASYNC109 (as in aio.py)

import asyncio
import weakref
from types import TracebackType
from typing import Protocol, Self

from gaios.api import Event, Overview
from gaios.client.feed import Feed
from gaios.client.shell import Shell


class Looking(Protocol):
    """What a watch needs of its cell."""

    async def overview(self, *, timeout: float | None = None) -> Overview:
        """The present revision, among others."""


class Watch:
    """The events of a watch: `async for event in watch`."""

    def __init__(self, cell: Looking, shell: Shell, key: bytes, end: bytes | None, from_revision: int, timeout: float) -> None:
        self._cell = cell
        self._shell = shell
        self._key, self._end = key, end
        self._from = from_revision
        self._timeout = timeout
        self._feed: Feed | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Begin, and wait for the beginning."""
        await self._begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it."""
        await self.aclose()

    def __aiter__(self) -> Self:
        """Itself."""
        return self

    async def __anext__(self) -> Event:
        """The next event; waits for it."""
        events = await self.take(1)
        if not events:
            raise StopAsyncIteration
        return events[0]

    async def take(self, limit: int) -> list[Event]:
        """The next event and those that are there already, up to `limit`; waits for one. Empty when the watch was closed."""
        if self._is_closed:
            return []
        feed = self._feed or await self._begin()
        return await feed.take(limit)

    async def aclose(self) -> None:
        """End it: who waits for an event gets no more."""
        self._is_closed = True
        if self._feed is not None:
            self._feed.close()

    async def _begin(self) -> Feed:
        feed = self._feed
        if feed is None:
            began = asyncio.get_running_loop().time()
            if not self._from:
                # A linearizable read fixes where it begins, once and for all connections.
                self._from = (await self._cell.overview(timeout=self._timeout)).revision + 1
            left = max(0.0, self._timeout - (asyncio.get_running_loop().time() - began))
            feed = self._feed = self._shell.watch(self._key, self._end, self._from, left)
            # Left by `break`, a watch would be served for ever.
            weakref.finalize(self, feed.close_from_afar).atexit = False
        return feed
