"""Waiting ends when something happens, and leaves nothing behind."""

import asyncio

import pytest

from gaios.client import Cell
from gaios.client.recipes import waiting
from gaios.client.recipes.waiting import change, directory, either, news, patiently, take
from gaios.errors import KeyTooLong, Unavailable
from tests.client.fake import FakeCell
from tests.client.recipes.parts import handles, until
from tests.servers import PATIENCE_S


async def test_either_ends_with_the_first_and_gives_up_the_others() -> None:
    ended: list[str] = []

    async def long(name: str) -> None:
        try:
            await asyncio.sleep(PATIENCE_S)
        finally:
            ended.append(name)

    await either(long("one"), asyncio.sleep(0), long("two"))
    assert ended == ["one", "two"]

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await either(long("three"), fail())
    waiting_task = asyncio.ensure_future(either(long("four")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting_task
    assert ended[3:] == ["four"]


async def test_a_change_is_told_also_when_it_was_before(fake: FakeCell, cell: Cell, other: Cell) -> None:
    before = await cell.put("k", "0")
    await cell.put("k", "1")
    await change(cell, b"k", None, before.revision)
    now = (await cell.overview()).revision
    task = asyncio.ensure_future(change(cell, b"k", None, now))
    await until(lambda: len(fake.watches) == 1)
    await other.put("k", "2")
    await asyncio.wait_for(task, PATIENCE_S)
    await until(lambda: not len(fake.watches))


async def test_what_was_compacted_may_have_been_a_change(cell: Cell) -> None:
    before = await cell.put("k", "0")
    await cell.compact((await cell.put("j", "1")).revision)
    await change(cell, b"k", None, before.revision - 1)


async def test_patience_ends_with_the_client_or_with_another_error(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AGAIN_S", 0.001)
    asked: list[int] = []

    async def ask() -> int:
        asked.append(1)
        if len(asked) < 3:
            raise Unavailable(waited_ms=0, reason="r")
        return len(asked)

    assert await patiently(cell, ask) == 3

    async def refused() -> int:
        raise KeyTooLong(length=0, limit=1)

    with pytest.raises(KeyTooLong):
        await patiently(cell, refused)
    asked.clear()
    await cell.close()
    with pytest.raises(Unavailable):
        await patiently(cell, ask)


async def test_a_directory_tells_who_is_gone(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """An ephemeral file goes with its last handle."""
    async with directory(cell._own_locking(), "/d/~things") as node:
        handle, _ = await take(other._own_locking().session, "/d/~things/a", 0)
        assert list(await node.children()) == ["a"]
        hearing = asyncio.ensure_future(news(node))
        await other._own_locking().session.close_handle(handle)
        await asyncio.wait_for(hearing, PATIENCE_S)
        assert list(await node.children()) == []
    await until(lambda: handles(fake) == 0)
