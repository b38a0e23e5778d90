"""Members divide partitions: each is worked on by one, and by somebody."""

import asyncio
import threading
from collections import Counter

import pytest

from gaios.client import Cell, sync
from gaios.client.recipes.bridge import Partition as SyncPartition
from gaios.client.recipes.partitioner import PARTITIONS_MAX, Partition, share
from gaios.errors import ConfigurationError, Disagreement, LockLost, LostBeforeCall
from tests.client.cellar import wait
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import die, handles, lose, until
from tests.servers import PATIENCE_S

PARTITIONS = 8


class Workers:
    """Who works on what."""

    def __init__(self) -> None:
        self.owner: dict[int, str] = {}
        self.sequencers: dict[int, list[int]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, cell: Cell, name: str) -> asyncio.Task[None]:
        async def work(held: Partition) -> None:
            assert held.number not in self.owner, "two work on it"
            self.owner[held.number] = name
            self.sequencers.setdefault(held.number, []).append(held.sequencer.revision)
            try:
                await asyncio.sleep(PATIENCE_S * 10)
            finally:
                await asyncio.sleep(0)
                del self.owner[held.number]

        task = asyncio.ensure_future(cell.partitioner("shards", PARTITIONS).run(work, member=name))
        self.tasks.append(task)
        return task

    async def divide(self, *names: str) -> None:
        """Until all is divided among these."""
        expected = dict(enumerate(share(names, PARTITIONS)))
        await until(lambda: self.owner == expected)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


async def test_members_divide_all_and_divide_anew_when_that_changes(fake: FakeCell, cell: Cell, other: Cell) -> None:
    workers = Workers()
    workers.begin(cell, "a")
    await workers.divide("a")
    b = workers.begin(other, "b")
    await workers.divide("a", "b")
    workers.begin(other, "c")
    await workers.divide("a", "b", "c")
    b.cancel()
    await asyncio.wait([b])
    assert b.cancelled()
    await workers.divide("a", "c")
    for revisions in workers.sequencers.values():
        assert revisions == sorted(set(revisions))
    await workers.end()
    await until(lambda: handles(fake) == 0)


async def test_the_partitions_of_a_dead_member_are_worked_on_by_others(fake: FakeCell, cell: Cell, other: Cell) -> None:
    one, two = Workers(), Workers()
    one.begin(cell, "a")
    two.begin(other, "b")
    expected = share(["a", "b"], PARTITIONS)
    await until(lambda: len(one.owner) + len(two.owner) == PARTITIONS and len(one.owner) == expected.count("a"))
    await die(fake, cell)
    await until(lambda: len(two.owner) == PARTITIONS)
    await two.end()
    await one.end()


