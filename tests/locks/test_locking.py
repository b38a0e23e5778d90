"""Locks: exclusive and shared, queued fairly, delayed after an unclean loss, proven by sequencers.  [CHUBBY §2.4]"""

import pytest

from gaios import api, errors, lock_api
from gaios.lock_api import CONFLICTING_REQUEST, LOCK_ACQUIRED, Acquired, CheckSequencer, Sequencer, SetSequencer, holder_key
from gaios.locks import keys, records
from tests.locks.parts import CONTEXT, Client, Service

LONG = lock_api.LEASE_MS_MAX


def clients(service: Service, count: int, path: str = "/l", **how: object) -> list[tuple[Client, int]]:
    """So many sessions, each with a handle of the same node."""
    found = [service.session(LONG) for _ in range(count)]
    return [(client, client.open(path, **how)) for client in found]


def held(of: list[tuple[Client, int]]) -> list[bool]:
    return [client.holds(handle) is not None for client, handle in of]


def test_one_holds_exclusively_or_any_number_share() -> None:
    """Each file and directory can act as a reader-writer lock. [CHUBBY §2.4]"""
    service = Service()
    of = clients(service, 3)
    (a, ha), (b, hb), (c, hc) = of
    assert a.acquire(ha).sequencer == Sequencer("/l", False, 0, service.machine.revision)
    for shared in (False, True):
        assert b.acquire(hb, shared=shared, wait=False) == Acquired(None)
    assert a.release(ha)
    assert b.acquire(hb, shared=True).sequencer.shared
    assert c.acquire(hc, shared=True).sequencer is not None
    assert held(of) == [False, True, True]
    assert a.acquire(ha, wait=False) == Acquired(None)
    directory = a.open("/d", directory=True)
    assert a.acquire(directory).sequencer is not None
    assert a.acquire(a.open("/", create=0)).sequencer.path == "/"


def test_locks_are_advisory() -> None:
    """Holding a lock is not necessary to access the file. [CHUBBY §2.4]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    a.acquire(ha)
    assert b.do(lock_api.SetContents, hb, b"mine").done


def test_either_mode_needs_a_handle_that_may_write() -> None:
    """Acquiring a lock in either mode requires write permission. [CHUBBY §2.4]"""
    service = Service()
    ((a, ha),) = clients(service, 1, write=False)
    for shared in (False, True):
        with pytest.raises(errors.ReadOnlyHandle):
            a.acquire(ha, shared=shared)


def test_who_comes_first_is_first() -> None:
    """The queue is kept by the cell: a fair one, whatever happens to masters."""
    service = Service()
    of = clients(service, 4)
    for client, handle in of:
        client.acquire(handle)
    for turn in range(4):
        assert held(of) == [place == turn for place in range(4)]
        client, handle = of[turn]
        client.release(handle)


def test_a_writer_does_not_starve_behind_readers() -> None:
    """A shared one behind a waiting exclusive one waits; those at the head are granted together."""
    service = Service()
    of = clients(service, 6)
    modes = [True, True, False, True, True, False]
    for (client, handle), shared in zip(of, modes, strict=True):
        client.acquire(handle, shared=shared)
    assert held(of) == [True, True, False, False, False, False]
    of[0][0].release(of[0][1])
    assert held(of) == [False, True, False, False, False, False]
    of[1][0].release(of[1][1])
    assert held(of) == [False, False, True, False, False, False]
    of[2][0].release(of[2][1])
    assert held(of) == [False, False, False, True, True, False]


def test_a_try_neither_waits_nor_overtakes() -> None:
    """TryAcquire. [CHUBBY §2.6]"""
    service = Service()
    of = clients(service, 3)
    (a, ha), (b, hb), (c, hc) = of
    a.acquire(ha, shared=True)
    b.acquire(hb)
    before = service.machine.revision
    assert c.acquire(hc, shared=True, wait=False) == Acquired(None)
    assert service.machine.revision == before
    a.release(ha)
    b.release(hb)
    assert held(of) == [False, False, False]


def test_a_waiter_that_leaves_leaves_nothing() -> None:
    """Release is the Cancel too; and behind it others may go on. [CHUBBY §4.6]"""
    service = Service()
    of = clients(service, 3)
    (a, ha), (b, hb), (c, hc) = of
    a.acquire(ha, shared=True)
    assert b.acquire(hb) == Acquired(None, waits=True)
    assert c.acquire(hc, shared=True) == Acquired(None, waits=True)
    assert len(list(service.machine.database.reserved(b"\x00gaios/q/", b"\x00gaios/q0"))) == 2
    assert b.release(hb)
    assert held(of) == [True, False, True]
    assert not b.release(hb)
    assert not list(service.machine.database.reserved(b"\x00gaios/q/", b"\x00gaios/q0"))


def test_who_asks_again_is_told_the_same() -> None:
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    first = a.acquire(ha)
    before = service.machine.revision
    assert a.acquire(ha) == a.ask(lock_api.GetSequencer, ha) == first
    b.acquire(hb)
    assert b.acquire(hb) == b.acquire(hb, wait=False) == Acquired(None, waits=True)
    assert service.machine.revision == before + 1


def test_a_handle_does_not_change_its_mode() -> None:
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    a.acquire(ha)
    b.acquire(hb, shared=True)
    with pytest.raises(errors.LockConflict):
        a.acquire(ha, shared=True)
    with pytest.raises(errors.LockConflict):
        b.acquire(hb)


def test_two_handles_of_one_session_are_two() -> None:
    """They can be shared between threads. [CHUBBY §4.6]"""
    service = Service()
    a = service.session()
    one, two = a.open("/l"), a.open("/l")
    a.acquire(one)
    assert a.acquire(two).waits
    a.do(lock_api.Close, one)
    assert a.holds(two)


def test_those_concerned_are_told() -> None:
    """Lock acquired, conflicting lock request. [CHUBBY §2.5]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2, events=CONFLICTING_REQUEST)
    a.acquire(ha)
    service.notices()
    b.acquire(hb, wait=False)
    assert service.notices() == []
    b.acquire(hb)
    assert service.notices() == [(ha, CONFLICTING_REQUEST, "")]
    a.release(ha)
    assert service.told == [(b.number, lock_api.Notice(hb, LOCK_ACQUIRED, "", service.machine.revision))]
    sequencer = b.holds(hb)
    assert sequencer is not None
    assert sequencer.revision == service.machine.revision


