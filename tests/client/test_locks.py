"""Claims about locks as their users see them; the clocks of client and cell are a test's."""
# ruff: noqa: PT012 (what is waited for has no event; a lock's body has several statements, and what ends it comes out of it)

import asyncio
from functools import partial
from typing import Any

import pytest

import gaios
from gaios import lock_api
from gaios.client import Cell
from gaios.client.held import Held
from gaios.client.locks import path_of
from gaios.errors import ConfigurationError, InvalidCommand, LockLost, NotAcquired, SessionExpired, Unavailable
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until

pytestmark = pytest.mark.usefixtures("clock")


def waiters(fake: FakeCell, path: str = "/locks/job") -> int:
    node = fake.machine._index.nodes.get(path)
    return len(node.queue) if node is not None else 0


def holders(fake: FakeCell, path: str = "/locks/job") -> int:
    node = fake.machine._index.nodes.get(path)
    return len(node.holders) if node is not None else 0


def handles(fake: FakeCell) -> int:
    return sum(len(session.handles) for session in fake.machine._index.sessions.values())


def is_past(held: Held, number: int) -> bool:
    """Whether its KeepAlive of this number was answered."""
    return held._lease.number > number


async def be_kept(fake: FakeCell, held: Held) -> None:
    """The cell's time goes on by a quarter of the lease, and its answer has come."""
    number = held._lease.number
    await fake.pass_ms(3_000)
    await until(partial(is_past, held, number))


async def expire(fake: FakeCell, clock: Clock) -> None:
    """Nobody was heard from for longer than a lease."""
    for replica in fake.replicas:
        replica.is_frozen = True
    await fake.pass_ms(20_000)
    clock.sleep(20)


async def test_a_lock_is_held_from_enter_to_exit(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.4] And whoever is shown its sequencer can ask the cell whether it still is."""
    async with cell.lock("job") as held:
        held.check()
        assert not held.lost.is_set()
        assert (held.path, held.sequencer.path, held.sequencer.shared) == ("/locks/job", "/locks/job", False)
        assert str(held.sequencer) == f"0.{held.sequencer.revision}"
        assert await other.check(held.sequencer)
        assert await other.check(str(held.sequencer), "job")
        assert not await other.check(str(held.sequencer), "job", shared=True)
        assert not await other.check(str(held.sequencer), "another")
    assert not await other.check(held.sequencer)
    assert handles(fake) == 0


async def test_who_waits_gets_it_next_and_sequencers_grow(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[SAFETY 23]"""
    got: list[Held] = []

    async def wait() -> None:
        async with other.lock("job") as held:
            got.append(held)

    async with cell.lock("job") as first:
        waiting = asyncio.ensure_future(wait())
        await until(lambda: waiters(fake) == 1)
        assert not got
    await asyncio.wait_for(waiting, PATIENCE_S)
    assert (got[0].sequencer.generation, got[0].sequencer.revision) > (first.sequencer.generation, first.sequencer.revision)


async def test_a_lock_object_is_used_again_and_again(cell: Cell) -> None:
    lock = cell.lock("job")
    revisions = []
    for _ in range(3):
        async with lock as held:
            revisions.append(held.sequencer.revision)
            with pytest.raises(ConfigurationError, match="holds"):
                await lock.__aenter__()
    assert revisions == sorted(set(revisions))


async def test_shared_holders_are_together_and_keep_others_out(fake: FakeCell, cell: Cell, other: Cell) -> None:
    async with cell.lock("job", shared=True), other.lock("job", shared=True):
        assert holders(fake) == 2
        with pytest.raises(NotAcquired, match="is not free"):
            async with other.lock("job", wait=0):
                raise AssertionError
    async with other.lock("job", wait=0):
        pass


