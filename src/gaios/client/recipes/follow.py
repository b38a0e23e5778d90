"""What stands in a range, and then all that changes there: for caches and watchers.

Rule 1. The first batch is whole: every entry as of one revision. Those after it hold every event since, in order, by
whole revisions.
Rule 2. History that was compacted before it was told is made up for by another whole batch. Nothing is ever missing silently.
Rule 3. It outlives masters, and a cell that is away. It ends when its client is closed.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from gaios.api import Entry, Event
from gaios.client.keys import Keys
from gaios.errors import Compacted, Overloaded, TooMuchWork, Unavailable

AGAIN_S: Final = 0.5
"""Between attempts to list what the cell did not answer."""
_ALL: Final = 1 << 62


class Batch(NamedTuple):
    """What stands as of `revision`: `entries`, all of them; or, where that is None, what `events` changed since the batch before."""

    revision: int
    entries: tuple[Entry, ...] | None
    events: tuple[Event, ...] = ()


async def follow(keys: Keys, start: bytes, end: bytes | None, limit_bytes: int) -> AsyncGenerator[Batch, None]:
    """Batches, without end, of the key `start`, or of the keys of `[start, end)`.

    Raises:
        TooMuchWork: what is to be listed is more than `limit_bytes`.
        Unavailable: the cell did not answer at the beginning.
    """
    revision = 0
    while True:
        try:
            batch = await _list(keys, start, end, limit_bytes)
        except Compacted:
            continue  # meanwhile; a page belongs to no revision that is there
        except (Unavailable, Overloaded):
            if not revision or keys.is_closed:
                raise
            await asyncio.sleep(AGAIN_S)
            continue
        revision = batch.revision
        yield batch
        try:
            async with keys.watch(start, end, from_revision=revision + 1) as watch:
                # A watch hands on whole revisions, and all that it has is taken.
                while events := await watch.take(_ALL):
                    revision = events[-1].mod_revision
                    yield Batch(revision, None, tuple(events))
        except (Compacted, Unavailable, Overloaded):
            if keys.is_closed:
                raise


async def _list(keys: Keys, start: bytes, end: bytes | None, limit_bytes: int) -> Batch:
    after = start + b"\0" if end is None else end
    found: list[Entry] = []
    size = 0
    revision = 0
    while True:
        page = await keys.range(start, after, limit=_PAGE, revision=revision)
        found += page
        size += sum(len(entry.key) + len(entry.value) + OVERHEAD_BYTES for entry in page)
        if size > limit_bytes:
            raise TooMuchWork(do="keep in memory", limit=limit_bytes, unit="bytes")
        revision = page.revision
        if not page.more or not page:
            return Batch(revision, tuple(found))
        start = page[-1].key + b"\0"


_PAGE: Final = 1_000
OVERHEAD_BYTES: Final = 200
"""What an entry takes besides its key and value."""
