"""Claims about open nodes as their users see them; the clocks of client and cell are a test's."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import gaios
from gaios import errors
from gaios.client import Cell, lock_session
from gaios.client.nodes import Node
from gaios.errors import HandlePoisoned, LockLost, NotAcquired, SessionExpired, Unavailable
from gaios.lock_api import LockCommand
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until

PATH = "/ls/local/svc/primary"

pytestmark = pytest.mark.usefixtures("clock")


def waiters(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/svc/primary")
    return len(node.queue) if node is not None else 0


def holders(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/svc/primary")
    return len(node.holders) if node is not None else 0


async def types(node: Node, count: int) -> list[str]:
    """Of the next events."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            found += [event.type for event in await node.events().take(count - len(found))]
    return found


async def test_a_file_is_created_read_changed_and_deleted(cell: Cell) -> None:
    """[CHUBBY §2.6] Whole contents and numbers at one moment; what changes names the generation that it saw."""
    async with cell.open(PATH, create=True, contents="one") as node:
        assert node.created
        assert node.path == PATH
        found = await node.read()
        assert (found.contents, found.stat.content_generation, found.stat.length) == (b"one", 1, 3)
        done = await node.write("two", generation=found.stat.content_generation)
        assert (done.succeeded, done.stat.content_generation) == (True, 2)
        done = await node.write("three", generation=found.stat.content_generation)
        assert (done.succeeded, done.stat.content_generation) == (False, 2)
        assert (await node.read()).contents == b"two"
        assert (await node.stat()) == done.stat
        done = await node.set_acl(("", "", ""), generation=done.stat.acl_generation)
        assert (done.succeeded, done.stat.acl_generation) == (True, 2)
        await node.delete()
        with pytest.raises(errors.HandleInvalid):
            await node.read()


async def test_a_directory_is_listed_by_name(cell: Cell) -> None:
    async with cell.open("/ls/local/svc", create=True, directory=True) as directory:
        for name in ("b", "a", "c"):
            await (await cell.open(f"/ls/local/svc/{name}", create="must")).close()
        children = await directory.children()
        assert list(children) == ["a", "b", "c"]
        assert not children["a"].directory
        with pytest.raises(errors.WrongKindOfNode):
            await directory.read()