async def test_who_does_not_want_to_wait_longer_leaves_no_waiter(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Nor a handle."""
    async with cell.lock("job"):
        for wait in (0, 0.01):
            with pytest.raises(NotAcquired) as caught:
                async with other.lock("job", wait=wait):
                    raise AssertionError
            assert caught.value.definite
        await until(lambda: waiters(fake) == 0 and handles(fake) == 1)
        assert holders(fake) == 1


@pytest.mark.parametrize("turns", [*range(12), 15, 20, 30, 50])
async def test_an_acquire_that_is_cancelled_anywhere_leaves_nothing(fake: FakeCell, cell: Cell, other: Cell, turns: int) -> None:
    """At each of its turns of the loop: before the session, the directory, the handle, the grant."""

    async def wait() -> None:
        async with other.lock("job"):
            await asyncio.sleep(PATIENCE_S)

    async with cell.lock("job"):
        waiting = asyncio.ensure_future(wait())
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        # Whatever was under way has come to its end when a later command of the same client has.
        async with other.lock("another"):
            pass
        await until(lambda: waiters(fake) == 0 and handles(fake) == 1)
    async with other.lock("job", wait=0):
        pass


async def test_at_jeopardy_the_body_is_cancelled(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[SAFETY 22] And what comes out of `async with` is `LockLost`."""
    seen: list[str] = []
    with pytest.raises(LockLost, match="jeopardy") as caught:
        async with cell.lock("job") as held:
            clock.sleep(13)
            ring(cell)
            assert held.lost.is_set()
            try:
                await asyncio.sleep(PATIENCE_S)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
    assert seen == ["cancelled"]
    assert not caught.value.definite
    assert caught.value.sequencer == str(held.sequencer)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    # It is given back all the same.
    await until(lambda: holders(fake) == 0)


async def test_a_body_that_ends_before_it_can_be_cancelled_is_told_too(cell: Cell, clock: Clock) -> None:
    with pytest.raises(LockLost):
        async with cell.lock("job"):
            clock.sleep(13)
            ring(cell)
    await asyncio.sleep(0)  # no cancellation is left behind
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_body_that_fails_raises_its_own_error(fake: FakeCell, cell: Cell) -> None:
    with pytest.raises(ZeroDivisionError):
        async with cell.lock("job"):
            raise ZeroDivisionError
    assert holders(fake) == 0


async def test_a_task_that_is_cancelled_from_outside_stays_cancelled(fake: FakeCell, cell: Cell) -> None:
    async def hold() -> None:
        async with cell.lock("job"):
            await asyncio.sleep(PATIENCE_S)

    holding = asyncio.ensure_future(hold())
    await until(lambda: holders(fake) == 1)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await until(lambda: holders(fake) == 0)


async def test_after_a_pause_check_fails_before_anything_has_run(cell: Cell, clock: Clock) -> None:
    """[SAFETY 22] It compares a clock with a number; no event of the loop is needed."""
    with pytest.raises(LockLost):
        async with cell.lock("job") as held:
            held.check()
            clock.sleep(11.9)
            held.check()
            clock.sleep(0.2)
            held.check()


async def test_a_lease_lasts_as_long_as_the_cell_is_heard(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[CHUBBY §2.8] KeepAlives extend it again and again."""
    async with cell.lock("job") as held:
        for _ in range(10):
            clock.sleep(3)
            await be_kept(fake, held)
            ring(cell)
            held.check()
        assert await cell.check(held.sequencer)


async def test_whoever_waits_for_the_verdict_is_left_alone_in_jeopardy(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """[SAFETY 22] For bodies whose every effect is checked: the session may turn out safe."""
    async with cell.lock("job", on_jeopardy="wait") as held:
        clock.sleep(13)
        ring(cell)
        with pytest.raises(LockLost, match="jeopardy"):
            held.check()
        assert not held.lost.is_set()
        await be_kept(fake, held)
        await be_kept(fake, held)
        held.check()
        assert await cell.check(held.sequencer)


async def test_the_verdict_ends_the_body_that_waits_for_it(cell: Cell, clock: Clock) -> None:
    with pytest.raises(LockLost, match="is over"):
        async with cell.lock("job", on_jeopardy="wait") as held:
            clock.sleep(60)
            ring(cell)
            assert held.lost.is_set()
            await asyncio.sleep(PATIENCE_S)


async def test_a_holder_that_sleeps_too_long_loses_it_and_finds_out_before_it_acts(
    fake: FakeCell, cell: Cell, other: Cell, clock: Clock
) -> None:
    """[SAFETY 21-23] Another gets it with a greater sequencer, and the receiver can tell."""
    with pytest.raises(LockLost):
        async with cell.lock("job") as first:
            await expire(fake, clock)
            for replica in fake.replicas:
                replica.thaw()
            async with other.lock("job") as second:
                assert second.sequencer.revision > first.sequencer.revision
                assert not await other.check(first.sequencer)
                with pytest.raises(LockLost):
                    first.check()
                await asyncio.sleep(PATIENCE_S)
    # The next lock is in another session.
    async with cell.lock("another"):
        pass


async def test_a_held_lock_survives_fail_over(fake: FakeCell, cell: Cell) -> None:
    """[CHUBBY §2.9]"""
    async with cell.lock("job") as held:
        fake.fail_over(master=2)
        await until(lambda: held._lease.epoch == fake.epoch)
        held.check()
        assert await cell.check(held.sequencer)
        assert not held.lost.is_set()


async def test_a_grant_whose_notice_died_with_its_master_is_found(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.9] Whoever hears of another master asks again what it waits for."""
    got = asyncio.Event()

    async def wait() -> None:
        async with other.lock("job"):
            got.set()

    async with cell.lock("job"):
        waiting = asyncio.ensure_future(wait())
        await until(lambda: waiters(fake) == 1)
        fake.steward.tell = lambda *_: 0  # type: ignore[method-assign]
    await until(lambda: holders(fake) == 1 and waiters(fake) == 0)
    assert not got.is_set()
    fake.fail_over()
    await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_lock_whose_node_is_deleted_is_lost(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.3] A handle is bound to one instance of it."""
    session = other.session()
    with pytest.raises(LockLost, match="deleted"):
        async with cell.lock("job"):
            handle = await session.inner.open(lock_api.Open(0, b"", "/locks/job"))
            lease = handle.lease
            await session.inner.ask(lock_api.DeleteNode(lease.session, lease.token, handle.number))
            await asyncio.sleep(PATIENCE_S)


async def test_closing_a_client_releases_its_locks_and_fails_who_waits_at_once(fake: FakeCell, cell: Cell) -> None:
    closing = gaios.connect(fake.endpoints)
    async with closing:
        await closing.lock("job").acquire(lambda: None)

        async def wait() -> None:
            async with closing.session().lock("job"):
                raise AssertionError

        waiting = asyncio.ensure_future(wait())
        await until(lambda: waiters(fake) == 1)
    with pytest.raises(Unavailable, match="closed"):
        await waiting
    assert fake.machine._index.sessions == {}
    async with cell.lock("job", wait=0):
        pass
    with pytest.raises(Unavailable, match="closed"):
        async with closing.lock("job"):
            raise AssertionError


async def test_whoever_waits_while_its_session_ends_is_told(fake: FakeCell, cell: Cell, other: Cell, clock: Clock) -> None:
    async def wait() -> None:
        async with other.lock("job"):
            raise AssertionError

    async with cell.lock("job"):
        waiting = asyncio.ensure_future(wait())
        await until(lambda: waiters(fake) == 1)
        clock.sleep(60)
        ring(other)
        clock.sleep(-60)  # before anything else runs: the holder's lease is over by that clock, too
        with pytest.raises(SessionExpired):
            await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_lock_delay_keeps_others_out_after_a_loss(fake: FakeCell, cell: Cell, other: Cell, clock: Clock) -> None:
    """[CHUBBY §2.4] For receivers that check nothing; a release has none."""
    async with cell.lock("job", lock_delay=30):
        pass
    async with other.lock("job", wait=0):
        pass
    with pytest.raises(LockLost):
        async with cell.lock("job", lock_delay=30):
            await expire(fake, clock)
            for replica in fake.replicas:
                replica.thaw()
            await asyncio.sleep(PATIENCE_S)
    with pytest.raises(NotAcquired):
        async with other.lock("job", wait=0):
            raise AssertionError

    async def wait() -> None:
        async with other.lock("job"):
            pass

    waiting = asyncio.ensure_future(wait())
    await until(lambda: waiters(fake) == 1)
    for _ in range(10):
        await fake.pass_ms(3_000)
        await asyncio.sleep(0.01)
    await asyncio.wait_for(waiting, PATIENCE_S)


async def test_sessions_can_be_had_apart(fake: FakeCell, cell: Cell) -> None:
    async with cell.lock("job"), cell.session(lease=30, client="worker 7") as session:
        seen: list[str] = [session.state]
        async with session.lock("another"):
            seen.append(session.state)
            mine, apart = await cell.sessions()
            assert (apart.client, apart.lease_ms, apart.locks, apart.handles) == ("worker 7", 30_000, 1, 1)
            assert mine.lease_ms == 12_000
            assert mine.client
    seen.append(session.state)
    assert seen == ["none", "safe", "none"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("job", "/locks/job"),
        ("a/b", "/locks/a/b"),
        ("/ls/local/locks/job", "/locks/job"),
        ("/ls/local/svc/db", "/svc/db"),
        ("/ls/harbour/svc/db", "/svc/db"),
    ],
)
def test_a_name_says_where_the_lock_stands(name: str, path: str) -> None:
    assert path_of(name) == path


@pytest.mark.parametrize("name", ["/job", "/ls", "/ls/", "/ls//job", "x" * 600, b"job", None, "", "a//b", "../x", "a/"])
def test_what_is_no_name_is_refused_here(name: Any) -> None:
    with pytest.raises(InvalidCommand):
        path_of(name)


@pytest.mark.parametrize("name", ["/ls/local/a//b", "/ls/local/../x", "/ls/local/a/", "a\0b"])
async def test_what_is_no_name_is_refused_there(cell: Cell, name: str) -> None:
    with pytest.raises(InvalidCommand):
        async with cell.lock(name):
            raise AssertionError


@pytest.mark.parametrize("wrong", [{"wait": -1}, {"lock_delay": 61}, {"lock_delay": -1}, {"on_jeopardy": "ignore"}], ids=str)
async def test_what_makes_no_sense_is_refused(cell: Cell, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        cell.lock("job", **wrong)
