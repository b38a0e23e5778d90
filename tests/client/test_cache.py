"""Claims about what a caching session keeps: by hand, then as its users see it; all of it together is test_cache_together.py."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import gaios
from gaios import lock_api
from gaios.client import Cell, cache
from gaios.client.cache import Cache
from gaios.client.lease import Lease, State
from gaios.client.nodes import Node
from gaios.client.tuning import MS
from gaios.errors import HandleInvalid, NoSuchNode
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until

END_NS = 10**9
PATH = "/ls/local/svc/primary"


def make() -> tuple[Cache, Lease]:
    lease = Lease(1, 2, b"", 1_000, END_NS, 0)
    return Cache(lease), lease


def keep(kept: Cache, path: str, key: str = "read", found: str = "found", size: int = 5) -> None:
    kept.keep(0, kept.begin(path), key, found, size)


def test_what_was_kept_is_answered_until_it_is_to_be_forgotten() -> None:
    kept, _ = make()
    keep(kept, "/a")
    keep(kept, "/b")
    assert kept.get(1, "/a", "read") == "found"
    assert kept.get(1, "/a", "children") is None
    kept.forget("/a")
    assert kept.get(1, "/a", "read") is None
    assert kept.get(1, "/b", "read") == "found"
    kept.forget("")
    assert kept.get(1, "/b", "read") is None
    assert (kept.hits, kept.misses) == (2, 3)


def test_an_answer_that_was_asked_for_before_the_notice_is_not_kept() -> None:
    """[SAFETY 24] It may be from before the change, whichever comes first."""
    for path, is_kept in (("/a", False), ("", False), ("/b", True)):
        kept, _ = make()
        fill = kept.begin("/a")
        kept.forget(path)
        kept.keep(0, fill, "read", "old", 3)
        assert (kept.get(1, "/a", "read") == "old") == is_kept


def test_nothing_is_answered_when_the_lease_is_over_or_was() -> None:
    """[SAFETY 22] By the clock of that moment; and a lease that was extended after its end covers nothing from before."""
    kept, lease = make()
    keep(kept, "/a")
    assert kept.get(END_NS - 1, "/a", "read") == "found"
    assert kept.get(END_NS, "/a", "read") is None
    lease.end_ns *= 2
    assert kept.get(END_NS, "/a", "read") is None, "it is forgotten"
    keep(kept, "/a")
    lease.lapses += 1
    assert kept.get(1, "/a", "read") is None
    keep(kept, "/a")
    lease.state = State.JEOPARDY
    assert kept.get(1, "/a", "read") is None
    fill = kept.begin("/a")
    kept.keep(1, fill, "read", "found", 5)
    lease.state = State.SAFE
    assert kept.get(1, "/a", "read") is None


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] In nodes and in bytes: who was kept first goes first."""
    monkeypatch.setattr(cache, "NODES_MAX", 2)
    kept, _ = make()
    for path in ("/a", "/b", "/c"):
        keep(kept, path)
    assert [kept.get(1, path, "read") is not None for path in ("/a", "/b", "/c")] == [False, True, True]
    monkeypatch.setattr(cache, "BYTES_MAX", 2_000)
    for _ in range(3):
        keep(kept, "/d", size=1_000)
    assert [kept.get(1, path, "read") is not None for path in ("/b", "/c", "/d")] == [False, True, True]


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
async def node(fake: FakeCell, cell: Cell) -> AsyncIterator[Node]:
    """Open in a caching session that knows of the reign."""
    async with cell.session(caching=True) as session, session.open(PATH, create=True, contents="one") as node:
        yield node


async def be_cached(fake: FakeCell, node: Node) -> None:
    """Until it is answered without a question."""
    while True:
        before = fake.questions
        await node.read()
        if fake.questions == before:
            return


async def test_reads_are_answered_from_memory_and_changes_are_seen_at_once(fake: FakeCell, node: Node) -> None:
    """[CHUBBY §2.7]"""
    await be_cached(fake, node)
    before = fake.questions
    for _ in range(10):
        assert (await node.read()).contents == b"one"
    assert fake.questions == before
    assert (await node.stat()).length == 3
    assert fake.questions == before + 1, "numbers alone are asked for"
    async with gaios.connect(fake.endpoints) as other, other.open(PATH) as theirs:
        for number in range(5):
            done = await theirs.write(str(number))
            found = await node.read()
            assert (found.contents, found.stat.content_generation) == (str(number).encode(), done.stat.content_generation)
            await be_cached(fake, node)
        await node.write("mine")
        assert (await node.read()).contents == b"mine"
        await be_cached(fake, node)
        await theirs.delete()
        with pytest.raises(HandleInvalid):
            await node.read()