async def test_many_children_come_page_by_page(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.locks.answers.PAGE_ENTRIES_MAX", 3)
    async with cell.open("/ls/local/svc", create=True, directory=True) as directory:
        for number in range(8):
            await (await cell.open(f"/ls/local/svc/{number}", create=True)).close()
        assert list(await directory.children()) == [str(number) for number in range(8)]


async def test_an_ephemeral_node_goes_with_its_last_handle(cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.3] Presence: who is there has it open."""
    async with other.open("/ls/local/here", create=True, directory=True, events=["child_added", "child_removed"]) as directory:
        async with cell.open("/ls/local/here/me", create=True, ephemeral=True, contents="host:1"):
            assert list(await directory.children()) == ["me"]
        assert not await directory.children()
        assert await types(directory, 2) == ["child_added", "child_removed"]


async def test_events_tell_what_was_asked_for_after_it_happened(cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.5]"""
    async with cell.open(PATH, create=True, events=["contents_modified", "conflicting_request"]) as mine, other.open(PATH) as theirs:
        done = await theirs.write("x")
        async with asyncio.timeout(PATIENCE_S):
            async for event in mine.events():
                assert (event.type, event.revision) == ("contents_modified", done.revision)
                break
        await mine.acquire()
        waiting = asyncio.ensure_future(theirs.acquire())
        assert await types(mine, 1) == ["conflicting_request"]
        await mine.release()
        await waiting
        assert await types(theirs, 1) == ["lock_acquired"]
        await theirs.delete()
        assert await types(mine, 1) == ["handle_invalid"]
        await mine.close()
        async for _ in mine.events():
            raise AssertionError


async def test_every_change_after_the_opening_is_told(cell: Cell, other: Cell, fake: FakeCell) -> None:
    """Also one whose notice comes before the word that the handle is open."""
    async with other.open(PATH, create=True) as theirs:
        async with cell.open("/ls/local/warm", create=True):
            pass
        fake.replicas[0].is_frozen = True
        opening = asyncio.ensure_future(cell.open(PATH, events=["contents_modified"]).open())
        writing = asyncio.ensure_future(theirs.write("x"))
        await until(lambda: len(fake.replicas[0].held) >= 2)
        fake.replicas[0].thaw()
        node = await opening
        done = await writing
        if done.revision > node._handle.number:
            assert await types(node, 1) == ["contents_modified"]
        await node.close()


async def test_too_many_events_are_told_as_lost(cell: Cell, other: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] Never silently."""
    monkeypatch.setattr("gaios.client.node_events.KEPT_MAX", 3)
    async with cell.open(PATH, create=True, events=["contents_modified"]) as mine, other.open(PATH) as theirs:
        for number in range(4):
            await theirs.write(str(number))
        await until(lambda: any(event.type == "lost" for event in mine.events()._events))
        assert await types(mine, 2) == ["lost", "contents_modified"]


async def test_a_fail_over_is_told_and_the_handle_lives(cell: Cell, fake: FakeCell) -> None:
    """[CHUBBY §2.9]"""
    async with cell.open(PATH, create=True) as node:
        held = await node.acquire()
        fake.fail_over(master=2)
        assert await types(node, 1) == ["failed_over"]
        assert await node.sequencer() == held.sequencer
        held.check()
        assert (await node.write("x")).succeeded


async def test_the_lock_is_the_handles(cell: Cell, other: Cell, fake: FakeCell) -> None:
    """[CHUBBY §2.4]"""
    async with cell.open(PATH, create=True) as mine, other.open(PATH) as theirs:
        held = await mine.acquire()
        assert await mine.acquire() is held
        assert await mine.sequencer() == held.sequencer
        assert await other.check(held.sequencer)
        assert await theirs.try_acquire() is None
        with pytest.raises(NotAcquired):
            await theirs.acquire(wait=0.01)
        await until(lambda: waiters(fake) == 0)
        with pytest.raises(errors.LockConflict):
            await mine.acquire(shared=True)
        assert await mine.sequencer() == held.sequencer
        assert await mine.release()
        assert not await mine.release()
        got = await theirs.try_acquire()
        assert got is not None
        assert got.sequencer.revision > held.sequencer.revision
    assert holders(fake) == 0


async def test_changes_can_be_bound_to_a_lock_held_elsewhere(cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.6] SetSequencer."""
    async with cell.open(PATH, create=True) as node, other.open("/ls/local/lock", create=True) as lock:
        held = await lock.acquire()
        await node.set_sequencer(held.sequencer)
        await node.write("x")
        await lock.release()
        with pytest.raises(errors.StaleSequencer):
            await node.write("y")
        await node.set_sequencer(None)
        await node.write("y")


async def test_cancel_ends_what_waits_in_other_tasks_and_leaves_no_waiter(cell: Cell, other: Cell, fake: FakeCell) -> None:
    """[CHUBBY §4.6] For handles that are shared."""
    async with cell.open(PATH, create=True) as mine, other.open(PATH) as theirs:
        await theirs.acquire()
        waiting = [asyncio.ensure_future(mine.acquire()) for _ in range(2)]
        await until(lambda: waiters(fake) == 1)
        mine.cancel()
        for task in waiting:
            with pytest.raises(NotAcquired):
                await task
        await until(lambda: waiters(fake) == 0)
        await theirs.release()
        await mine.acquire(wait=0)


@pytest.mark.parametrize("turns", [*range(10), 15, 20])
async def test_an_acquire_that_is_cancelled_anywhere_leaves_nothing(cell: Cell, other: Cell, fake: FakeCell, turns: int) -> None:
    """Neither a place in the queue nor a grant that nobody knows of; and the next acquire is not undone by the last one's release."""
    async with cell.open(PATH, create=True) as mine, other.open(PATH) as theirs:
        for is_held in (True, False):
            if is_held:
                await theirs.acquire()
            waiting = asyncio.ensure_future(mine.acquire())
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            done = (await asyncio.gather(waiting, return_exceptions=True))[0]
            if is_held:
                assert isinstance(done, asyncio.CancelledError)
                await until(lambda: waiters(fake) == 0)
                await theirs.release()
            held = await mine.acquire(wait=PATIENCE_S)
            assert await other.check(held.sequencer)
            await mine.release()


@pytest.mark.parametrize("again", [False, True])
async def test_an_acquire_that_is_cancelled_as_it_is_granted_leaves_nothing(
    cell: Cell, fake: FakeCell, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """Its caller hears of the cancellation only. Whoever is given the same again meanwhile has it."""
    async with cell.open(PATH, create=True) as node:
        acquiring = asyncio.ensure_future(node.acquire())
        begin = node._session.watchdog.begin
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(node._session.watchdog, "begin", lambda: (begin(), loop.call_soon(acquiring.cancel)))
        await asyncio.sleep(0)
        same = asyncio.ensure_future(node.acquire()) if again else None
        with pytest.raises(asyncio.CancelledError):
            await acquiring
        if same is not None:
            (await same).check()
            assert holders(fake) == 1
        else:
            await until(lambda: not holders(fake))
            monkeypatch.undo()
            (await node.acquire()).check()


async def test_an_overloaded_cell_is_asked_again_to_give_a_lock_back(cell: Cell, fake: FakeCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An acquire that may still be carried out is undone, whatever is full meanwhile."""
    monkeypatch.setattr(lock_session, "AGAIN_S", 0)
    async with cell.open(PATH, create=True) as mine:
        await mine.acquire()
        ask, refusals = mine._session.ask, [errors.Overloaded(what="a queue", limit=1, unit="entries")]

        async def asked(command: LockCommand, within_s: float | None = None) -> object:
            if refusals:
                raise refusals.pop()
            return await ask(command, within_s)

        monkeypatch.setattr(mine._session, "ask", asked)
        mine._give_up(errors.Unknown(reason="no answer"))
        await mine._settle()
        assert not any(node.holders for node in fake.machine._index.nodes.values())


async def test_poison_fails_what_is_under_way_and_what_comes_but_closes_nothing(cell: Cell, other: Cell, fake: FakeCell) -> None:
    """[CHUBBY §2.6]"""
    async with cell.open(PATH, create=True) as mine, other.open(PATH) as theirs:
        await mine.acquire()
        fake.replicas[0].is_frozen = True
        reading = asyncio.ensure_future(mine.read())
        writing = asyncio.ensure_future(mine.write("x"))
        await until(lambda: fake.replicas[0].held)
        mine.poison()
        with pytest.raises(HandlePoisoned):
            await reading
        with pytest.raises(errors.Unknown, match="poisoned"):
            await writing
        fake.replicas[0].thaw()
        calls: list[Callable[[], Awaitable[object]]] = [mine.read, mine.acquire, mine.release, mine.delete, mine.children]
        for call in calls:
            with pytest.raises(HandlePoisoned):
                await call()
        assert await theirs.try_acquire() is None
    assert await _is_free(other)


async def test_a_closed_node_does_nothing_and_closing_never_fails(cell: Cell, fake: FakeCell) -> None:
    node = await cell.open(PATH, create=True)
    fake.replicas[0].is_frozen = True
    reading = asyncio.ensure_future(node.read())
    await until(lambda: fake.replicas[0].held)
    closing = asyncio.ensure_future(node.close())
    with pytest.raises(errors.UnknownHandle):
        await reading
    fake.replicas[0].thaw()
    await closing
    await node.close()
    with pytest.raises(errors.UnknownHandle, match="open the node"):
        await node.read()


async def test_in_jeopardy_calls_wait_and_go_on_when_the_session_is_safe(cell: Cell, fake: FakeCell, clock: Clock) -> None:
    """[CHUBBY §2.8; SAFETY 22] A process that slept finds out before it sends anything, although no timer of its loop has rung."""
    async with cell.open(PATH, create=True) as node:
        await until(lambda: sum(len(session.handles) for session in fake.machine._index.sessions.values()) == 1)
        submits = fake.submits
        clock.sleep(13)
        with pytest.raises(Unavailable, match="jeopardy") as caught:
            await node.write("x", timeout=0.01)
        assert caught.value.definite
        writing = asyncio.ensure_future(node.write("x"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert fake.submits == submits
        assert await types(node, 1) == ["jeopardy"]
        async with asyncio.timeout(PATIENCE_S):
            while not writing.done():
                await fake.pass_ms(3_000)
                await asyncio.sleep(0.001)
        assert (await writing).succeeded
        assert await types(node, 1) == ["safe"]


async def test_when_the_grace_period_ends_calls_fail_for_good(cell: Cell, fake: FakeCell, clock: Clock) -> None:
    """[CHUBBY §2.8]"""
    node = await cell.open(PATH, create=True)
    held = await asyncio.create_task(node.acquire())  # in a task of its own: its calls fail at once
    for replica in fake.replicas:
        replica.is_frozen = True
    clock.sleep(13)
    reading = asyncio.ensure_future(node.read())
    await until(lambda: node.events()._events)
    assert held.lost.is_set()
    with pytest.raises(LockLost):
        held.check()
    clock.sleep(60)
    ring(cell)
    with pytest.raises(SessionExpired, match="open a new one"):
        await reading
    for replica in fake.replicas:
        replica.thaw()
    assert await types(node, 2) == ["jeopardy", "expired"]
    async for _ in node.events():
        raise AssertionError
    with pytest.raises(SessionExpired):
        await node.write("x")
    await node.close()
    async with cell.open(PATH, create=True) as again:
        assert (await again.write("x")).succeeded


async def test_nodes_of_a_session_end_with_it(cell: Cell, fake: FakeCell) -> None:
    async with cell.session() as session:
        node = await session.open(PATH, create=True, ephemeral=True)
        assert "/svc/primary" in fake.machine._index.nodes
    assert "/svc/primary" not in fake.machine._index.nodes
    with pytest.raises(gaios.Error):
        await node.read()


async def _is_free(cell: Cell) -> bool:
    async with cell.open(PATH, create=True) as node:
        return await node.try_acquire() is not None