def test_the_lock_generation_counts_from_free_to_held() -> None:
    """It increases when the node's lock transitions from free to held. [CHUBBY §2.3]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    assert a.stat(ha).lock_generation == 0
    a.acquire(ha, shared=True)
    b.acquire(hb, shared=True)
    assert a.stat(ha).lock_generation == 1
    a.release(ha)
    b.release(hb)
    assert a.stat(ha).lock_generation == 1
    a.acquire(ha)
    b.acquire(hb)
    a.release(ha)
    assert a.stat(ha).lock_generation == 3


def test_sequencers_grow_for_ever() -> None:
    """Across release, deletion of the node, and a restart from a snapshot. [SAFETY 23]"""
    service = Service()
    a = service.session(LONG)
    seen = []
    for turn in range(4):
        handle = a.open("/l")
        seen.append(a.acquire(handle).sequencer)
        if turn % 2:
            a.do(lock_api.DeleteNode, handle)
        else:
            a.release(handle)
        service = service.restored()
        a = Client(service, a.number)
    numbers = [(each.generation, each.revision) for each in seen]
    assert numbers == sorted(set(numbers))


def test_a_sequencer_names_how_often_the_cell_was_restored() -> None:
    """Revisions begin anew in a cell that is made of a backup. [SAFETY 23]"""
    service = Service()
    client = service.session()
    old = client.acquire(client.open("/l")).sequencer
    service.machine.database.change({keys.GENERATION: records.encode(records.Generation(2))}, CONTEXT)
    restored = service.restored()
    assert not restored.ask(CheckSequencer(old)).valid
    again = restored.session()
    new = again.acquire(again.open("/m")).sequencer
    assert new.generation == 2
    assert restored.ask(CheckSequencer(new)).valid


def test_a_sequencer_is_checked_by_whoever_gets_it() -> None:
    """The recipient is expected to test whether the sequencer is still valid and has the appropriate mode. [CHUBBY §2.4]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    sequencer = a.acquire(ha).sequencer
    check = CheckSequencer(sequencer)
    assert service.ask(check) == lock_api.Checked(True, sequencer.revision)
    for other in (
        Sequencer("/l", True, 0, sequencer.revision),
        Sequencer("/l", False, 1, sequencer.revision),
        Sequencer("/l", False, 0, sequencer.revision + 1),
        Sequencer("/none", False, 0, sequencer.revision),
    ):
        assert not service.ask(CheckSequencer(other)).valid
    b.acquire(hb)
    a.release(ha)
    assert service.ask(check) == lock_api.Checked(False, service.machine.revision)
    b.release(hb)
    assert service.ask(check) == lock_api.Checked(False, 0)


