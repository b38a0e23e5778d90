"""Claims about what a lock costs the cell, and what it leaves behind."""

# ruff: noqa: PT012 (a lock's body has several statements, and what ends it comes out of it)

import asyncio

import pytest

import gaios
from gaios.client import Cell
from gaios.client.held import Held
from gaios.client.idle import KEPT_MAX
from gaios.errors import LockLost, NotAcquired
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.servers import until

pytestmark = pytest.mark.usefixtures("clock")


def handles(fake: FakeCell) -> int:
    return sum(len(session.handles) for session in fake.machine._index.sessions.values())


async def use(cell: Cell, name: str = "job", *, shared: bool = False) -> Held:
    async with cell.lock(name, shared=shared) as held:
        held.check()
    return held


async def test_a_lock_that_is_used_again_costs_two_entries(fake: FakeCell, cell: Cell) -> None:
    for _ in range(2):
        await use(cell)
    for _ in range(3):
        submits = fake.submits
        await use(cell)
        assert fake.submits - submits == 2
    await use(cell, shared=True)
    assert handles(fake) == 1


async def test_sequencers_grow_whether_the_handle_is_kept_or_the_file_made_anew(fake: FakeCell, cell: Cell) -> None:
    """[SAFETY 23] They are revisions, not counted by the file."""
    revisions = []
    for number in range(6):
        revisions.append((await use(cell)).sequencer.revision)
        if number % 2:
            node = await cell.open("/ls/local/locks/job")
            await node.delete()
            await node.close()
    assert revisions == sorted(set(revisions))


async def test_a_name_that_is_used_once_costs_three_and_leaves_nothing(fake: FakeCell, cell: Cell) -> None:
    """Neither handle nor file nor directory: names that are used once do not pile up."""
    await use(cell, "users/0/mail")
    nodes = {"/", "/locks"}
    await until(lambda: set(fake.machine._index.nodes) == nodes and not handles(fake))
    await use(cell, "warm")
    submits = fake.submits
    await use(cell, "once")
    assert fake.submits - submits == 3
    assert set(fake.machine._index.nodes) == nodes


async def test_what_is_kept_is_bounded(fake: FakeCell, cell: Cell) -> None:
    """[SAFETY 28]"""
    for _ in range(3):
        for number in range(KEPT_MAX + 5):
            await use(cell, f"job-{number}")
    await until(lambda: handles(fake) <= KEPT_MAX)


async def test_a_lock_at_a_path_of_the_users_own_is_a_file_that_stays(fake: FakeCell, cell: Cell) -> None:
    await use(cell, "/ls/local/svc/db")
    assert "/svc/db" in fake.machine._index.nodes


async def test_a_handle_that_was_kept_keeps_nobody_out(fake: FakeCell, cell: Cell) -> None:
    for _ in range(3):
        await use(cell)
    async with gaios.connect(fake.endpoints) as other, other.lock("job", wait=0):
        with pytest.raises(NotAcquired):
            async with cell.lock("job", wait=0):
                raise AssertionError
    await use(cell)


async def test_one_whose_file_was_deleted_is_opened_anew(fake: FakeCell, cell: Cell) -> None:
    """Whether the notice came first, or the refusal."""
    for _ in range(3):
        await use(cell)
    for is_told in (True, False):
        tell = fake.steward.tell
        if not is_told:
            fake.steward.tell = lambda *_: 0  # type: ignore[method-assign]
        async with gaios.connect(fake.endpoints) as other, other.open("/ls/local/locks/job") as node:
            await node.delete()
        if is_told:
            await until(lambda: not handles(fake))
        fake.steward.tell = tell  # type: ignore[method-assign]
        for _ in range(2):
            await use(cell)


async def test_one_whose_file_is_deleted_while_it_is_held_is_closed(fake: FakeCell, cell: Cell) -> None:
    """Such a handle is good for nothing else, and would stay for as long as the session."""
    await use(cell)
    with pytest.raises(LockLost):
        async with cell.lock("job"):
            async with gaios.connect(fake.endpoints) as other, other.open("/ls/local/locks/job") as node:
                await node.delete()
            await asyncio.sleep(60)
    await until(lambda: not handles(fake))


async def test_one_of_a_session_that_has_expired_is_opened_in_another(fake: FakeCell, cell: Cell, clock: Clock) -> None:
    """Whether the clock says so here, or the cell."""
    for is_told in (True, False):
        for _ in range(3):
            await use(cell)
        fake.replicas[0].is_frozen = True
        await fake.pass_ms(60_000)
        assert not fake.machine._index.sessions
        if is_told:
            clock.sleep(60)
            ring(cell)
        fake.replicas[0].thaw()
        await use(cell)
        assert len(await cell.sessions()) == 1


async def test_waiting_is_bounded_also_while_nobody_opens_the_handle(fake: FakeCell, cell: Cell) -> None:
    """And what is opened in the end is closed."""
    await use(cell, "warm")
    fake.replicas[0].is_frozen = True
    with pytest.raises(NotAcquired):
        async with cell.lock("job", wait=0.01):
            raise AssertionError
    fake.replicas[0].thaw()
    await use(cell, "warm")
    await until(lambda: set(fake.machine._index.nodes) <= {"/", "/locks", "/locks/warm"})


async def test_who_meets_no_cell_is_told_that_and_not_that_the_lock_is_taken() -> None:
    async with gaios.connect("127.0.0.1:1") as nobody:
        with pytest.raises(NotAcquired, match="within 50 ms: the cell did not answer") as caught:
            async with nobody.lock("job", wait=0.05):
                raise AssertionError
    assert "gaios status" in caught.value.hint
