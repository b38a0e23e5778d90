"""Whatever ends the taking, by then there is one thing that the caller has, or none."""

import asyncio

import pytest

from gaios.client import Cell
from gaios.client.handle import Handle
from gaios.client.held import Held
from gaios.client.nodes import Node
from gaios.client.recipes.turn import in_turn
from gaios.client.recipes.waiting import take
from gaios.errors import NotAcquired
from tests.client.fake import FakeCell
from tests.client.recipes.parts import handles, holders, until
from tests.servers import PATIENCE_S

THING = "/t/~things/a"


class Taker:
    """Takes the thing, or does not yet."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.locking = cell._own_locking()
        self.session = self.locking.session
        self.may = asyncio.Event()
        self.error: BaseException | None = None

    async def take(self, node: Node) -> tuple[Held, Handle] | None:
        if self.error is not None:
            raise self.error
        if not self.may.is_set():
            return None
        handle, sequencer = await take(self.session, THING, 0)
        return Held(THING, sequencer, handle), handle

    async def news(self, node: Node) -> None:
        await self.may.wait()

    async def run(self, wait: float | None) -> tuple[Held, Handle]:
        return await in_turn(self.cell, self.locking, "/t/turn", "/t/~things", wait, self.take, self.news)


async def test_a_thing_is_taken_when_there_is_one(fake: FakeCell, cell: Cell) -> None:
    taker = Taker(cell)
    taking = asyncio.ensure_future(taker.run(None))
    await until(lambda: holders(fake, "/t/turn") == 1)
    taker.may.set()
    _, handle = await asyncio.wait_for(taking, PATIENCE_S)
    assert handles(fake) == 1
    await taker.session.close_handle(handle)


async def test_an_error_leaves_nothing(fake: FakeCell, cell: Cell) -> None:
    taker = Taker(cell)
    taker.error = ZeroDivisionError()
    for wait in (None, 0):
        with pytest.raises(ZeroDivisionError):
            await taker.run(wait)
    await until(lambda: handles(fake) == 0)


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_who_is_cancelled_with_the_thing_in_hand_gives_it_back(fake: FakeCell, cell: Cell, turns: int) -> None:
    """While it leaves the turn to the next."""
    taker = Taker(cell)
    taker.may.set()
    taking = asyncio.ensure_future(taker.run(None))
    async with asyncio.timeout(PATIENCE_S):
        while not holders(fake, THING):  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    taking.cancel()
    try:
        _, handle = await taking
    except asyncio.CancelledError:
        pass
    else:
        await taker.session.close_handle(handle)
    await until(lambda: handles(fake) == 0)


async def test_now_or_not_does_not_stand_in_the_queue(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Nor behind it."""
    first = Taker(other)
    waiting = asyncio.ensure_future(first.run(None))
    await until(lambda: holders(fake, "/t/turn") == 1)
    taker = Taker(cell)
    with pytest.raises(NotAcquired):
        await taker.run(0)
    taker.may.set()
    _, handle = await taker.run(0)
    await taker.session.close_handle(handle)
    waiting.cancel()
    await asyncio.wait([waiting])
