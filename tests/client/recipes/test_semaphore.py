"""So many permits, no more, whatever happens; who comes first is first."""
# ruff: noqa: PT012 (what ends a body comes out of it)

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gaios.client import Cell, sync
from gaios.client.lease import State
from gaios.client.recipes.semaphore import PERMITS_MAX, Permit
from gaios.errors import ConfigurationError, Disagreement, LockLost, NotAcquired
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, be_kept, die, handles, lose, until, waiters
from tests.servers import PATIENCE_S

PATH = "/recipes/semaphore/db/~turn"
PERMITS = "/recipes/semaphore/db/~permits"


async def test_so_many_hold_it_and_each_has_its_own(fake: FakeCell, cell: Cell, other: Cell) -> None:
    one, two = cell.semaphore("db", 3), other.semaphore("db", 3)
    async with one.permit() as a, two.permit() as b, two.permit() as c:
        assert [a.number, b.number, c.number] == [0, 1, 2]
        assert b.path == f"{PERMITS}/1"
        for each in (a, b, c):
            each.check()
            assert await cell.check(each.sequencer)
            assert (await cell.multiop([each.guard()])).succeeded
        with pytest.raises(NotAcquired):
            async with one.permit(wait=0):
                raise AssertionError
        with pytest.raises(NotAcquired):
            async with one.permit(wait=0.02):
                raise AssertionError
    async with one.permit(wait=0) as again:
        assert again.number == 0
        assert again.sequencer.revision > a.sequencer.revision
    await until(lambda: handles(fake) == 0)


async def test_never_more_than_there_are(fake: FakeCell, cell: Cell, other: Cell) -> None:
    inside: set[int] = set()
    most: list[int] = []
    full = asyncio.Event()

    async def work(each: Cell, wait: float | None) -> None:
        try:
            async with each.semaphore("db", 3).permit(wait=wait) as held:
                assert held.number not in inside
                inside.add(held.number)
                most.append(len(inside))
                if len(inside) == 3:
                    full.set()
                await full.wait()
                inside.remove(held.number)
        except NotAcquired:
            assert wait == 0

    await asyncio.gather(*(work(each, wait) for each in (cell, other) for wait in (None, 0, None) * 4))
    assert max(most) == 3
    assert len(most) >= 16


async def test_who_comes_first_is_first(fake: FakeCell, cell: Cell, other: Cell) -> None:
    order: list[int] = []

    async def work(each: Cell, number: int) -> None:
        async with each.semaphore("db", 1).permit():
            order.append(number)

    working = []
    async with cell.semaphore("db", 1).permit():
        for number in range(6):
            working.append(asyncio.ensure_future(work((cell, other)[number % 2], number)))
            # The first of them is next, the others stand behind it.
            await until(lambda number=number: waiters(fake, PATH) == number and handles(fake) >= 2 + number)  # type: ignore[misc]
    await asyncio.gather(*working)
    assert order == list(range(6))


async def test_a_dead_holders_permit_is_free_when_its_session_is_over(fake: FakeCell, cell: Cell, other: Cell) -> None:
    got: list[Permit] = []

    async def work() -> None:
        async with other.semaphore("db", 1).permit() as held:
            got.append(held)

    permit = cell.semaphore("db", 1).permit()
    held = await permit.acquire(lambda: None)
    working = asyncio.ensure_future(work())
    await until(lambda: handles(fake) == 3)
    await die(fake, cell)
    await asyncio.wait_for(working, PATIENCE_S)
    assert got[0].sequencer.revision > held.sequencer.revision
    assert got[0].path == held.path
    assert not await other.check(held.sequencer)


async def test_at_jeopardy_its_body_is_cancelled(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""
    with pytest.raises(LockLost, match="jeopardy"):
        async with cell.semaphore("db", 2).permit():
            await lose(cell, clock)
            await asyncio.sleep(PATIENCE_S)


async def test_who_waits_in_jeopardy_goes_on_waiting(fake: FakeCell, cell: Cell, other: Cell, clock: Clock) -> None:
    """It has nothing to lose."""

    async def work() -> int:
        async with other.semaphore("db", 1).permit() as held:
            return held.sequencer.revision

    permit = cell.semaphore("db", 1).permit()
    await permit.acquire(lambda: None)
    working = asyncio.ensure_future(work())
    await until(lambda: handles(fake) == 3)
    session = other._own_locking().session
    await lose(other, clock)
    assert [each.state for each in (session.lease,) if each] == [State.JEOPARDY]
    await be_kept(fake, other)
    await be_kept(fake, other)
    assert [each.state for each in (session.lease,) if each] == [State.SAFE]
    assert not working.done()
    await permit.release()
    assert await asyncio.wait_for(working, PATIENCE_S)


async def test_all_say_the_same_number(cell: Cell, other: Cell) -> None:
    async with cell.semaphore("db", 3).permit():
        with pytest.raises(Disagreement, match="has 3 by agreement, not 4") as caught:
            async with other.semaphore("db", 4).permit():
                raise AssertionError
    assert caught.value.definite
    await other.put(caught.value.where, "4")
    async with other.semaphore("db", 4).permit():
        pass


@pytest.mark.parametrize("permits", [0, -1, PERMITS_MAX + 1])
async def test_a_number_that_makes_no_sense_is_refused(cell: Cell, permits: int) -> None:
    with pytest.raises(ConfigurationError):
        cell.semaphore("db", permits)


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("wait", [None, 0])
@pytest.mark.parametrize("turns", TURNS)
async def test_one_that_is_cancelled_anywhere_leaves_nothing(
    fake: FakeCell, cell: Cell, other: Cell, turns: int, wait: float | None, *, free: bool
) -> None:
    async def work() -> None:
        async with other.semaphore("db", 1).permit(wait=wait):
            await asyncio.sleep(PATIENCE_S)

    permit = cell.semaphore("db", 1).permit()
    if not free:
        await permit.acquire(lambda: None)
    working = asyncio.ensure_future(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    with pytest.raises((asyncio.CancelledError, NotAcquired)):
        await working
    async with other.lock("another"):
        pass
    await until(lambda: handles(fake) == (not free))
    await permit.release()
    async with cell.semaphore("db", 1).permit(wait=0):
        pass


async def test_a_time_out_loses_no_permit(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Whenever it strikes: there is a holder, or an error and no holder."""

    async def work(wait: float) -> bool:
        try:
            async with other.semaphore("db", 1).permit(wait=wait):
                return True
        except NotAcquired:
            return False

    for step in range(30):
        await work(0.0005 * (step + 1))
    await until(lambda: handles(fake) == 0)


def test_threads_share_it(twin: sync.Cell) -> None:
    semaphore = twin.semaphore("db", 2)
    inside: set[int] = set()

    def work(_: int) -> int:
        with semaphore.permit() as held:
            held.check()
            assert held.number not in inside
            inside.add(held.number)
            number = held.number
            inside.remove(number)
            return number

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(16))) <= {0, 1}
    with semaphore.permit(), semaphore.permit(), pytest.raises(NotAcquired), semaphore.permit(wait=0):
        raise AssertionError
