"""One leader at a time, and everybody can see who."""
# ruff: noqa: PT012 (what ends a body comes out of it)

import asyncio
import signal
import threading

import pytest

from gaios.api import Put
from gaios.client import Cell, sync
from gaios.client.lease import State
from gaios.client.recipes.election import Leader
from gaios.errors import LockLost, NotAcquired, ProtocolError, StaleSequencer
from tests.client.cellar import Cellar, wait
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.client.recipes.parts import TURNS, die, handles, lose, until, waiters
from tests.servers import PATIENCE_S

PATH = "/recipes/election/shard/~lock"
KEY = b"recipes/election/shard"


class Observer:
    """What one sees."""

    def __init__(self, cell: Cell) -> None:
        self.seen: list[Leader | None] = []
        self.task = asyncio.ensure_future(self.run(cell))

    async def run(self, cell: Cell) -> None:
        async for leader in cell.election("shard").observe():
            self.seen.append(leader)

    @property
    def values(self) -> list[bytes | None]:
        return [leader.value if leader is not None else None for leader in self.seen]

    async def sees(self, *values: bytes | None) -> None:
        await until(lambda: self.values == [*values])

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def test_the_leader_is_seen_and_its_end_too(fake: FakeCell, cell: Cell, other: Cell) -> None:
    observer = Observer(other)
    await observer.sees(None)
    election = cell.election("shard")
    assert not election.is_leader()
    async with election.lead("10.0.0.7") as held:
        assert election.is_leader()
        await observer.sees(None, b"10.0.0.7")
        assert await other.election("shard").leader() == Leader(b"10.0.0.7", held.sequencer)
        await held.publish("10.0.0.8")
        await observer.sees(None, b"10.0.0.7", b"10.0.0.8")
        assert await other.check(held.sequencer)
    assert not election.is_leader()
    await observer.sees(None, b"10.0.0.7", b"10.0.0.8", None)
    assert await other.election("shard").leader() is None
    await observer.end()
    await until(lambda: handles(fake) == 0 and not len(fake.watches))


async def test_one_leads_after_the_other_with_greater_sequencers(cell: Cell, other: Cell) -> None:
    terms: list[int] = []
    inside: list[int] = []

    async def lead(each: Cell, number: int) -> None:
        async with each.election("shard").lead(str(number)) as held:
            inside.append(number)
            assert inside == [number]
            leader = await cell.election("shard").leader()
            assert leader is not None
            assert leader == Leader(b"%d" % number, held.sequencer)
            terms.append(held.sequencer.revision)
            inside.clear()

    await asyncio.gather(*(lead((cell, other)[number % 2], number) for number in range(10)))
    assert terms == sorted(set(terms))
    assert len(terms) == 10


async def test_who_does_not_want_to_campaign_longer_is_told(fake: FakeCell, cell: Cell, other: Cell) -> None:
    async with cell.election("shard").lead("a"):
        for seconds in (0, 0.01):
            with pytest.raises(NotAcquired):
                async with other.election("shard").lead("b", wait=seconds):
                    raise AssertionError
        await until(lambda: waiters(fake, PATH) == 0)