async def test_lists_of_children_and_absence_are_kept(fake: FakeCell, cell: Cell) -> None:
    """[CHUBBY §2.7] That nothing is there costs an entry of the log once."""
    async with cell.session(caching=True) as session, session.open("/ls/local/svc", create=True, directory=True) as directory:
        for _ in range(3):
            assert await directory.children() == {}
        questions = fake.questions
        assert await directory.children() == {}
        for _ in range(3):
            with pytest.raises(NoSuchNode):
                await session.open(PATH)
        submits = fake.submits
        with pytest.raises(NoSuchNode):
            await session.open(PATH)
        assert (fake.questions - questions, fake.submits - submits) == (1, 0)
        async with gaios.connect(fake.endpoints) as other, other.open(PATH, create=True, ephemeral=True):
            assert list(await directory.children()) == ["primary"]
            async with session.open(PATH) as node:
                assert not node.created
        assert await directory.children() == {}
        with pytest.raises(NoSuchNode):
            await session.open(PATH)


async def test_a_change_waits_for_a_reader_that_says_nothing_until_its_lease_is_over(
    fake: FakeCell, cell: Cell, node: Node, clock: Clock
) -> None:
    """And that reader answers nothing from memory after that, whatever its loop did meanwhile.  [SAFETY 22, 24]"""
    await be_cached(fake, node)
    fake.replicas[0].is_frozen = True
    fake.fail_over(master=2)
    async with gaios.connect(fake.endpoints) as other:
        theirs = await other.open(PATH)
        writing = asyncio.ensure_future(theirs.write("two", timeout=600))
        await until(lambda: fake.waiting)
        fake.now_ns += 11_900 * MS
        fake.deliver()
        assert fake.machine._index.nodes["/svc/primary"].record.content_generation == 1
        clock.sleep(12)
        fake.now_ns += 200 * MS
        fake.deliver()
        assert (await asyncio.wait_for(writing, PATIENCE_S)).succeeded
        reading = asyncio.ensure_future(node.read())
        await asyncio.sleep(0)
        assert not reading.done(), "it does not answer from memory"
        fake.replicas[0].thaw()
        for connection in list(fake.replicas[0].connections):
            connection.transport.abort()
        ring(cell)
        await until(lambda: fake.steward.knows(node._handle.lease.session))
        await fake.pass_ms(3_000)
        await asyncio.wait_for(asyncio.shield(reading), PATIENCE_S)
        assert (await reading).contents == b"two"


async def test_another_master_is_told_that_nothing_is_kept(fake: FakeCell, node: Node) -> None:
    """[CHUBBY §2.9]"""
    await be_cached(fake, node)
    before = fake.questions
    fake.fail_over(master=2)
    await until(lambda: node._handle.lease.epoch == fake.epoch)
    await node.read()
    assert fake.questions > before
    async with gaios.connect(fake.endpoints) as other, other.open(PATH) as theirs:
        await theirs.write("two")
        assert (await node.read()).contents == b"two"


async def test_a_session_that_does_not_cache_asks_each_time(fake: FakeCell, cell: Cell) -> None:
    async with cell.open(PATH, create=True) as node:
        before = fake.questions
        for _ in range(3):
            await node.read()
        assert fake.questions - before == 3


async def test_absence_that_a_session_was_told_after_its_end_is_not_kept_by_the_next(fake: FakeCell, cell: Cell) -> None:
    """The cell has it that the former one keeps it, and tells nobody else."""
    async with cell.session(caching=True) as session:
        async with session.open("/ls/local/svc", create=True, directory=True) as directory:
            await directory.children()
        inner = session.inner
        former = inner.lease
        assert former is not None
        await until(lambda: fake.steward.knows(former.session))
        ask = inner.ask

        async def ask_late(command: Any, patience_s: float | None = None) -> Any:
            try:
                return await ask(command, patience_s)
            finally:
                if isinstance(command, lock_api.Open) and command.session == former.session:
                    inner.expire(former)
                    later = await inner._opened()
                    await until(lambda: fake.steward.knows(later.session))

        inner.ask = ask_late  # type: ignore[method-assign, assignment]
        with pytest.raises(NoSuchNode):
            await session.open(PATH)
        assert inner.cache is not None
        assert inner.lease is not None
        assert inner.lease is not former
        assert inner.cache.get(inner.lease.end_ns - 1, PATH.removeprefix("/ls/local"), "there") is None
