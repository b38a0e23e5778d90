"""A function that runs in one place at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gaios.client import Cell, sync
from gaios.client.bridge import Held as SyncHeld
from gaios.client.held import Held
from gaios.errors import ConfigurationError, LockLost, NotAcquired
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import holders, lose, waiters


async def test_calls_take_turns_and_each_has_a_later_sequencer(fake: FakeCell, cell: Cell, other: Cell) -> None:
    inside: list[int] = []
    most: list[int] = []
    revisions: list[int] = []

    async def work(held: Held, number: int, *, by: int) -> int:
        """Work."""
        inside.append(number)
        most.append(len(inside))
        await asyncio.sleep(0)
        revisions.append(held.sequencer.revision)
        inside.remove(number)
        return number * by

    one, two = cell.singleton("nightly")(work), other.singleton("nightly")(work)
    assert one.__doc__ == "Work."
    found = await asyncio.gather(*(each(number, by=2) for number, each in enumerate((one, two) * 5)))
    assert found == [number * 2 for number in range(10)]
    assert max(most) == 1
    assert revisions == sorted(set(revisions))
    assert (holders(fake, "/locks/nightly"), waiters(fake, "/locks/nightly")) == (0, 0)


async def test_whoever_does_not_want_to_wait_is_told(cell: Cell, other: Cell) -> None:
    """It is the lock of that name: `gaios lock nightly` keeps it out as well."""

    @cell.singleton("nightly", wait=0)
    async def nightly(held: Held) -> None:
        raise AssertionError

    async with other.lock("nightly"):
        with pytest.raises(NotAcquired):
            await nightly()


async def test_it_is_cancelled_at_jeopardy(cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""

    @cell.singleton("nightly")
    async def nightly(held: Held) -> None:
        await lose(cell, clock)
        await asyncio.sleep(60)

    with pytest.raises(LockLost):
        await nightly()


async def test_what_makes_no_sense_is_refused_where_it_is_written(cell: Cell) -> None:
    with pytest.raises(ConfigurationError):
        cell.singleton("nightly", wait=-1)


def test_threads_take_turns(twin: sync.Cell) -> None:
    inside: list[int] = []

    @twin.singleton("nightly")
    def nightly(held: SyncHeld, number: int) -> int:
        held.check()
        inside.append(number)
        assert inside == [number]
        inside.remove(number)
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(nightly, range(12))) == list(range(12))
