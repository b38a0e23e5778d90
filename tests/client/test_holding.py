"""Claims about calls that a lock's holder makes after its lease.  [SAFETY 22]"""
# ruff: noqa: PT012 (a lock's body has several statements, and what ends it comes out of it)

import asyncio
import os

import pytest

from gaios.client import Cell, holding
from gaios.client.held import Held
from gaios.client.sync import connect
from gaios.errors import LockLost, LostBeforeCall
from tests.client.cellar import Cellar
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S

pytestmark = pytest.mark.usefixtures("clock")


async def test_after_a_pause_a_holders_call_fails_before_anything_is_sent(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """No timer of the loop has rung: the body runs on from where it slept, into its next call."""
    await cell.put("account", "100")
    with pytest.raises(LockLost) as caught:
        async with cell.lock("job"):
            await cell.put("account", "90")
            clock.sleep(13)
            await cell.put("account", "80")
    assert isinstance(caught.value, LostBeforeCall)
    assert caught.value.definite
    entry = await cell.get("account")
    assert entry is not None
    assert entry.value == b"90"


@pytest.mark.parametrize("call", ["get", "lock", "check", "open", "watch"])
async def test_so_does_every_other_call(cell: Cell, clock: Clock, call: str) -> None:
    async def do(held: Held) -> None:
        if call == "get":
            await cell.get("k")
        elif call == "lock":
            await cell.lock("another").acquire(lambda: None)
        elif call == "check":
            await cell.check(held.sequencer)
        elif call == "open":
            await cell.open("/ls/local/svc", create=True)
        else:
            await anext(cell.watch("k"))

    with pytest.raises(LostBeforeCall):
        async with cell.lock("job") as held:
            clock.sleep(13)
            await do(held)


async def test_tasks_that_the_holder_started_fail_and_others_do_not(cell: Cell, clock: Clock) -> None:
    go = asyncio.Event()

    async def put() -> None:
        await go.wait()
        await cell.put("k", "v")

    apart = asyncio.ensure_future(put())
    with pytest.raises(LockLost):
        async with cell.lock("job"):
            mine = asyncio.ensure_future(put())
            await asyncio.sleep(0)
            clock.sleep(13)
            go.set()
            await asyncio.sleep(0)
    with pytest.raises(LostBeforeCall):
        await mine
    await apart


async def test_a_lock_that_was_released_stops_nobody(cell: Cell, clock: Clock) -> None:
    async with cell.lock("job") as held:
        pass
    clock.sleep(13)
    with pytest.raises(LockLost, match="released"):
        held.check()
    await cell.put("k", "v")
    clock.sleep(-13)
    lock = cell.lock("other")
    async with lock, cell.lock("third"):
        await cell.put("k", "v")


async def test_whoever_waits_for_the_verdict_may_call(cell: Cell, clock: Clock) -> None:
    async with cell.lock("job", on_jeopardy="wait"):
        clock.sleep(13)
        await cell.put("k", "v")


async def test_a_nodes_holder_fails_until_it_gives_the_lock_back(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    async with cell.open("/ls/local/svc", create=True) as node:
        held = await node.acquire()
        await node.write("one")
        clock.sleep(13)
        with pytest.raises(LostBeforeCall):
            await node.write("two")
        with pytest.raises(LostBeforeCall):
            await cell.put("k", "v")
        releasing = asyncio.ensure_future(node.release())
        while not releasing.done():
            await fake.pass_ms(3_000)
            await asyncio.sleep(0.001)
        assert await releasing
        assert held.lost.is_set()
        await cell.put("k", "v")
        assert (await node.read()).contents == b"one"


def test_a_thread_finds_out_too(cellar: Cellar, clock: Clock) -> None:
    """Nobody can cancel it; what it calls fails."""
    with connect(cellar.fake.endpoints) as cell, connect(cellar.fake.endpoints) as other:
        with pytest.raises(LostBeforeCall), cell.lock("job"):
            clock.sleep(13)
            other.put("k", "v")
        clock.sleep(-13)
        other.put("k", "v")
        with cell.open("/ls/local/svc", create=True) as node:
            node.acquire()
            clock.sleep(13)
            with pytest.raises(LostBeforeCall):
                other.put("k", "v")
            clock.sleep(-13)


async def test_who_is_given_the_same_again_holds_it_once(cell: Cell) -> None:
    """However often it asks: what is kept of it does not grow.  [SAFETY 28]"""
    async with cell.open("/ls/local/svc", create=True) as node:
        held = [await node.acquire() for _ in range(3)]
        assert held[0] is held[1] is held[2]
        assert holding._held.get().count(held[0]) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_holds_nothing(cellar: Cellar, clock: Clock) -> None:
    """Its parent may give the lock back, and it would not hear of it; its own client is stopped by no lock of the parent's."""
    reading, writing = os.pipe()
    with connect(cellar.fake.endpoints) as cell, cell.lock("job") as held:
        child = os.fork()
        if not child:
            said = b"nothing"
            try:
                with pytest.raises(LockLost, match="forked"):
                    held.check()
                clock.sleep(13)
                with connect(cellar.fake.endpoints, timeout=PATIENCE_S) as own:
                    said = b"checked, then %d" % own.increment("n").value
            finally:
                os.write(writing, said)
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reading, 100) == b"checked, then 1"
        held.check()
    os.close(reading)
    os.close(writing)
