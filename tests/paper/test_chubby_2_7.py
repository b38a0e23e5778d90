"""Caching. All of it together, with masters that come and go, is tests/client/test_cache_together.py."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gaios import lock_api
from gaios.client import Cell
from gaios.client.nodes import Node
from gaios.client.tuning import MS
from gaios.errors import NoSuchNode, SessionExpired, Unavailable
from gaios.lock_api import CONFLICTING_REQUEST
from gaios.locks.gate import Gate
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.client.test_cache import PATH, be_cached
from tests.locks.parts import Service
from tests.locks.test_gate import LEASE_MS, Bench
from tests.servers import until

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
async def node(cell: Cell) -> AsyncIterator[Node]:
    """Open in a caching session."""
    async with cell.session(caching=True) as session, session.open(PATH, create=True, contents="one") as node:
        yield node


async def test_file_data_meta_data_and_absence_are_kept_in_memory(fake: FakeCell, cell: Cell) -> None:
    """[CHUBBY §2.7] Clients cache file data and the meta-data of nodes, the absence of files included, to reduce read traffic."""
    async with (
        cell.session(caching=True) as session,
        session.open("/ls/local/svc", create=True, directory=True) as directory,
        session.open("/ls/local/svc/f", create=True, contents="one") as file,
    ):
        await be_cached(fake, file)
        for _ in range(3):
            await directory.children()
            with pytest.raises(NoSuchNode):
                await session.open("/ls/local/svc/g")
        asked = fake.questions, fake.submits
        assert (await file.read()).contents == b"one"
        children = await directory.children()
        assert (list(children), children["f"].length) == (["f"], 3)
        with pytest.raises(NoSuchNode):
            await session.open("/ls/local/svc/g")
        assert (fake.questions, fake.submits) == asked


async def test_a_cache_is_written_through(fake: FakeCell, node: Node, other: Cell) -> None:
    """[CHUBBY §2.7] The cache is write-through: what its own client writes is in the cell when the write returns."""
    await be_cached(fake, node)
    await node.write("two")
    async with other.open(PATH) as theirs:
        assert (await theirs.read()).contents == b"two"
    assert (await node.read()).contents == b"two"


async def test_a_consistent_view_or_an_error(fake: FakeCell, cell: Cell, node: Node, clock: Clock) -> None:
    """[CHUBBY §2.7] The protocol ensures that clients see a consistent view of the state, or an error."""
    await be_cached(fake, node)
    for replica in fake.replicas:
        replica.is_frozen = True
    clock.sleep(13)
    with pytest.raises(Unavailable):
        await node.read(timeout=0.01)
    clock.sleep(60)
    ring(cell)
    with pytest.raises(SessionExpired):
        await node.read()
    for replica in fake.replicas:
        replica.thaw()


def test_the_master_lists_what_each_client_may_be_caching() -> None:
    """[CHUBBY §2.7] The master keeps a list of what each client may be caching, and sends invalidations to those clients alone."""
    bench = Bench()
    assert bench.fetch(1)
    assert bench.find("/g", 2)
    assert not bench.fetch(3), "it did not say that it caches"
    bench.admit()
    assert bench.told == [(1, "/f")]


def test_a_modification_is_blocked_while_invalidations_are_sent() -> None:
    """[CHUBBY §2.7] A modification blocks while the master sends invalidations to every client that may have cached what it changes."""
    bench = Bench()
    assert bench.fetch(1)
    assert bench.fetch(2)
    token, may_go = bench.admit()
    assert not may_go
    assert bench.told == [(1, "/f"), (2, "/f")]
    bench.gate.heard(1, 1)
    assert bench.passed() == []
    bench.gate.heard(2, 2)
    assert bench.passed() == [token]


def test_or_a_client_let_its_lease_expire() -> None:
    """[CHUBBY §2.7] It proceeds when each client has acknowledged, or has allowed its cache lease to expire; not a moment before."""
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    bench.now += LEASE_MS * MS - 1
    assert bench.passed() == []
    bench.now += 1
    assert bench.passed() == [token]


async def test_a_client_flushes_what_is_invalid_and_then_acknowledges(
    fake: FakeCell, node: Node, other: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[CHUBBY §2.7] On receipt of an invalidation a client flushes the state, and acknowledges that by its next KeepAlive call."""
    await be_cached(fake, node)
    cache, session = node._session.cache, node._handle.lease.session
    assert cache is not None
    kept_at: list[bool] = []
    heard = Gate.heard

    def hear(gate: Gate, number: int, told: int) -> None:
        if gate is fake.steward.gate and number == session and told:
            kept_at.append("/svc/primary" in cache._kept)
        heard(gate, number, told)

    async with other.open(PATH) as theirs:
        monkeypatch.setattr(Gate, "heard", hear)
        assert "/svc/primary" in cache._kept
        await theirs.write("two")
        assert kept_at
        assert not any(kept_at)