async def test_the_end_of_a_leader_that_died_is_seen(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Its key stands still, and does not count: nobody resigned."""
    observer = Observer(other)
    term = await cell.election("shard").lead("dead").acquire(lambda: None)
    await observer.sees(*((None, b"dead") if observer.values[:1] == [None] else (b"dead",)))
    await die(fake, cell)
    await until(lambda: observer.values[-1] is None)
    assert await other.get(KEY) is not None
    assert await other.election("shard").leader() is None
    with pytest.raises(StaleSequencer):
        await term.publish("undead")
    async with other.election("shard").lead("next"):
        await until(lambda: observer.values[-1] == b"next")
    await observer.end()


async def test_a_former_leader_overwrites_nobody(cell: Cell, other: Cell) -> None:
    """[SAFETY 23] Nor does its resignation."""
    async with cell.election("shard").lead("former") as former:
        pass
    async with other.election("shard").lead("present"):
        with pytest.raises(StaleSequencer):
            await former.publish("former")
        leader = await cell.election("shard").leader()
        assert leader is not None
        assert leader.value == b"present"


async def test_at_jeopardy_the_leader_is_cancelled(cell: Cell, clock: Clock) -> None:
    """[SAFETY 22]"""
    election = cell.election("shard")
    with pytest.raises(LockLost, match="jeopardy"):
        async with election.lead("a"):
            await lose(cell, clock)
            assert not election.is_leader()
            await asyncio.sleep(PATIENCE_S)


async def test_an_observer_outlives_compaction_and_a_cell_that_is_away(fake: FakeCell, cell: Cell, other: Cell) -> None:
    observer = Observer(other)
    await observer.sees(None)
    await until(lambda: len(fake.watches) == 1)
    fake.replicas[0].is_frozen = True
    fake.master = 2
    async with cell.election("shard").lead("a"):
        await cell.put("k", "v")
        await cell.compact((await cell.overview()).revision)
        for connection in fake.connections():
            if connection.replica.is_frozen:
                connection.transport.abort()
        fake.replicas[0].thaw()
        await observer.sees(None, b"a")
        for replica in fake.replicas:
            await replica.stop()
        for replica in fake.replicas:
            await replica.start()
    await observer.sees(None, b"a", None)
    await observer.end()


async def test_what_no_leader_wrote_is_told(cell: Cell) -> None:
    await cell.multiop(then=[Put(KEY, b"mine")])
    with pytest.raises(ProtocolError, match="no leader wrote"):
        await cell.election("shard").leader()
    with pytest.raises(ProtocolError):
        await anext(cell.election("shard").observe())


@pytest.mark.parametrize("turns", TURNS)
async def test_a_campaign_that_is_cancelled_anywhere_leaves_nothing(fake: FakeCell, cell: Cell, other: Cell, turns: int) -> None:
    async def lead() -> None:
        async with other.election("shard").lead("a"):
            await asyncio.sleep(PATIENCE_S)

    leading = asyncio.ensure_future(lead())
    for _ in range(turns):
        await asyncio.sleep(0)
    leading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leading
    async with other.lock("another"):
        pass
    await until(lambda: handles(fake) == 0)
    assert await cell.election("shard").leader() is None
    async with cell.election("shard").lead("b", wait=0):
        pass


@pytest.mark.parametrize("turns", TURNS)
async def test_an_observer_that_is_cancelled_anywhere_leaves_no_watch(fake: FakeCell, cell: Cell, other: Cell, turns: int) -> None:
    async with cell.election("shard").lead("a"):
        observer = Observer(other)
        for _ in range(turns):
            await asyncio.sleep(0)
        await observer.end()
        await other.get("k")
        await until(lambda: not len(fake.watches))


def test_threads_lead_and_observe(twin: sync.Cell) -> None:
    seen: list[bytes | None] = []
    ended = threading.Event()

    def observe() -> None:
        for leader in twin.election("shard").observe():
            seen.append(leader.value if leader is not None else None)
            if leader is not None and leader.value == b"c":
                break
        ended.set()

    observing = threading.Thread(target=observe)
    observing.start()
    election = twin.election("shard")
    with election.lead("a") as held:
        assert election.is_leader()
        wait(lambda: seen and seen[-1] == b"a")
        held.publish("b")
        wait(lambda: seen[-1] == b"b")
        leader = election.leader()
        assert leader is not None
        assert leader.sequencer == held.sequencer
        with pytest.raises(NotAcquired), election.lead("d", wait=0):
            raise AssertionError
    with election.lead("c"):
        observing.join(PATIENCE_S)
    assert ended.is_set()


async def test_the_end_of_a_former_term_is_not_that_of_ones_next(cell: Cell) -> None:
    """The body that lost the one may take its time to end."""
    election = cell.election("shard")
    former = election.lead("a")
    held = await former.acquire(lambda: None)
    held.happened(State.EXPIRED)
    cell._own_session().inner.put_away(former._handle)  # type: ignore[arg-type]
    async with election.lead("b"):
        await former.release()
        assert election.is_leader()
    assert not election.is_leader()


def test_an_observing_thread_may_be_interrupted(cellar: Cellar, twin: sync.Cell) -> None:
    """Ctrl-C: the interrupt comes out, nothing else, and no watch is left."""
    me = threading.get_ident()

    def interrupt() -> None:
        wait(lambda: len(cellar.fake.watches))
        signal.pthread_kill(me, signal.SIGINT)

    alarm = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        alarm.start()
        with pytest.raises(KeyboardInterrupt):
            for leader in twin.election("shard").observe():
                assert leader is None
    finally:
        signal.signal(signal.SIGINT, before)
        alarm.join()
    wait(lambda: not len(cellar.fake.watches))
