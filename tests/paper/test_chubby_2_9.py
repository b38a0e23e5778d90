"""Fail-overs. The nine steps of a new master stand, one by one, in tests/locks/test_failover_together.py."""

import pytest

from gaios import entry, lock_api
from gaios.client import Cell
from gaios.client.lease import AskAgain, State
from gaios.client.tuning import MS
from gaios.locks import LockService
from gaios.locks.heard import encode as encode_heard
from gaios.log import Status
from gaios.log.applier import Applier
from gaios.log.sessions import Bounds, Sessions
from gaios.transport import KeptAlive
from tests.client.fake import FakeCell
from tests.client.script import A, B
from tests.client.test_cache import PATH, be_cached
from tests.client.test_lease import LEASE_MS, NEXT, REIGN
from tests.client.test_lease import Bench as ClientBench
from tests.locks.parts import Service
from tests.locks.test_gate import LEASE_MS as GATE_LEASE_MS
from tests.locks.test_gate import Bench as GateBench
from tests.locks.test_steward import S, begun, listed
from tests.servers import until

pytestmark = pytest.mark.usefixtures("clock")


def test_the_sessions_timer_is_stopped_without_a_master() -> None:
    """[CHUBBY §2.9] The session lease timer, which runs at the master, stands still until there is a new one: that extends leases."""
    service = Service()
    one = service.session(1_000)
    service.charge(0, one.number)
    service.charge(999)
    service.reign(2 * 65_537)
    service.charge(0)
    assert service.machine.sessions() == [one.number]
    service.charge(2)
    assert service.machine.sessions() == []


def test_a_new_reign_charges_nothing_for_the_time_before_it() -> None:
    """[CHUBBY §2.9] Time between the loss of one master and the next one's first word does not count against sessions."""
    bench = begun(7)
    bench.step(2 * S)
    bench.reign = 0
    bench.step(60 * S)
    bench.reign = NEXT
    bench.step()
    assert bench.proposed[-1][1].elapsed_ms == 0


def test_an_old_masters_word_is_rejected() -> None:
    """[CHUBBY §2.9] Whatever is of an older epoch is rejected: a deposed master's charge that is chosen later ends nobody."""
    machine = LockService()
    applier = Applier(machine, Sessions(Bounds()))
    applier.apply(1, entry.batch([entry.epoch(REIGN), entry.register()], 0))
    opens = lock_api.encode(lock_api.OpenSession(b"t" * 16, 1_000))
    applier.apply(2, entry.batch([entry.encode(entry.Kind.COMMAND, entry.Identity(1, 1), 1, 0, opens)], 0))
    charge = lock_api.encode(lock_api.Charge(60_000, encode_heard(())))
    (first, second), _ = applier.apply(3, entry.batch([entry.epoch(NEXT), entry.master(REIGN, charge)], 0))
    assert (first.status, second.status) == (Status.DONE, Status.NOT_MASTER)
    assert (machine.clock_ms, len(machine.sessions())) == (0, 1)


def test_a_client_survives_a_fail_over_that_outlasts_its_lease() -> None:
    """[CHUBBY §2.9] The grace period allows sessions to be maintained across fail-overs that exceed the normal lease time-out."""
    bench = ClientBench()
    bench.safe()
    bench.take()
    bench.lose(A)
    bench.advance((LEASE_MS + 10_000) * MS)
    assert bench.told_of() == [State.JEOPARDY]
    bench.dialled.clear()
    while B not in bench.dialled:
        bench.advance(100 * MS)
    bench.welcome(B, serving=True)
    bench.keep(bench.alive(B).request, KeptAlive(LEASE_MS, 0, NEXT, 0), B)
    assert bench.told_of() == [AskAgain()]
    bench.keep(bench.alive(B).request, KeptAlive(LEASE_MS, bench.lease.number, NEXT, 0), B)
    assert bench.told_of() == [State.SAFE]


def test_locks_are_held_through_a_fail_over() -> None:
    """[CHUBBY §2.9] The new master has what the old one had in the database: sessions, held locks, ephemeral files."""
    service = Service()
    one = service.session()
    handle = one.open("/f", ephemeral=True)
    sequencer = one.acquire(handle).sequencer
    one.service = other = service.restored()
    other.reign(NEXT)
    other.charge(0, one.number)
    assert one.holds(handle) == sequencer
    assert other.ask(lock_api.CheckSequencer(sequencer)).valid


def test_who_kept_alive_is_listed_by_the_next_charge() -> None:
    """[CHUBBY §2.9] A new master lets clients perform KeepAlives before anything else may end a session."""
    bench = begun(7, 8)
    bench.reign = NEXT
    bench.step()
    first = bench.choose()
    assert (first.elapsed_ms, listed(first)) == (0, [])
    bench.hear(8, 2, epoch=NEXT)
    bench.step(3 * S)
    assert listed(bench.proposed[-1][1]) == [8]


async def test_clients_flush_their_caches(fake: FakeCell, cell: Cell) -> None:
    """[CHUBBY §2.9] The new master's fail-over event makes clients flush their caches, for they may have missed invalidations."""
    async with cell.session(caching=True) as session, session.open(PATH, create=True, contents="one") as node:
        await be_cached(fake, node)
        asked = fake.questions
        fake.fail_over(master=2)
        await until(lambda: node._handle.lease.epoch == fake.epoch)
        assert (await node.read()).contents == b"one"
        assert fake.questions > asked


def test_changes_wait_until_every_cacher_knows_of_the_fail_over() -> None:
    """[CHUBBY §2.9] The master waits until each session acknowledges the fail-over event, or lets itself expire, before it goes on."""
    bench = GateBench()
    bench.gate.begin(bench.now, NEXT)
    bench.gate.heard(1, 0)
    acknowledged, may_go = bench.admit()
    assert not may_go
    bench.gate.heard(2, 0)
    assert bench.passed() == [acknowledged]
    bench.gate.begin(bench.now, 2 * NEXT)
    bench.gate.heard(1, 0)
    expired, may_go = bench.admit()
    assert not may_go
    bench.now += GATE_LEASE_MS * MS
    assert bench.passed() == [expired]
