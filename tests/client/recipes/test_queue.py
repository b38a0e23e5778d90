"""An item is in the queue until it was acknowledged, and is held by one at a time."""
# ruff: noqa: PT012 (what ends a body comes out of it)

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gaios.client import Cell, sync
from gaios.client.recipes import queue as module
from gaios.errors import ConfigurationError, InvalidCommand, LockLost, NotAcquired, StaleSequencer
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, die, handles, holders, lose, until, waiters
from tests.servers import PATIENCE_S

TURN = "/recipes/queue/mail/~turn"


def fail() -> None:
    raise ZeroDivisionError


async def drain(cell: Cell) -> list[bytes]:
    found: list[bytes] = []
    while True:
        try:
            async with cell.queue("mail").get(wait=0) as item:
                found.append(item.value)
        except NotAcquired:
            return found


async def test_first_in_first_out_and_lower_priorities_first(fake: FakeCell, cell: Cell, other: Cell) -> None:
    queue = cell.queue("mail")
    ids = [await queue.put(f"{number}", priority=priority) for number, priority in enumerate((100, 100, 7, 999, 100))]
    assert len(set(ids)) == 5
    assert await queue.size() == 5
    assert await drain(other) == [b"2", b"0", b"1", b"4", b"3"]
    assert await queue.size() == 0
    await until(lambda: handles(fake) == 0)


async def test_a_held_item_is_nobody_elses_and_is_gone_at_the_end(cell: Cell, other: Cell) -> None:
    queue = cell.queue("mail")
    await queue.put("a")
    await queue.put("b")
    async with queue.get() as first:
        assert first.value == b"a"
        first.check()
        assert await other.check(first.sequencer)
        async with other.queue("mail").get(wait=0) as second:
            assert second.value == b"b"
            assert await queue.size() == 2
    assert await queue.size() == 0


async def test_an_item_whose_body_fails_is_in_the_queue_again(cell: Cell, other: Cell) -> None:
    queue = cell.queue("mail")
    await queue.put("a")
    with pytest.raises(ZeroDivisionError):
        async with queue.get() as first:
            raise ZeroDivisionError
    async with other.queue("mail").get() as second:
        assert (second.id, second.value) == (first.id, b"a")
        assert second.sequencer.revision > first.sequencer.revision
    assert await queue.size() == 0


async def test_one_may_acknowledge_before_the_end(cell: Cell) -> None:
    queue = cell.queue("mail")
    await queue.put("a")
    with pytest.raises(ZeroDivisionError):
        async with queue.get() as item:
            await item.acknowledge()
            await item.acknowledge()
            assert await queue.size() == 0
            raise ZeroDivisionError
    assert await drain(cell) == []


async def test_who_waits_gets_what_is_put_and_who_comes_first_is_first(fake: FakeCell, cell: Cell, other: Cell) -> None:
    got: list[tuple[int, bytes]] = []

    async def get(number: int, each: Cell) -> None:
        async with each.queue("mail").get() as item:
            got.append((number, item.value))

    getting = []
    for number in range(4):
        getting.append(asyncio.ensure_future(get(number, (cell, other)[number % 2])))
        await until(lambda number=number: (holders(fake, TURN), waiters(fake, TURN)) == (1, number))  # type: ignore[misc]
    assert not got
    for number in range(4):
        await other.queue("mail").put(str(number))
        await until(lambda number=number: len(got) == number + 1)  # type: ignore[misc]
    await asyncio.gather(*getting)
    assert got == [(number, b"%d" % number) for number in range(4)]