def test_a_multiop_of_plain_keys_is_guarded_by_a_lock() -> None:
    """The holder's key was created at the sequencer's revision. [SAFETY 23]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    sequencer = a.acquire(ha).sequencer
    guard = (api.Test(holder_key("/l", ha), "create_revision", "==", sequencer.revision),)
    put = api.MultiOp(guard, (api.Put(b"k", b"v"),))
    assert service.do(put).succeeded
    b.acquire(hb)
    a.release(ha)
    assert not service.do(put).succeeded
    page = service.ask(api.Range(holder_key("/l", hb)))
    assert [entry.create_revision for entry in page.entries] == [b.holds(hb).revision]  # type: ignore[union-attr]


def test_a_handle_with_a_sequencer_fails_once_that_is_invalid() -> None:
    """SetSequencer: subsequent operations on the handle fail if the sequencer is no longer valid. [CHUBBY §2.6]"""
    service = Service()
    (a, ha), (b, hb) = clients(service, 2)
    sequencer = a.acquire(ha).sequencer
    data = b.open("/data")
    assert b.do(SetSequencer, data, sequencer).done
    assert not b.do(SetSequencer, data, sequencer).done
    assert b.do(lock_api.SetContents, data, b"1").done
    a.release(ha)
    for command in (
        lock_api.SetContents(b.number, b"0123456789abcdef", data, b"2"),
        lock_api.SetAcl(b.number, b"0123456789abcdef", data, ("", "", "")),
        lock_api.DeleteNode(b.number, b"0123456789abcdef", data),
        lock_api.Acquire(b.number, b"0123456789abcdef", data),
    ):
        with pytest.raises(errors.StaleSequencer):
            service.do(command)
    assert b.contents(data) == b"1"
    assert service.restored().machine.checksum() == service.machine.checksum()
    b.do(SetSequencer, data, None)
    assert b.do(lock_api.SetContents, data, b"2").done
    assert held([(b, hb)]) == [False]


def test_a_lock_that_was_lost_is_delayed() -> None:
    """If a lock becomes free because the holder has failed, nobody may claim it for the lock-delay, of at most a minute. [CHUBBY §2.4]"""
    service = Service()
    a, b, c = service.session(1_000), service.session(LONG), service.session(LONG)
    ha, hb, hc = a.open("/l", lock_delay_ms=5_000), b.open("/l"), c.open("/l")
    a.acquire(ha)
    b.acquire(hb)
    service.charge(0)
    service.charge(1_001)
    assert service.ended == [a.number]
    assert b.ask(lock_api.GetSequencer, hb) == Acquired(None, True, 5_000)
    assert c.acquire(hc, wait=False) == Acquired(None, False, 5_000)
    assert service.machine.delay_until_ms == 6_001
    service = service.restored()
    b, c = Client(service, b.number), Client(service, c.number)
    service.charge(4_999)
    assert not b.holds(hb)
    service.charge(1)
    assert b.holds(hb)
    assert service.notices() == [(hb, LOCK_ACQUIRED, "")]
    assert service.machine.delay_until_ms == 0


def test_a_lock_that_was_released_is_not_delayed() -> None:
    """If a client releases a lock in the normal way, it is immediately available for others. [CHUBBY §2.4]"""
    for release in (lock_api.Release, lock_api.Close, lock_api.CloseSession):
        service = Service()
        a, b = service.session(), service.session()
        ha, hb = a.open("/l", lock_delay_ms=60_000), b.open("/l")
        a.acquire(ha)
        b.acquire(hb)
        a.do(release, *(() if release is lock_api.CloseSession else (ha,)))
        assert b.holds(hb)


def test_a_lock_delay_outlives_its_node() -> None:
    """An ephemeral lock file goes with its holder; who makes it anew waits as well."""
    service = Service()
    a, b = service.session(1_000), service.session(LONG)
    a.acquire(a.open("/l", ephemeral=True, lock_delay_ms=3_000))
    service.charge(0)
    service.charge(1_500)
    hb = b.open("/l", create=lock_api.MUST_CREATE)
    assert b.acquire(hb) == Acquired(None, True, 3_000)
    service.charge(3_000)
    assert b.holds(hb)


def test_the_longest_lock_delay_of_those_who_shared_counts() -> None:
    service = Service()
    a, b = service.session(1_000), service.session(1_000)
    for client, delay in ((a, 9_000), (b, 4_000)):
        client.acquire(client.open("/l", lock_delay_ms=delay), shared=True)
    service.charge(0)
    service.charge(1_001)
    assert service.machine.delay_until_ms == 10_001


def test_a_queue_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr("gaios.locks.locking.WAITERS_MAX", 2)
    service = Service()
    of = clients(service, 5)
    for client, handle in of[:2]:
        assert client.acquire(handle, shared=True).sequencer
    for client, handle in of[2:4]:
        assert client.acquire(handle, shared=True).waits, "as many share a lock as may wait for it"
    with pytest.raises(errors.LimitReached):
        of[4][0].acquire(of[4][1])
    of[0][0].release(of[0][1])
    assert held(of) == [False, True, True, False, False]
