"""What is held: its guard fences the cell's own keys, and giving back fails for nobody's sake."""
# ruff: noqa: PT012 (a lock's body has several statements, and what ends it comes out of it)

import asyncio

import pytest

from gaios.api import Put
from gaios.client import Cell
from gaios.client.held import Held
from gaios.client.lease import State
from gaios.client.locks import Lock
from gaios.errors import ConfigurationError, LockLost
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until


class Odd(Lock):
    """A grant whose beginning and end are a test's."""

    begins: BaseException | None = None
    ends: BaseException | None = None

    async def _begin(self, held: Held) -> None:
        if self.begins is not None:
            raise self.begins

    async def _end(self, held: Held, *, done: bool) -> None:
        self.done = done
        if self.ends is not None:
            raise self.ends


def odd(cell: Cell) -> Odd:
    return Odd(cell._own_locking(), "/locks/job")


def holders(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/locks/job")
    return len(node.holders) if node is not None else 0


def waiters(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/locks/job")
    return len(node.queue) if node is not None else 0


async def test_a_guard_holds_as_long_as_the_grant(cell: Cell) -> None:
    """[SAFETY 23] A MultiOp of plain keys is fenced by a lock, at the cell."""
    async with cell.lock("job") as former:
        assert (await cell.multiop([former.guard()], [Put(b"k", b"1")])).succeeded
    assert not (await cell.multiop([former.guard()], [Put(b"k", b"2")])).succeeded
    async with cell.lock("job") as held:
        assert not (await cell.multiop([former.guard()], [Put(b"k", b"2")])).succeeded
        assert (await cell.multiop([held.guard()], [Put(b"k", b"3")])).succeeded


async def test_those_who_share_a_lock_have_guards_of_their_own(cell: Cell) -> None:
    """They have one sequencer; that of one who left is good while another holds it, its guard is not."""
    async with cell.lock("job", shared=True) as one:
        async with cell.lock("job", shared=True) as two:
            assert (await cell.multiop([one.guard(), two.guard()], [Put(b"k", b"1")])).succeeded
        assert not (await cell.multiop([two.guard()], [Put(b"k", b"2")])).succeeded


async def test_what_cannot_begin_is_given_back(fake: FakeCell, cell: Cell) -> None:
    grant = odd(cell)
    for error in (ZeroDivisionError(), asyncio.CancelledError()):
        grant.begins = error
        with pytest.raises(type(error)):
            await grant.acquire(lambda: None)
        await until(lambda: holders(fake) == 0)
    grant.begins = None
    async with grant:
        assert holders(fake) == 1


async def test_what_cannot_end_well_is_given_back_and_told(fake: FakeCell, cell: Cell) -> None:
    grant = odd(cell)
    grant.ends = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        async with grant:
            pass
    assert grant.done
    await until(lambda: holders(fake) == 0)
    with pytest.raises(ZeroDivisionError) as caught:
        async with grant:
            raise KeyError
    assert isinstance(caught.value.__context__, KeyError)
    assert not grant.done


async def test_one_object_is_acquired_once_at_a_time(fake: FakeCell, cell: Cell) -> None:
    """Also while it waits."""
    async with cell.lock("job"):
        lock = cell.lock("job")
        waiting = asyncio.ensure_future(lock.acquire(lambda: None))
        await until(lambda: waiters(fake) == 1)
        with pytest.raises(ConfigurationError):
            await lock.acquire(lambda: None)
    await asyncio.wait_for(waiting, PATIENCE_S)
    with pytest.raises(ConfigurationError):
        await lock.acquire(lambda: None)
    await lock.release()
    await lock.release()
    assert holders(fake) == 0


async def test_who_asks_for_what_is_held_changes_nothing_for_its_holder(cell: Cell) -> None:
    """[SAFETY 22] The body is cancelled at its loss none the less."""
    lock = cell.lock("job")
    with pytest.raises(LockLost):
        async with lock as held:
            with pytest.raises(ConfigurationError):
                await lock.__aenter__()
            asyncio.get_running_loop().call_soon(held.happened, State.EXPIRED)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.Event().wait()


async def test_what_was_lost_before_its_body_can_be_acquired_again(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = cell.lock("job")
    with monkeypatch.context() as patched:
        patched.setattr(Held, "begins", lambda held: held.happened(State.EXPIRED))
        with pytest.raises(LockLost):
            await lock.__aenter__()
    async with lock as held:
        held.check()


async def test_a_loss_that_the_body_finds_out_itself_cancels_nothing_after_it(cell: Cell) -> None:
    """Its error comes out, and the cancellation, which it has overtaken, with it: it is no business of what its caller does next."""
    with pytest.raises(ZeroDivisionError):
        async with cell.lock("job") as held:
            held.happened(State.EXPIRED)
            raise ZeroDivisionError
    await asyncio.sleep(0)
    await cell.put("k", "v")