async def test_the_item_of_a_dead_holder_is_anothers_and_the_dead_cannot_acknowledge_it(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[SAFETY 23] Its client does not know yet."""
    await cell.queue("mail").put("a")

    async def get() -> int:
        async with other.queue("mail").get() as item:
            assert item.value == b"a"
            with pytest.raises(StaleSequencer):
                await first.acknowledge()
            assert await other.queue("mail").size() == 1
            return item.sequencer.revision

    getting = cell.queue("mail").get()
    first = await getting.acquire(lambda: None)
    waiting = asyncio.ensure_future(get())
    await until(lambda: holders(fake, TURN) == 1)
    await die(fake, cell)
    assert await asyncio.wait_for(waiting, PATIENCE_S) > first.sequencer.revision
    with pytest.raises(StaleSequencer):
        await getting.release()
    assert await other.queue("mail").size() == 0


async def test_at_jeopardy_the_body_is_cancelled_and_the_item_not_acknowledged(cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""
    await cell.queue("mail").put("a")
    with pytest.raises(LockLost, match="jeopardy"):
        async with cell.queue("mail").get():
            await lose(cell, clock)
            await asyncio.sleep(PATIENCE_S)
    clock.sleep(-13)
    assert await cell.queue("mail").size() == 1


async def test_items_are_found_behind_many_that_are_held(cell: Cell, other: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    for number in range(6):
        await cell.queue("mail").put(str(number))
    held = [cell.queue("mail").get() for _ in range(5)]
    for each in held:
        await each.acquire(lambda: None)
    async with other.queue("mail").get(wait=0) as item:
        assert item.value == b"5"
    with pytest.raises(NotAcquired):
        async with other.queue("mail").get(wait=0.05):
            raise AssertionError
    for each in held:
        await each.release()
    assert await cell.queue("mail").size() == 0


async def test_a_put_whose_answer_is_lost_is_one_item(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[SAFETY 19]"""
    await cell.queue("mail").put("a")
    fake.lose_answers = 2
    putting = asyncio.ensure_future(cell.queue("mail").put("b"))
    for left in (1, 0):
        await until(lambda left=left: fake.lose_answers <= left)  # type: ignore[misc]
        for connection in fake.connections():
            connection.transport.abort()
    await asyncio.wait_for(putting, PATIENCE_S)
    assert await drain(other) == [b"a", b"b"]


async def test_no_item_is_lost_when_numbers_begin_anew(cell: Cell) -> None:
    """Somebody deleted the key that counts them."""
    queue = cell.queue("mail")
    await queue.put("one")
    await queue.put("two")
    await cell.delete("recipes/queue/mail")
    await queue.put("three")
    assert await drain(cell) == [b"one", b"two", b"three"]


async def test_many_producers_and_consumers_lose_and_repeat_nothing(fake: FakeCell, cell: Cell, other: Cell) -> None:
    got: list[bytes] = []

    async def put(each: Cell, number: int) -> None:
        await each.queue("mail").put(str(number))

    async def get(each: Cell) -> None:
        for attempt in range(6):
            with contextlib.suppress(ZeroDivisionError):
                async with each.queue("mail").get() as item:
                    if attempt != 3:
                        got.append(item.value)
                    else:
                        fail()

    async with asyncio.timeout(PATIENCE_S):
        putting = [put(each, number) for number, each in enumerate((cell, other) * 10)]
        await asyncio.gather(*putting, *(get(each) for each in (cell, other, cell, other)))
    assert sorted(map(int, got)) == list(range(20))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("turns", TURNS)
async def test_a_get_that_is_cancelled_anywhere_loses_no_item(fake: FakeCell, cell: Cell, other: Cell, turns: int, *, full: bool) -> None:
    async def get() -> None:
        async with other.queue("mail").get():
            await asyncio.sleep(PATIENCE_S)

    if full:
        await cell.queue("mail").put("a")
    getting = asyncio.ensure_future(get())
    for _ in range(turns):
        await asyncio.sleep(0)
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
    async with other.lock("another"):
        pass
    await until(lambda: handles(fake) == 0)
    assert await drain(cell) == [b"a"] * full


@pytest.mark.parametrize("priority", [-1, 1_000])
async def test_a_priority_that_makes_no_sense_is_refused(cell: Cell, priority: int) -> None:
    with pytest.raises(ConfigurationError):
        await cell.queue("mail").put("a", priority=priority)


@pytest.mark.parametrize("value", [7, None])
async def test_what_is_no_value_takes_no_number(cell: Cell, value: Any) -> None:
    with pytest.raises(InvalidCommand):
        await cell.queue("mail").put(value)
    assert (await cell.queue("mail").put("a")).endswith("-00000000000000000001")


def test_threads_put_and_get(twin: sync.Cell) -> None:
    queue = twin.queue("mail")

    def work(number: int) -> bytes:
        queue.put(str(number))
        with queue.get(wait=PATIENCE_S) as item:
            item.check()
            assert item.id
            item.acknowledge()
            return item.value

    with ThreadPoolExecutor(4) as pool:
        assert sorted(map(int, pool.map(work, range(12)))) == list(range(12))
    assert queue.size() == 0
