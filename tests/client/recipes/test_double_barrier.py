"""So many enter together, and leave together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gaios.client import Cell, sync
from gaios.client.recipes.double_barrier import PARTIES_MAX
from gaios.errors import ConfigurationError, Disagreement, LockLost, NotInTime, ProtocolError
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, die, handles, lose, until
from tests.servers import PATIENCE_S

MEMBERS = "/recipes/double-barrier/start/~members"
ROUND = b"recipes/double-barrier/start//round"


def members(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get(MEMBERS)
    return node.children if node is not None else 0


async def test_nobody_enters_before_all_are_there_or_leaves_before_all_do(fake: FakeCell, cell: Cell, other: Cell) -> None:
    inside: list[int] = []
    left: list[int] = []
    go = [asyncio.Event() for _ in range(3)]

    async def cross(number: int, each: Cell) -> None:
        async with each.double_barrier("start", 3) as held:
            held.check()
            inside.append(number)
            await go[number].wait()
        left.append(number)

    crossing = [asyncio.ensure_future(cross(number, each)) for number, each in ((0, cell), (1, other))]
    await until(lambda: members(fake) == 2)
    assert inside == []
    crossing.append(asyncio.ensure_future(cross(2, other)))
    await until(lambda: sorted(inside) == [0, 1, 2])
    go[0].set()
    go[1].set()
    await until(lambda: len([each for each in fake.machine._index.nodes if each.startswith(MEMBERS + "/")]) == 3)
    assert left == []
    go[2].set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*crossing)
    assert sorted(left) == [0, 1, 2]
    await until(lambda: handles(fake) == 0)
    assert await cell.get(ROUND) is None


async def test_it_is_used_again_and_again(cell: Cell, other: Cell) -> None:
    """Also by those who are faster than others: no round has too few."""
    inside: set[int] = set()
    rounds: list[int] = []

    async def cross(number: int, each: Cell) -> None:
        for _ in range(5):
            async with each.double_barrier("start", 2):
                inside.add(number)
                while len(inside) < 2:  # noqa: ASYNC110 (the other one has entered too)
                    await asyncio.sleep(0)
                rounds.append(number)
            inside.discard(number)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(cross(0, cell), cross(1, other))
    assert sorted(rounds) == [0] * 5 + [1] * 5


async def test_more_than_there_are_parties_wait_for_the_next_round(cell: Cell, other: Cell) -> None:
    crossed: list[int] = []

    async def cross(number: int) -> None:
        async with (cell, other)[number % 2].double_barrier("start", 2):
            crossed.append(number)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(cross(number) for number in range(6)))
    assert sorted(crossed) == list(range(6))


async def test_one_that_dies_while_it_waits_does_not_count(fake: FakeCell, cell: Cell, other: Cell) -> None:
    entered: list[int] = []

    async def cross(each: Cell) -> None:
        async with each.double_barrier("start", 2):
            entered.append(1)

    waiting = asyncio.ensure_future(cross(cell))
    await until(lambda: members(fake) == 1)
    await die(fake, cell)
    await until(lambda: members(fake) == 0)
    crossing = asyncio.ensure_future(cross(other))
    await until(lambda: members(fake) == 1)
    assert entered == []
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(crossing, cross(other))
    assert entered == [1, 1]
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_who_leaves_does_not_wait_for_the_dead(fake: FakeCell, cell: Cell, other: Cell) -> None:
    entered: list[Cell] = []

    async def cross(each: Cell) -> None:
        async with each.double_barrier("start", 2):
            entered.append(each)
            if each is cell:
                await asyncio.sleep(PATIENCE_S)

    dying = asyncio.ensure_future(cross(cell))
    leaving = asyncio.ensure_future(cross(other))
    await until(lambda: len(entered) == 2)
    await asyncio.sleep(0.01)
    assert not leaving.done()
    await die(fake, cell)
    await asyncio.wait_for(leaving, PATIENCE_S)
    assert await other.get(ROUND) is None
    dying.cancel()
    await asyncio.wait([dying])


async def test_one_whose_body_fails_does_not_hold_up_the_others(cell: Cell, other: Cell) -> None:
    async def cross(each: Cell) -> None:
        async with each.double_barrier("start", 2):
            if each is cell:
                raise ZeroDivisionError

    async with asyncio.timeout(PATIENCE_S):
        failed, left = await asyncio.gather(cross(cell), cross(other), return_exceptions=True)
    assert isinstance(failed, ZeroDivisionError)
    assert left is None


async def test_who_does_not_want_to_wait_longer_is_told(fake: FakeCell, cell: Cell) -> None:
    with pytest.raises(NotInTime, match="2 parties did not come"):
        async with cell.double_barrier("start", 2, wait=0.05):
            raise AssertionError
    await until(lambda: handles(fake) == 0)


async def test_in_jeopardy_who_waits_and_who_is_inside_are_told(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""

    async def cross(parties: int) -> None:
        async with cell.double_barrier("start", parties):
            await asyncio.sleep(PATIENCE_S)

    waiting = asyncio.ensure_future(cross(2))
    await until(lambda: members(fake) == 1)
    await lose(cell, clock)
    with pytest.raises(LockLost):
        await asyncio.wait_for(waiting, PATIENCE_S)


async def test_all_say_the_same_number(cell: Cell, other: Cell) -> None:
    async with cell.double_barrier("start", 1):
        with pytest.raises(Disagreement, match="has 1 by agreement, not 2"):
            async with other.double_barrier("start", 2):
                raise AssertionError
    for parties in (0, PARTIES_MAX + 1):
        with pytest.raises(ConfigurationError):
            cell.double_barrier("start", parties)


async def test_the_most_parties_fit_into_one_multiop(cell: Cell, other: Cell) -> None:
    entered: list[int] = []

    async def cross(number: int) -> None:
        async with (cell, other)[number % 2].double_barrier("start", PARTIES_MAX):
            entered.append(number)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(cross(number) for number in range(PARTIES_MAX)))
    assert len(entered) == PARTIES_MAX


async def test_what_is_no_round_is_told(cell: Cell) -> None:
    await cell.put(ROUND, "mine")
    with pytest.raises(ProtocolError, match="no round"):
        async with cell.double_barrier("start", 1):
            raise AssertionError


@pytest.mark.parametrize("turns", [*TURNS, 120, 200, 300])
async def test_one_that_is_cancelled_anywhere_leaves_nothing(fake: FakeCell, cell: Cell, other: Cell, turns: int) -> None:
    """And whoever comes next can cross."""

    async def cross() -> None:
        async with other.double_barrier("start", 2):
            await asyncio.sleep(PATIENCE_S)

    crossing = [asyncio.ensure_future(cross()) for _ in range(2)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for each in crossing:
        each.cancel()
    await asyncio.wait(crossing)
    assert all(each.cancelled() for each in crossing)
    async with other.lock("another"):
        pass
    await until(lambda: handles(fake) == 0)

    async def pass_by(each: Cell) -> None:
        async with each.double_barrier("start", 2):
            pass

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(pass_by(cell), pass_by(other))


def test_threads_cross(twin: sync.Cell) -> None:
    inside: set[int] = set()

    def cross(number: int) -> int:
        with twin.double_barrier("start", 3) as held:
            held.check()
            inside.add(number)
        return len(inside)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(cross, range(3))) == [3, 3, 3]