def test_one_round_of_invalidations_is_enough() -> None:
    """[CHUBBY §2.7] Only one round is needed, for the node is uncachable while invalidations are not acknowledged."""
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    assert not bench.fetch(1)
    assert not bench.fetch(2)
    assert bench.find("/g", 2), "what is not being changed may be kept"
    bench.gate.heard(1, 1)
    assert bench.passed() == [token]
    assert bench.told == [(1, "/f")]


async def test_reads_are_processed_without_delay(
    fake: FakeCell, cell: Cell, node: Node, other: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[CHUBBY §2.7] Reads are always processed without delay, also while a modification waits for somebody's acknowledgement."""
    await be_cached(fake, node)
    async with other.open(PATH) as theirs, cell.open(PATH) as third:
        with monkeypatch.context() as patch:
            patch.setattr(Gate, "heard", lambda *_: None)
            writing = asyncio.ensure_future(theirs.write("two"))
            await until(lambda: fake.waiting)
            for _ in range(3):
                assert (await third.read()).contents == b"one"
                assert (await node.read()).contents == b"one"
            assert not writing.done()
        fake.steward.gate.heard(node._handle.lease.session, 1)
        fake.deliver()
        assert (await writing).succeeded
        assert (await node.read()).contents == b"two"


def test_it_invalidates_and_never_updates() -> None:
    """[CHUBBY §2.7] It invalidates cached data and never updates it: a client that read a file once is not told of each change for ever."""
    bench = Bench()
    assert bench.fetch(1)
    bench.admit()
    bench.gate.heard(1, 1)
    for token in bench.passed():
        bench.gate.answered(token)
    for _ in range(100):
        token, may_go = bench.admit()
        assert may_go
        bench.gate.answered(token)
    assert bench.told == [(1, "/f")]


async def test_open_handles_of_locks_are_kept(fake: FakeCell, cell: Cell) -> None:
    """[CHUBBY §2.7] Open handles are cached: a client that opens again what it had open need not ask; they serve one user at a time."""
    for _ in range(2):
        async with cell.lock("job"):
            pass
    before = fake.submits
    async with cell.lock("job", shared=True) as one:
        assert fake.submits - before == 1, "to acquire, not to open"
        async with cell.lock("job", shared=True) as two:
            assert fake.submits - before == 3, "another handle: opened and acquired"
            assert one.sequencer != two.sequencer


async def test_handles_of_ephemeral_files_are_not_kept(cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.7] That never shows: a handle of an ephemeral file is not held open when the application has closed it."""
    async with cell.session(caching=True) as session, other.open("/ls/local/svc", create=True, directory=True) as directory:
        for _ in range(3):
            async with session.open(PATH, create=True, ephemeral=True):
                assert list(await directory.children()) == ["primary"]
            assert not await directory.children()


def test_locks_may_be_held_longer_than_needed() -> None:
    """[CHUBBY §2.7] Clients may cache locks: an event tells a holder that another client asks, and the lock is released just then."""
    service = Service()
    one, two = service.session(), service.session()
    mine, theirs = one.open("/f", events=CONFLICTING_REQUEST), two.open("/f")
    one.acquire(mine)
    service.notices()
    two.acquire(theirs)
    assert service.notices() == [(mine, CONFLICTING_REQUEST, "")]
    one.do(lock_api.Release, mine)
    assert two.holds(theirs)
