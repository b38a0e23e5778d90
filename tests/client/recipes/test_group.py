"""Who is there: a member is one while its session lives, and everybody sees the same."""
# ruff: noqa: PT012 (what ends a body comes out of it)

import asyncio
import threading
from typing import Any

import pytest

from gaios.client import Cell, sync
from gaios.client.recipes import group as module
from gaios.client.recipes.group import Member, View
from gaios.errors import InvalidCommand, LimitReached, LockLost, NotAcquired, ProtocolError, StaleSequencer
from tests.client.cellar import wait
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, die, handles, lose, until
from tests.servers import PATIENCE_S

KEYS = b"recipes/group/web//member/"


def shown(view: View) -> list[tuple[str, bytes]]:
    return [(member.id, member.value) for member in view.members]


class Observer:
    """What one sees."""

    def __init__(self, cell: Cell) -> None:
        self.seen: list[list[tuple[str, bytes]]] = []
        self.task = asyncio.ensure_future(self.run(cell))

    async def run(self, cell: Cell) -> None:
        async for view in cell.group("web").watch():
            self.seen.append(shown(view))

    async def sees(self, *members: tuple[str, bytes]) -> None:
        await until(lambda: self.seen and self.seen[-1] == [*members])

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def test_members_are_seen_with_what_they_say(fake: FakeCell, cell: Cell, other: Cell) -> None:
    group = cell.group("web")
    assert shown(await group.members()) == []
    observer = Observer(other)
    await observer.sees()
    async with group.join("10.0.0.7", member="a") as a, other.group("web").join("10.0.0.8", member="b"):
        assert a.id == "a"
        await observer.sees(("a", b"10.0.0.7"), ("b", b"10.0.0.8"))
        await a.say("draining")
        await observer.sees(("a", b"draining"), ("b", b"10.0.0.8"))
        view = await group.members()
        assert view.members[0] == Member("a", b"draining", a.sequencer, a._handle)
        assert (await other.multiop([view.members[0].guard()])).succeeded
        a.check()
    await observer.sees()
    assert len(await cell.range(prefix=KEYS)) == 0
    await observer.end()
    await until(lambda: handles(fake) == 0 and not len(fake.watches))


async def test_members_without_an_id_have_their_own(cell: Cell) -> None:
    async with cell.group("web").join() as a, cell.group("web").join() as b:
        assert a.id != b.id
        assert [member.id for member in (await cell.group("web").members()).members] == sorted([a.id, b.id])


async def test_one_that_dies_is_seen_to_be_gone_though_its_key_stands(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Until the next joins."""
    observer = Observer(other)
    dead = await cell.group("web").join("a", member="a").acquire(lambda: None)
    await observer.sees(("a", b"a"))
    await die(fake, cell)
    await observer.sees()
    assert len(await other.range(prefix=KEYS)) == 1
    with pytest.raises(StaleSequencer):
        await dead.say("undead")
    async with other.group("web").join("b", member="b"):
        await observer.sees(("b", b"b"))
        assert [entry.key for entry in await other.range(prefix=KEYS)] == [KEYS + b"b"]
    await observer.end()


async def test_one_that_comes_again_waits_for_the_end_of_its_former_self(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """A program that was killed and started again has its name from its configuration."""
    former = await cell.group("web").join("1", member="a").acquire(lambda: None)
    with pytest.raises(NotAcquired):
        async with other.group("web").join("2", member="a", wait=0):
            raise AssertionError

    async def again() -> int:
        async with other.group("web").join("2", member="a") as held:
            assert shown(await other.group("web").members()) == [("a", b"2")]
            return held.sequencer.revision

    joining = asyncio.ensure_future(again())
    await until(lambda: handles(fake) == 2)
    assert shown(await other.group("web").members()) == [("a", b"1")]
    await die(fake, cell)
    assert await asyncio.wait_for(joining, PATIENCE_S) > former.sequencer.revision


async def test_at_jeopardy_a_member_is_cancelled(cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""
    with pytest.raises(LockLost, match="jeopardy"):
        async with cell.group("web").join():
            await lose(cell, clock)
            await asyncio.sleep(PATIENCE_S)


async def test_an_observer_outlives_its_own_session(fake: FakeCell, cell: Cell, other: Cell, clock: Clock) -> None:
    observer = Observer(other)
    await observer.sees()
    clock.sleep(60)
    ring(other)
    clock.sleep(-60)
    async with cell.group("web").join("a", member="a"):
        await observer.sees(("a", b"a"))
    await observer.sees()
    await observer.end()


async def test_a_view_is_one_moment(cell: Cell, other: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members hand on to each other: there is always one, or two."""
    first = cell.group("web").join(member="0")
    await first.acquire(lambda: None)
    sizes: set[int] = set()

    async def hand_on() -> None:
        before = first
        for number in range(1, 10):
            joining = (cell, other)[number % 2].group("web").join(member=str(number))
            await joining.acquire(lambda: None)
            await before.release()
            before = joining
        await before.release()

    handing = asyncio.ensure_future(hand_on())
    while not handing.done():
        sizes.add(len((await other.group("web").members()).members))
    await handing
    last = (await other.group("web").members()).members
    assert last == ()
    assert sizes <= {0, 1, 2}
    assert 1 in sizes or 2 in sizes


async def test_what_no_member_wrote_is_told(cell: Cell) -> None:
    await cell.put(KEYS + b"a", "mine")
    with pytest.raises(ProtocolError, match="no member wrote"):
        await cell.group("web").members()


async def test_a_group_is_bounded(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(module, "MEMBERS_MAX", 1)
    async with cell.group("web").join():
        with pytest.raises(LimitReached):
            async with cell.group("web").join():
                raise AssertionError


@pytest.mark.parametrize("name", ["a/b", ".", "..", "a\0", "x" * 101, "\ud800" * 40])
async def test_what_is_no_id_is_refused(cell: Cell, name: Any) -> None:
    with pytest.raises(InvalidCommand):
        cell.group("web").join(member=name)


@pytest.mark.parametrize("turns", TURNS)
async def test_one_that_is_cancelled_anywhere_leaves_nothing(fake: FakeCell, cell: Cell, other: Cell, turns: int) -> None:
    async def join() -> None:
        async with other.group("web").join(member="a"):
            await asyncio.sleep(PATIENCE_S)

    joining = asyncio.ensure_future(join())
    observer = Observer(other)
    for _ in range(turns):
        await asyncio.sleep(0)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    await observer.end()
    async with other.lock("another"):
        pass
    await until(lambda: handles(fake) == 0 and not len(fake.watches))
    assert (await cell.group("web").members()).members == ()
    async with cell.group("web").join(member="a", wait=0):
        pass


def test_threads_join_and_watch(twin: sync.Cell) -> None:
    seen: list[list[tuple[str, bytes]]] = []

    def observe() -> None:
        for view in twin.group("web").watch():
            seen.append(shown(view))
            if seen[-1] == [("a", b"bye")]:
                break

    observing = threading.Thread(target=observe)
    observing.start()
    wait(lambda: seen == [[]])
    with twin.group("web").join("a", member="a") as held:
        assert held.id == "a"
        wait(lambda: seen[-1] == [("a", b"a")])
        held.say("bye")
        observing.join(PATIENCE_S)
    assert twin.group("web").members().members == ()
