"""Once per period: at most one run that ends well, whoever tries."""
# ruff: noqa: PT012 (what ends a body comes out of it)

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from gaios.client import Cell, sync
from gaios.errors import ConfigurationError, LockLost, NotAcquired, NotDue, StaleSequencer
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, die, handles, lose, until

HOUR = 3_600
KEY = b"recipes/once/report"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the wall clock, hours since 1970."""

    def set_to(hours: float) -> None:
        monkeypatch.setattr(time, "time", lambda: hours * HOUR)

    set_to(100.0)
    return set_to


async def test_who_comes_first_does_it_and_the_next_period_is_anothers(cell: Cell, other: Cell, at: Callable[[float], None]) -> None:
    async with cell.once("report", every=HOUR) as turn:
        assert turn.period == 100
        turn.check()
    for _ in range(2):
        with pytest.raises(NotDue, match="period 100") as caught:
            async with other.once("report", every=timedelta(hours=1)):
                raise AssertionError
        assert caught.value.definite
        at(100.9)
    at(101.0)
    async with other.once("report", every=HOUR) as turn:
        assert turn.period == 101


async def test_many_who_try_at_once_do_it_once(fake: FakeCell, cell: Cell, other: Cell, at: Callable[[float], None]) -> None:
    done: list[int] = []

    async def work(each: Cell) -> None:
        try:
            async with each.once("report", every=HOUR, wait=None) as turn:
                await asyncio.sleep(0)
                done.append(turn.period)
        except NotDue:
            pass

    await asyncio.gather(*(work(each) for each in (cell, other) * 10))
    assert done == [100]
    await until(lambda: handles(fake) == 0)


async def test_a_run_that_is_under_way_is_not_begun_again(cell: Cell, other: Cell, at: Callable[[float], None]) -> None:
    async with cell.once("report", every=HOUR):
        with pytest.raises(NotAcquired):
            async with other.once("report", every=HOUR):
                raise AssertionError


async def test_a_run_that_fails_is_repeated_unless_it_was_marked_before(cell: Cell, other: Cell, at: Callable[[float], None]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with cell.once("report", every=HOUR):
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        async with other.once("report", every=HOUR, mark="begin"):
            raise ZeroDivisionError
    with pytest.raises(NotDue):
        async with cell.once("report", every=HOUR):
            raise AssertionError


async def test_a_clock_that_is_behind_does_nothing_twice(cell: Cell, other: Cell, at: Callable[[float], None]) -> None:
    """And one that is ahead runs early, not twice."""
    at(101.5)
    async with cell.once("report", every=HOUR):
        pass
    at(100.5)
    with pytest.raises(NotDue):
        async with other.once("report", every=HOUR):
            raise AssertionError


async def test_another_length_of_the_period_begins_where_the_done_one_ends(cell: Cell, at: Callable[[float], None]) -> None:
    """A new version of the program may ask more often."""
    async with cell.once("report", every=HOUR):
        pass
    at(100.9)
    with pytest.raises(NotDue):
        async with cell.once("report", every=60):
            raise AssertionError
    at(101.0)
    async with cell.once("report", every=60) as turn:
        assert turn.period == 6_060


async def test_who_lost_the_lock_marks_nothing(fake: FakeCell, cell: Cell, other: Cell, clock: Clock, at: Callable[[float], None]) -> None:
    """[SAFETY 22] And is cancelled; somebody else does it."""
    with pytest.raises(LockLost):
        async with cell.once("report", every=HOUR):
            await lose(cell, clock)
            await asyncio.sleep(60)
    assert await other.get(KEY) is None
    clock.sleep(-13)


async def test_who_ends_after_its_session_is_told_that_it_may_be_done_again(
    fake: FakeCell, cell: Cell, other: Cell, at: Callable[[float], None]
) -> None:
    """Its client has not heard of it yet: the cell refuses the mark."""
    with pytest.raises(StaleSequencer):
        async with cell.once("report", every=HOUR):
            await die(fake, cell)
            async with other.once("report", every=HOUR):
                pass
    entry = await other.get(KEY)
    assert entry is not None
    assert entry.version == 1


@pytest.mark.parametrize("turns", TURNS)
async def test_one_that_is_cancelled_anywhere_leaves_nothing(
    fake: FakeCell, cell: Cell, other: Cell, turns: int, at: Callable[[float], None]
) -> None:
    async def work() -> None:
        async with cell.once("report", every=HOUR):
            await asyncio.sleep(60)

    working = asyncio.ensure_future(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    async with cell.lock("another"):
        pass
    await until(lambda: handles(fake) == 0)
    async with other.once("report", every=HOUR):
        pass


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"every": -1}, {"every": 1e12}, {"every": 1, "mark": "middle"}, {"every": 1, "wait": -1}], ids=str
)
async def test_what_makes_no_sense_is_refused(cell: Cell, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        cell.once("report", **wrong)


def test_threads_do_it_once(twin: sync.Cell, at: Callable[[float], None]) -> None:
    def work(_: int) -> int:
        try:
            with twin.once("report", every=HOUR, wait=None) as turn:
                turn.check()
                return turn.period
        except NotDue:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(12))) == 100
