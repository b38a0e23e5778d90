"""A range is told whole first, and then by every change, whatever happens to history."""

import asyncio
import contextlib

import pytest

from gaios.api import Put
from gaios.client import Cell
from gaios.client.recipes import follow as module
from gaios.client.recipes.follow import Batch, follow
from gaios.errors import TooMuchWork, Unavailable
from tests.client.fake import FakeCell
from tests.client.recipes.parts import until
from tests.servers import PATIENCE_S

LIMIT = 1 << 20


async def test_the_first_batch_is_whole_and_the_others_are_whole_revisions(cell: Cell, other: Cell) -> None:
    await cell.put("k/1", "a")
    last = await cell.put("k/2", "b")
    await cell.put("l", "not of it")
    async with contextlib.aclosing(follow(cell, b"k/", b"k0", LIMIT)) as batches:
        first = await anext(batches)
        assert first.entries is not None
        assert [(entry.key, entry.value) for entry in first.entries] == [(b"k/1", b"a"), (b"k/2", b"b")]
        assert first.revision > last.revision
        done = await other.multiop(then=[Put(b"k/%d" % number, b"c") for number in range(2, 100)])
        batch = await anext(batches)
        assert (batch.entries, batch.revision, len(batch.events)) == (None, done.revision, 98)


async def test_one_key_is_followed_alone(cell: Cell) -> None:
    await cell.put("k", "a")
    await cell.put("k/1", "b")
    async with contextlib.aclosing(follow(cell, b"k", None, LIMIT)) as batches:
        first = await anext(batches)
        assert first.entries is not None
        assert [entry.key for entry in first.entries] == [b"k"]
        await cell.put("k/2", "b")
        done = await cell.delete("k")
        batch = await anext(batches)
        assert [(event.key, event.type, event.mod_revision) for event in batch.events] == [(b"k", "delete", done.revision)]


async def test_many_pages_are_one_revision(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    for number in range(5):
        await cell.put(f"k/{number}", "v")
    async with contextlib.aclosing(follow(cell, b"k/", b"k0", LIMIT)) as batches:
        first = await anext(batches)
        assert first.entries is not None
        assert len(first.entries) == 5


async def test_history_that_was_compacted_is_made_up_for(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """And goes on from there."""
    await cell.put("k/1", "a")
    async with contextlib.aclosing(follow(cell, b"k/", b"k0", LIMIT)) as batches:
        await anext(batches)
        following = asyncio.ensure_future(anext(batches))
        await until(lambda: len(fake.watches) == 1)
        # It hears nothing while everything is compacted.
        fake.replicas[0].is_frozen = True
        fake.master = 2
        for number in range(3):
            await other.put("k/1", str(number))
        await other.compact((await other.put("k/2", "b")).revision + 0)
        for connection in fake.connections():
            if connection.replica.is_frozen:
                connection.transport.abort()
        fake.replicas[0].thaw()
        async with asyncio.timeout(PATIENCE_S):
            batch = await following
        assert batch.entries is not None
        assert [(entry.key, entry.value) for entry in batch.entries] == [(b"k/1", b"2"), (b"k/2", b"b")]
        await other.put("k/3", "c")
        batch = await anext(batches)
        assert [event.key for event in batch.events] == [b"k/3"]


async def test_it_outlives_a_cell_that_is_away(fake: FakeCell, cell: Cell, other: Cell) -> None:
    async with contextlib.aclosing(follow(cell, b"k/", b"k0", LIMIT)) as batches:
        await anext(batches)
        following = asyncio.ensure_future(anext(batches))
        await until(lambda: len(fake.watches) == 1)
        for replica in fake.replicas:
            await replica.stop()
        for replica in fake.replicas:
            await replica.start()
        await other.put("k/1", "a")
        async with asyncio.timeout(PATIENCE_S):
            batch = await following
        assert [event.key for event in batch.events] == [b"k/1"]


async def test_what_is_too_much_is_refused(cell: Cell) -> None:
    await cell.put("k/1", "a" * 1_000)
    with pytest.raises(TooMuchWork):
        await anext(follow(cell, b"k/", b"k0", 1_000))


async def test_it_ends_with_its_client(fake: FakeCell, cell: Cell) -> None:
    async def run() -> None:
        async with contextlib.aclosing(follow(cell, b"k/", b"k0", LIMIT)) as batches:
            heard.extend([batch async for batch in batches])

    heard: list[Batch] = []
    running = asyncio.ensure_future(run())
    await until(lambda: len(fake.watches) == 1)
    await cell.close()
    with pytest.raises(Unavailable, match="closed"):
        await running
