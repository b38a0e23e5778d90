"""A prefix in memory is what stood in the cell at its revision, and never goes back."""

import asyncio
import os
import threading
from functools import partial

import pytest

from gaios.api import Delete, Put
from gaios.client import Cell, sync
from gaios.errors import ConfigurationError, NotInTime, TooMuchWork, Unavailable
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, until


async def test_it_is_filled_when_the_body_begins(cell: Cell) -> None:
    await cell.put("c/1", "a")
    done = await cell.put("c/2", "b")
    await cell.put("d", "not of it")
    async with cell.cached("c/") as cache:
        assert len(cache) == 2
        assert [entry.key for entry in cache] == [b"c/1", b"c/2"]
        entry = cache.get("c/2")
        assert entry is not None
        assert (entry.value, entry.mod_revision) == (b"b", done.revision)
        assert "c/1" in cache
        assert "d" not in cache
        assert cache.get("d") is None


async def test_who_wrote_can_wait_until_it_shows_it(cell: Cell, other: Cell) -> None:
    async with cell.cached("c/") as cache:
        for number in range(20):
            done = await other.put("c/1", str(number))
            assert await cache.until(done.revision) >= done.revision
            entry = cache.get("c/1")
            assert entry is not None
            assert entry.value == b"%d" % number
        deleted = await other.delete("c/1")
        await cache.until(deleted.revision)
        assert len(cache) == 0
        with pytest.raises(NotInTime, match="not at"):
            await cache.until(deleted.revision + 1, wait=0.01)
        with pytest.raises(ConfigurationError):
            await cache.until(1, wait=-1)


async def test_a_view_is_one_revision(cell: Cell, other: Cell) -> None:
    """Keys that are always written together are never seen apart."""

    async def write() -> None:
        for number in range(50):
            value = b"%d" % number
            await other.multiop(then=[Put(b"c/1", value), Put(b"c/2", value), Put(b"c/3", value) if number % 2 else Delete(b"c/3")])

    async with cell.cached("c/") as cache:
        writing = asyncio.ensure_future(write())
        seen = 0
        while not writing.done():
            view = cache.view()
            assert len({entry.value for entry in view.entries}) <= 1
            assert all(entry.mod_revision <= view.revision for entry in view.entries)
            assert view.revision >= seen
            seen = view.revision
            await asyncio.sleep(0)
        await writing


async def test_it_survives_compaction(fake: FakeCell, cell: Cell, other: Cell) -> None:
    await cell.put("c/1", "a")
    await cell.put("c/2", "b")
    async with cell.cached("c/") as cache:
        await until(lambda: len(fake.watches) == 1)
        fake.replicas[0].is_frozen = True
        fake.master = 2
        await other.delete("c/1")
        done = await other.put("c/3", "c")
        await other.compact(done.revision)
        assert [entry.key for entry in cache] == [b"c/1", b"c/2"]  # what it knew last
        for connection in fake.connections():
            if connection.replica.is_frozen:
                connection.transport.abort()
        fake.replicas[0].thaw()
        await cache.until(done.revision)
        assert [entry.key for entry in cache] == [b"c/2", b"c/3"]


async def test_one_that_grows_too_large_raises_and_shows_nothing_old(cell: Cell) -> None:
    async with cell.cached("c/", limit_bytes=1_000) as cache:
        await cell.put("c/1", "a" * 500)
        await until(partial(cache.get, "c/1"))
        done = await cell.put("c/2", "b" * 500)
        with pytest.raises(TooMuchWork):
            await cache.until(done.revision)
        for ask in (cache.view, partial(cache.get, "c/1"), partial(len, cache)):
            with pytest.raises(TooMuchWork):
                ask()
    with pytest.raises(TooMuchWork):
        async with cell.cached("c/", limit_bytes=1_000):
            raise AssertionError
    with pytest.raises(ConfigurationError):
        cell.cached("c/", limit_bytes=0)


async def test_outside_of_its_body_it_raises(cell: Cell) -> None:
    cache = cell.cached("c/")
    with pytest.raises(ConfigurationError, match="not open"):
        cache.get("c/1")
    for _ in range(2):
        async with cache:
            assert cache.get("c/1") is None
            with pytest.raises(ConfigurationError, match="is open"):
                await cache.open()
        with pytest.raises(ConfigurationError, match="not open"):
            cache.view()


async def test_with_its_client_it_ends(cell: Cell) -> None:
    async with cell.cached("c/") as cache:
        waiting = asyncio.ensure_future(cache.until(1 << 60))
        await asyncio.sleep(0)
        await cell.close()
        with pytest.raises(Unavailable, match="closed"):
            await waiting
        with pytest.raises(Unavailable, match="closed"):
            cache.get("c/1")


@pytest.mark.parametrize("turns", TURNS)
async def test_one_that_is_cancelled_anywhere_leaves_no_watch(fake: FakeCell, cell: Cell, turns: int) -> None:
    async def hold() -> None:
        async with cell.cached("c/"):
            await asyncio.sleep(60)

    holding = asyncio.ensure_future(hold())
    for _ in range(turns):
        await asyncio.sleep(0)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await cell.get("k")
    await until(lambda: not len(fake.watches))
    assert len(asyncio.all_tasks()) <= 2


def test_any_thread_may_read_it(twin: sync.Cell) -> None:
    twin.put("c/1", "0")
    with twin.cached("c/") as cache:
        stop = threading.Event()
        wrong: list[object] = []

        def read() -> None:
            while not stop.is_set():
                view = cache.view()
                if len({entry.value for entry in view.entries}) != 1:
                    wrong.append(view)

        reading = threading.Thread(target=read)
        reading.start()
        revision = twin.put("c/2", "0").revision
        for number in range(50):
            value = b"%d" % number
            revision = twin.multiop(then=[Put(b"c/1", value), Put(b"c/2", value)]).revision
        assert cache.until(revision) == cache.revision
        stop.set()
        reading.join()
        assert not wrong
        assert len(cache) == 2
        assert "c/2" in cache
        assert [entry.value for entry in cache] == [b"49", b"49"]
        entry = cache.get("c/1")
        assert entry is not None
        with pytest.raises(NotInTime):
            cache.until(revision + 1, 0.01)
    with pytest.raises(ConfigurationError):
        cache.get("c/1")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_shown_nothing_old(twin: sync.Cell) -> None:
    """Nobody keeps it up to date there."""
    twin.put("c/1", "0")
    reading, writing = os.pipe()
    with twin.cached("c/") as cache:
        child = os.fork()
        if not child:
            said = b"nothing"
            try:
                for read in (cache.view, lambda: cache.get("c/1"), lambda: len(cache), lambda: cache.revision):
                    with pytest.raises(ConfigurationError, match="fork"):
                        read()
                said = b"refused"
            finally:
                os.write(writing, said)
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"refused"
        assert len(cache) == 1
    os.close(reading)
    os.close(writing)
