"""Who comes to a barrier waits until it is removed."""

import asyncio
import threading

import pytest

from gaios.client import Cell, sync
from gaios.errors import ConfigurationError, NotInTime
from tests.client.cellar import Cellar, wait
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, until
from tests.servers import PATIENCE_S

KEY = b"recipes/barrier/gate"


async def test_where_none_stands_everybody_goes_on(cell: Cell) -> None:
    await cell.barrier("gate").wait(0)


async def test_it_is_created_and_removed_once(cell: Cell, other: Cell) -> None:
    one, two = cell.barrier("gate"), other.barrier("gate")
    assert [await one.create(), await two.create()] == [True, False]
    assert [await two.remove(), await one.remove()] == [True, False]


async def test_who_waits_goes_on_when_it_is_removed(fake: FakeCell, cell: Cell, other: Cell) -> None:
    await cell.barrier("gate").create()
    waiting = [asyncio.ensure_future(each.barrier("gate").wait()) for each in (cell, other, other)]
    await until(lambda: len(fake.watches) == 3)
    assert not any(each.done() for each in waiting)
    await other.put("recipes/barrier/gate/another", "")
    await other.barrier("gate").remove()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*waiting)
    await until(lambda: not len(fake.watches))


async def test_who_waited_goes_on_though_it_was_created_anew_at_once(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """The removal was told; whoever comes later waits for the next."""
    await cell.barrier("gate").create()
    waiting = asyncio.ensure_future(cell.barrier("gate").wait())
    await until(lambda: len(fake.watches) == 1)
    await other.barrier("gate").remove()
    await other.barrier("gate").create()
    async with asyncio.timeout(PATIENCE_S):
        await waiting
    with pytest.raises(NotInTime):
        await cell.barrier("gate").wait(0.01)


async def test_a_removal_whose_history_was_compacted_is_found(fake: FakeCell, cell: Cell, other: Cell) -> None:
    await cell.barrier("gate").create()
    waiting = asyncio.ensure_future(cell.barrier("gate").wait())
    await until(lambda: len(fake.watches) == 1)
    fake.replicas[0].is_frozen = True
    fake.master = 2
    await other.barrier("gate").remove()
    await other.barrier("gate").create()
    await other.compact((await other.overview()).revision)
    for connection in fake.connections():
        if connection.replica.is_frozen:
            connection.transport.abort()
    fake.replicas[0].thaw()
    async with asyncio.timeout(PATIENCE_S):
        await waiting


async def test_who_does_not_want_to_wait_longer_is_told(cell: Cell) -> None:
    await cell.barrier("gate").create()
    with pytest.raises(NotInTime, match="barrier gate was not removed") as caught:
        await cell.barrier("gate").wait(0.01)
    assert caught.value.definite
    assert caught.value.waited_ms == 10
    with pytest.raises(ConfigurationError):
        await cell.barrier("gate").wait(-1)


@pytest.mark.parametrize("turns", TURNS)
async def test_a_wait_that_is_cancelled_anywhere_leaves_no_watch(fake: FakeCell, cell: Cell, turns: int) -> None:
    await cell.barrier("gate").create()
    waiting = asyncio.ensure_future(cell.barrier("gate").wait())
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cell.get("k")
    await until(lambda: not len(fake.watches))


def test_threads_wait(cellar: Cellar, twin: sync.Cell) -> None:
    gate = twin.barrier("gate")
    assert gate.create()
    waiting = [threading.Thread(target=gate.wait) for _ in range(3)]
    for each in waiting:
        each.start()
    wait(lambda: len(cellar.fake.watches) == 3)
    with pytest.raises(NotInTime):
        gate.wait(0.01)
    assert gate.remove()
    for each in waiting:
        each.join(PATIENCE_S)
        assert not each.is_alive()