async def test_a_partition_is_given_up_when_its_work_has_ended(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Whoever takes its time to end is not overtaken."""
    let_go = asyncio.Event()
    ending: list[int] = []
    working: list[int] = []

    async def slow(held: Partition) -> None:
        working.append(held.number)
        try:
            await asyncio.sleep(PATIENCE_S)
        finally:
            ending.append(held.number)
            await let_go.wait()
            working.remove(held.number)

    workers = Workers()
    first = asyncio.ensure_future(cell.partitioner("shards", PARTITIONS).run(slow, member="a"))
    await until(lambda: len(working) == PARTITIONS)
    workers.begin(other, "b")
    mine = {number for number, name in enumerate(share(["a", "b"], PARTITIONS)) if name == "b"}
    await until(lambda: set(ending) == mine)
    assert workers.owner == {}
    let_go.set()
    await until(lambda: workers.owner.keys() == mine)
    assert not mine.intersection(working)
    first.cancel()
    await asyncio.wait([first])
    await workers.end()


async def test_an_error_of_the_work_ends_it_all(fake: FakeCell, cell: Cell) -> None:
    ended: list[int] = []

    async def work(held: Partition) -> None:
        try:
            if held.number == 3:
                raise ZeroDivisionError
            await asyncio.sleep(PATIENCE_S)
        finally:
            ended.append(held.number)

    with pytest.raises(ZeroDivisionError):
        await cell.partitioner("shards", PARTITIONS).run(work)
    assert 3 in ended
    await until(lambda: handles(fake) == 0)


async def test_at_jeopardy_all_work_is_cancelled(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""
    working: set[int] = set()

    async def work(held: Partition) -> None:
        working.add(held.number)
        try:
            await asyncio.sleep(PATIENCE_S)
        finally:
            working.remove(held.number)

    running = asyncio.ensure_future(cell.partitioner("shards", PARTITIONS).run(work))
    await until(lambda: len(working) == PARTITIONS)
    await lose(cell, clock)
    with pytest.raises(LockLost):
        await asyncio.wait_for(running, PATIENCE_S)
    assert working == set()


async def test_work_that_returns_stays_ones_own(cell: Cell, other: Cell) -> None:
    done: list[int] = []

    async def work(held: Partition) -> None:
        done.append(held.number)

    running = [asyncio.ensure_future(cell.partitioner("shards", 4).run(work, member="a"))]
    await until(lambda: sorted(done) == [0, 1, 2, 3])
    await other.put("k", "v")
    assert len(done) == 4
    for each in running:
        each.cancel()
    await asyncio.wait(running)


async def test_all_say_the_same_number(cell: Cell, other: Cell) -> None:
    workers = Workers()
    workers.begin(cell, "a")
    await workers.divide("a")
    with pytest.raises(Disagreement):
        await other.partitioner("shards", PARTITIONS + 1).run(lambda _: asyncio.sleep(0))
    await workers.end()
    for partitions in (0, PARTITIONS_MAX + 1):
        with pytest.raises(ConfigurationError):
            cell.partitioner("shards", partitions)


@pytest.mark.parametrize("members", range(1, 12))
def test_shares_are_even_and_stable(members: int) -> None:
    """Who joins moves little more than its own share."""
    names = [f"worker-{number}" for number in range(members)]
    before = share(names, 120)
    counts = Counter(before)
    assert set(counts) == set(names)
    assert max(counts.values()) <= -(-120 // members)
    assert share(reversed(names), 120) == before  # type: ignore[arg-type]
    after = share([*names, "worker-new"], 120)
    moved = sum(one != two for one, two in zip(before, after, strict=True))
    assert moved <= 3 * (120 // (members + 1)) + members


def test_without_members_they_are_nobodys() -> None:
    assert share([], 3) == ["", "", ""]


def test_threads_work_and_let_go(twin: sync.Cell) -> None:
    """They look at `held.lost`, and `held.check()` raises."""
    working: dict[int, str] = {}
    raised: list[str] = []

    class Stop(Exception):
        pass

    stop = threading.Event()

    def member(name: str) -> None:
        def work(held: SyncPartition) -> None:
            assert held.number not in working
            working[held.number] = name
            while not held.lost.wait(0.005):
                held.check()
                if stop.is_set():
                    del working[held.number]
                    raise Stop
            del working[held.number]
            try:
                held.check()
            except LockLost as error:
                raised.append(str(error))
                raise

        with pytest.raises(Stop):
            twin.partitioner("shards", 4).run(work, member=name)

    threads = [threading.Thread(target=member, args=("a",))]
    threads[0].start()
    wait(lambda: working == dict.fromkeys(range(4), "a"))
    threads.append(threading.Thread(target=member, args=("b",)))
    threads[1].start()
    wait(lambda: working == dict(enumerate(share(["a", "b"], 4))))
    assert all("another member" in each for each in raised)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_threads_calls_fail_after_its_lease(twin: sync.Cell, clock: Clock) -> None:
    """[SAFETY 22] As those of a task do; what is another's it may bring to an end."""
    told: list[type[Exception]] = []

    def work(held: SyncPartition) -> None:
        held.held.hand_over()  # type: ignore[attr-defined]
        with pytest.raises(LockLost, match="another member"):
            held.check()
        twin.put("k", "done")
        clock.sleep(13)
        try:
            twin.put("k", "too late")
        except LockLost as error:
            told.append(type(error))
            raise

    with pytest.raises(LockLost):
        twin.partitioner("shards", 1).run(work)
    assert told == [LostBeforeCall]
    clock.sleep(-13)
    entry = twin.get("k")
    assert entry is not None
    assert entry.value == b"done"
