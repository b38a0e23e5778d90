"""Recipes on production replicas whose masters die, while their users stand still for longer than a lease."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

import gaios
from gaios.api import Put
from gaios.client import Cell
from gaios.client.recipes.partitioner import Partition
from gaios.client.recipes.waiting import patiently

pytestmark = pytest.mark.gaios(replicas=3, seeds=3, limit_s=3_000)
ITEMS = 12


class Stop(Exception):
    """The test is over."""


async def trouble(cell: Any, programs: list[Any], rounds: int) -> None:
    """Whoever works stands still for longer than its lease, and masters die, now and then."""
    for number in range(rounds):
        await asyncio.sleep(cell.dice.between(5, 20))
        cell.pause(cell.dice.pick(programs), seconds=30)
        if number % 2:
            dead = await cell.kill_master()
            await asyncio.sleep(cell.dice.between(1, 5))
            cell.start(dead)


class Agent:
    """Writes for others, on a machine of its own; one request in five arrives after 40 s: networks do that."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell
        self.asked: asyncio.Queue[tuple[list[Any], int, asyncio.Future[bool]] | None] = asyncio.Queue()

    async def run(self) -> None:
        async with self.cell.connect() as client, asyncio.TaskGroup() as tasks:
            while (asked := await self.asked.get()) is not None:
                tasks.create_task(self.write(client, *asked))

    async def write(self, client: Cell, guard: list[Any], number: int, told: "asyncio.Future[bool]") -> None:
        await asyncio.sleep(40 if self.cell.dice.chance(0.2) else 0.1)
        done = await patiently(client, lambda: client.multiop(guard, [Put(b"number", b"%d" % number)]))
        if not told.done():
            told.set_result(done.succeeded)

    async def ask(self, guard: list[Any], number: int) -> bool:
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((guard, number, told))
        return await told


@pytest.mark.gaios(replicas=3, seeds=11, limit_s=3_000)
async def test_a_leader_writes_under_its_guard_and_no_update_is_lost(gaios_cell: Any) -> None:
    """[SAFETY 23] What it asks for arrives late, when another leads; the cell refuses it."""
    added: Counter[str] = Counter()
    lost: list[str] = []
    agent = Agent(gaios_cell)

    async def lead(name: str) -> None:
        async with gaios_cell.connect() as client:
            while added[name] < 6:
                asked = False
                try:
                    async with client.election("shard").lead(name) as held:
                        entry = await client.get("number")
                        asked = True
                        added[name] += await agent.ask([held.guard()], (int(entry.value) if entry is not None else 0) + 1)
                        asked = False
                except gaios.Error:
                    if asked:
                        lost.append(name)  # whoever was cancelled while it waited does not know

    writing = gaios_cell.program(agent.run(), "agent")
    leaders = [gaios_cell.program(lead(name), name) for name in ("a", "b", "c")]
    await trouble(gaios_cell, leaders, 6)
    for leader in leaders:
        await leader
    agent.asked.put_nowait(None)
    await writing
    async with gaios_cell.connect() as client:
        entry = await client.get("number")
        assert entry is not None
        assert 18 <= int(entry.value) <= 18 + len(lost)
        assert await client.election("shard").leader() is None


async def test_every_item_is_acknowledged_once(gaios_cell: Any) -> None:
    """However often it is handed out."""
    acknowledged: Counter[bytes] = Counter()
    handed: Counter[bytes] = Counter()
    unknown: list[str] = []

    async def work(name: str) -> None:
        async with gaios_cell.connect() as client:
            queue = client.queue("mail")
            while await patiently(client, queue.size):
                try:
                    async with queue.get(wait=20) as item:
                        handed[item.value] += 1
                        await asyncio.sleep(gaios_cell.dice.between(0, 6))
                        await item.acknowledge()
                        acknowledged[item.value] += 1
                except gaios.Unknown:
                    unknown.append(name)
                except gaios.Error:
                    pass

    async with gaios_cell.connect() as client:
        for number in range(ITEMS):
            await client.queue("mail").put(str(number))
        workers = [gaios_cell.program(work(name), name) for name in ("a", "b", "c")]
        await trouble(gaios_cell, workers, 4)
        for worker in workers:
            await worker
        assert set(handed) == {b"%d" % number for number in range(ITEMS)}
        assert max(acknowledged.values()) == 1
        assert ITEMS - len(unknown) <= sum(acknowledged.values()) <= ITEMS


async def test_never_more_permits_than_there_are_by_their_guards(gaios_cell: Any) -> None:
    """A holder that is alive by the cell's own word, at one revision."""

    async def hold(client: Cell, guards: list[Any]) -> None:
        for _ in range(6):
            try:
                async with client.semaphore("db", 2).permit() as held:
                    guards.append(held.guard())
                    await asyncio.sleep(gaios_cell.dice.between(0, 5))
            except gaios.Error:
                pass

    guards: list[Any] = []

    async def work() -> None:
        async with gaios_cell.connect() as client:
            await hold(client, guards)

    workers = [gaios_cell.program(work(), name) for name in ("a", "b", "c", "d")]

    async def look() -> None:
        async with gaios_cell.connect() as client:
            for _ in range(60):
                await asyncio.sleep(1)
                results = await client.multiop(then=[gaios.Get(each.key) for each in guards[-60:]])
                found = [entry for result in results.results for entry in result.entries]
                assert len({entry.key for entry in found}) <= 2

    looking = gaios_cell.program(look(), "looks")
    await trouble(gaios_cell, workers, 3)
    await looking
    for worker in workers:
        await worker


async def test_partitions_are_always_worked_on_again_and_by_one(gaios_cell: Any) -> None:
    """By the sequencers of those who worked on it: each is greater than the one before."""
    seen: dict[int, list[tuple[int, str]]] = {number: [] for number in range(4)}
    stopped: list[bool] = []

    async def member(name: str) -> None:
        async def work(held: Partition) -> None:
            while True:
                held.check()
                if stopped:
                    raise Stop
                seen[held.number].append((held.sequencer.revision, name))
                await asyncio.sleep(1)

        async with gaios_cell.connect() as client:
            while True:
                try:
                    await client.partitioner("shards", 4).run(work, member=name)
                except Stop:
                    return
                except gaios.Error:
                    await asyncio.sleep(1)

    members = [gaios_cell.program(member(name), name) for name in ("a", "b")]
    await trouble(gaios_cell, members, 3)
    await asyncio.sleep(60)
    before = {number: len(each) for number, each in seen.items()}
    await asyncio.sleep(10)
    for number, each in seen.items():
        assert len(each) > before[number], f"nobody works on {number}"
        assert [revision for revision, _ in each] == sorted(revision for revision, _ in each)
        assert all(one[1] == two[1] for one, two in itertools.pairwise(each) if one[0] == two[0])
    stopped.append(True)
    for one in members:
        await one
