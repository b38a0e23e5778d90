"""Watches as a program reads them."""

import asyncio
import gc

import pytest

from gaios.client import feed as feeds
from gaios.client.aio import Cell, connect
from gaios.errors import Compacted, KeyTooLong, Unavailable
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until


async def test_it_tells_changes_from_a_revision_on(cell: Cell) -> None:
    first = await cell.put("tide", "low")
    await cell.put("other", "x")
    await cell.put("tide", "high")
    await cell.delete("tide")
    seen = []
    async for event in cell.watch("tide", from_revision=first.revision):
        seen.append((event.type, event.value))
        if event.type == "delete":
            break
    assert seen == [("put", b"low"), ("put", b"high"), ("delete", None)]


async def test_within_async_with_everything_after_its_begin_is_told(cell: Cell) -> None:
    await cell.put("a", "before")
    async with cell.watch("a", prefix=True) as watch:
        await cell.put("a", "1")
        await cell.put("ab", "2")
        await cell.put("b", "not this")
        await cell.put("ac", "3")
        assert [(await anext(watch)).value for _ in range(3)] == [b"1", b"2", b"3"]
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_it_goes_on_after_its_masters_death(fake: FakeCell, cell: Cell) -> None:
    async with cell.watch("k") as watch:
        await cell.put("k", "0")
        await fake.replicas[0].stop()
        fake.master = 2
        for number in range(1, 5):
            await cell.put("k", str(number))
        assert [(await anext(watch)).value for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_it_notices_a_frozen_replica_although_nothing_else_is_asked(fake: FakeCell, cell: Cell) -> None:
    async with connect(fake.endpoints, timeout=PATIENCE_S) as writer, cell.watch("k") as watch:
        await cell.put("k", "0")
        assert (await anext(watch)).value == b"0"
        fake.replicas[0].is_frozen = True
        fake.master = 2
        await writer.put("k", "1")
        event = await asyncio.wait_for(anext(watch), PATIENCE_S)
        assert event.value == b"1"


async def test_a_slow_reader_gets_everything_and_costs_bounded_memory(fake: FakeCell, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch is paused, not dropped.  [SAFETY 28]"""
    monkeypatch.setattr(feeds, "EVENTS_HIGH", 100)
    async with cell.watch("k") as watch:
        await cell.put("k", "0")
        await anext(watch)
        for batch in range(20):
            await asyncio.gather(*(cell.put("k", str(batch * 50 + number)) for number in range(50)))
        assert watch._feed is not None
        assert len(watch._feed._events) < 1_000
        await until(lambda: len(fake.watches) == 0)  # paused
        values = [(await anext(watch)).value for _ in range(1_000)]
    assert values == [b"%d" % number for number in range(1_000)]


async def test_compacted_history_is_told(cell: Cell) -> None:
    await cell.put("k", "1")
    last = await cell.put("k", "2")
    await cell.compact(last.revision)
    watch = cell.watch("k", from_revision=1)
    with pytest.raises(Compacted):
        await anext(watch)
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_one_that_cannot_begin_in_time_says_so(fake: FakeCell, cell: Cell) -> None:
    fake.master = 0
    with pytest.raises(Unavailable):
        await anext(cell.watch("k", timeout=0.1))
    with pytest.raises(Unavailable):
        await anext(cell.watch("k", from_revision=3, timeout=0.1))


async def test_a_wrong_key_is_refused_at_once(cell: Cell) -> None:
    with pytest.raises(KeyTooLong):
        cell.watch("")


async def test_a_forgotten_watch_is_cancelled(fake: FakeCell, cell: Cell) -> None:
    """`break` leaves no watch behind at the replica."""
    first = await cell.put("k", "v")
    async for _ in cell.watch("k", from_revision=first.revision):
        break
    gc.collect()
    await until(lambda: len(fake.watches) == 0)


async def test_closing_the_client_ends_whoever_waits(fake: FakeCell) -> None:
    async with connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        await cell.put("k", "v")
        watch = cell.watch("k")
        waiting = asyncio.ensure_future(anext(watch))
        await until(lambda: len(fake.watches) == 1)
    with pytest.raises(Unavailable, match=r"^this client was closed"):
        await waiting


async def test_aclose_wakes_whoever_waits(fake: FakeCell, cell: Cell) -> None:
    watch = cell.watch("k")
    waiting = asyncio.ensure_future(anext(watch))
    await until(lambda: len(fake.watches) == 1)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_wait_may_be_cancelled_and_taken_up_again(cell: Cell) -> None:
    """`asyncio.timeout` around a read loses no event."""
    async with cell.watch("k") as watch:
        for number in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.02)
            await cell.put("k", str(number))
            assert (await anext(watch)).value == b"%d" % number
