"""A counter adds exactly once, and only for who may."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gaios.client import Cell, sync
from gaios.errors import NotANumber, StaleSequencer
from tests.client.fake import FakeCell


async def test_it_adds_from_anywhere(fake: FakeCell, cell: Cell, other: Cell) -> None:
    counter, same = cell.counter("visits"), other.counter("visits")
    assert await counter.value() == 0
    numbers = await asyncio.gather(*(each.add() for each in (counter, same) * 20))
    assert sorted(numbers) == list(range(1, 41))
    assert await same.add(-50) == -10
    assert await counter.value() == -10


async def test_an_answer_that_is_lost_adds_nothing_twice(fake: FakeCell, cell: Cell) -> None:
    """[SAFETY 19]"""
    counter = cell.counter("visits")
    await counter.add()
    fake.lose_answers = 1
    adding = asyncio.ensure_future(counter.add())
    while fake.lose_answers:  # noqa: ASYNC110 (it has no event)
        await asyncio.sleep(0.001)
    for connection in fake.connections():
        connection.transport.abort()
    assert await adding == 2


async def test_a_former_holder_adds_nothing(cell: Cell) -> None:
    counter = cell.counter("visits")
    async with cell.lock("job") as held:
        assert await counter.add(5, held=held) == 5
    with pytest.raises(StaleSequencer):
        await counter.add(5, held=held)
    assert await counter.value() == 5


@pytest.mark.parametrize("value", ["", "many", "-", "1.5", "1" * 21])
async def test_what_is_no_number_is_none(cell: Cell, value: str) -> None:
    await cell.put("visits", value)
    with pytest.raises(NotANumber):
        await cell.counter("visits").value()


def test_threads_add(twin: sync.Cell) -> None:
    counter = twin.counter("visits")
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: counter.add(), range(40))) == list(range(1, 41))
    with twin.lock("job") as held:
        assert counter.add(2, held=held) == 42
    with pytest.raises(StaleSequencer):
        counter.add(2, held=held)
    assert counter.value() == 42
