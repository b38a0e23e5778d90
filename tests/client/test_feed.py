"""Between a connection and a reader: bounded, in order, and the error last."""

import asyncio

import pytest

from gaios.api import Event
from gaios.client import feed as feeds
from gaios.client.feed import Feed
from gaios.errors import Compacted


def event(revision: int, size: int = 1) -> Event:
    """A change with a value of that size."""
    return Event(b"k", bytes(size), 1, revision, revision)


def make(said: list[str]) -> Feed:
    """A feed that notes what it asks for."""
    return Feed(
        asyncio.get_running_loop(), 1, lambda _: said.append("pause"), lambda _: said.append("resume"), lambda _: said.append("leave")
    )


async def test_events_come_in_order_then_the_error_once_then_nothing() -> None:
    feed = make([])
    feed.add((event(1), event(2), event(3)))
    feed.end(Compacted(revision=1, compacted=2))
    assert [one.mod_revision for one in await feed.take(2)] == [1, 2]
    assert [one.mod_revision for one in await feed.take(2)] == [3]
    with pytest.raises(Compacted):
        await feed.take(1)
    assert await feed.take(1) == []


@pytest.mark.parametrize("size", [1, 100_000])
async def test_it_pauses_above_its_bound_and_resumes_below_a_quarter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of events or of bytes."""
    if size == 1:
        monkeypatch.setattr(feeds, "EVENTS_HIGH", 80)
    said: list[str] = []
    feed = make(said)
    revision = 0
    while not said:
        revision += 1
        feed.add((event(revision, size),))
    assert revision == (81 if size == 1 else 84)
    feed.add((event(revision + 1, size),))
    assert said == ["pause"]
    taken = 0
    while said == ["pause"]:
        taken += len(await feed.take(1))
    assert said == ["pause", "resume"]
    assert revision * 3 // 4 <= taken <= revision * 3 // 4 + 4


async def test_close_wakes_all_and_leaves_once() -> None:
    said: list[str] = []
    feed = make(said)
    waiting = [asyncio.ensure_future(feed.take(1)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.close()
    feed.close()
    assert await asyncio.gather(*waiting) == [[], [], []]
    assert said == ["leave"]


async def test_a_reader_that_was_forgotten_is_closed_from_any_thread() -> None:
    said: list[str] = []
    feed = make(said)
    await asyncio.to_thread(feed.close_from_afar)
    await asyncio.sleep(0)
    assert said == ["leave"]
    feed.close_from_afar()
