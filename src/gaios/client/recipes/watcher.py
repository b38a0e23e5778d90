"""A function that is told of every change.

Rule 1. It is told first what stands, as if that had just been put; then every change, in order, once, one call after the other.
Rule 2. Changes that were compacted before it was told are made up for: it is told what is otherwise than it was, key by key.
Rule 3. An error of the function ends the watcher, which says so; nothing is told twice, or left out, behind its back.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from gaios.api import Entry, Event
from gaios.client.keys import Keys
from gaios.client.recipes.follow import Batch, follow
from gaios.errors import Unavailable

LIMIT_BYTES: Final = 64 << 20
"""Of what stands, when it is listed."""


async def changes(keys: Keys, start: bytes, end: bytes | None) -> AsyncGenerator[Event, None]:
    """What stands, as puts; then every change."""
    known: dict[bytes, int] = {}
    batches = follow(keys, start, end, LIMIT_BYTES)
    async with contextlib.aclosing(batches):
        async for batch in batches:
            for event in _missed(known, batch) if batch.entries is not None else batch.events:
                if event.value is None:
                    known.pop(event.key, None)
                else:
                    known[event.key] = event.mod_revision
                yield event


def _missed(known: dict[bytes, int], batch: Batch) -> list[Event]:
    """What is otherwise than it was: events in the order of revisions; who is gone without one that says so, as of the batch."""
    entries: tuple[Entry, ...] = batch.entries or ()
    there = {entry.key for entry in entries}
    gone = [Event(key, None, 0, 0, batch.revision) for key in sorted(known) if key not in there]
    fresh = [entry for entry in entries if known.get(entry.key) != entry.mod_revision]
    fresh.sort(key=lambda entry: entry.mod_revision)
    return [*(Event(entry.key, entry.value, entry.version, entry.create_revision, entry.mod_revision) for entry in fresh), *gone]


class Watcher:
    """Calls a function for each change until `aclose`, or until its client is closed; made by `Cell.on_change`."""

    def __init__(self, keys: Keys, start: bytes, end: bytes | None, function: Callable[[Event], Awaitable[None]]) -> None:
        self._keys = keys
        self._task = asyncio.get_running_loop().create_task(self._run(changes(keys, start, end), function))
        self._task.add_done_callback(self._ended)
        self._is_awaited = False

    async def wait(self) -> None:
        """Wait for its end. Raises what ended it: the function's error, or the cell's."""
        self._is_awaited = True
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def aclose(self) -> None:
        """End it. A call that is under way is cancelled."""
        self._is_awaited = True
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self, told: AsyncGenerator[Event, None], function: Callable[[Event], Awaitable[None]]) -> None:
        async with contextlib.aclosing(told) as events:
            try:
                async for event in events:
                    await function(event)
            except Unavailable:
                if not self._keys.is_closed:
                    raise

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._is_awaited:
            message = "a watcher ended, and its function is told nothing more"
            task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})


class OnChange:
    """A decorator, made by `Cell.on_change`: what it makes of a function is a `Watcher`, which has begun."""

    def __init__(self, keys: Keys, start: bytes, end: bytes | None) -> None:
        self._keys = keys
        self.range = (start, end)

    def __call__(self, function: Callable[[Event], Awaitable[None]]) -> Watcher:
        """Call it for every change from now on, in a task of its own."""
        return Watcher(self._keys, *self.range, function)
