"""Locks and sequencers."""

import pytest

from gaios import errors, lock_api
from gaios.lock_api import LOCK_DELAY_MS_MAX, CheckSequencer
from tests.locks.parts import Service


def test_one_client_holds_it_exclusively_or_any_number_share_it() -> None:
    """[CHUBBY §2.4] Either one handle holds the lock in writer mode, or any number hold it in reader mode."""
    service = Service()
    clients = [service.session() for _ in range(5)]
    handles = [client.open("/f") for client in clients]
    assert all(client.acquire(handle, shared=True).sequencer for client, handle in zip(clients, handles, strict=True))
    writer = service.session()
    wants = writer.open("/f")
    assert not writer.acquire(wants, wait=False).sequencer
    for client, handle in zip(clients, handles, strict=True):
        client.release(handle)
    assert writer.acquire(wants).sequencer
    assert not clients[0].acquire(handles[0], shared=True, wait=False).sequencer


def test_locks_are_advisory() -> None:
    """[CHUBBY §2.4] Holding a lock is neither necessary to access the file, nor does it prevent other clients from doing so."""
    service = Service()
    one, two = service.session(), service.session()
    one.acquire(one.open("/f"))
    handle = two.open("/f")
    assert two.do(lock_api.SetContents, handle, b"x").done
    assert two.contents(handle) == b"x"


def test_acquiring_in_either_mode_needs_the_right_to_write() -> None:
    """[CHUBBY §2.4] Acquiring a lock in either mode requires write permission, so that who may only read cannot hold up a writer."""
    service = Service()
    reader = service.session()
    service.session().open("/f")
    handle = reader.open("/f", write=False)
    for shared in (False, True):
        with pytest.raises(errors.ReadOnlyHandle):
            reader.acquire(handle, shared=shared)


def test_a_sequencer_describes_the_lock_right_after_it_was_acquired() -> None:
    """[CHUBBY §2.4] A sequencer has the lock's name, its mode and a number of the grant; a server checks that it is still valid."""
    service = Service()
    one = service.session()
    handle = one.open("/f")
    sequencer = one.acquire(handle, shared=True).sequencer
    assert (sequencer.path, sequencer.shared) == ("/f", True)
    assert service.ask(CheckSequencer(sequencer)).valid
    one.release(handle)
    assert not service.ask(CheckSequencer(sequencer)).valid


def test_the_next_holders_sequencer_is_greater() -> None:
    """[CHUBBY §2.4] A server may compare a sequencer with the most recent one that it has observed."""
    service = Service()
    seen = []
    for _ in range(3):
        one = service.session()
        handle = one.open("/f")
        sequencer = one.acquire(handle).sequencer
        seen.append((sequencer.generation, sequencer.revision))
        one.do(lock_api.CloseSession)
    assert seen == sorted(set(seen))


def test_a_lock_that_was_released_is_available_at_once() -> None:
    """[CHUBBY §2.4] If a client releases a lock in the normal way, it is immediately available, whatever its lock-delay."""
    service = Service()
    one, two = service.session(), service.session()
    handle = one.open("/f", lock_delay_ms=LOCK_DELAY_MS_MAX)
    one.acquire(handle)
    one.release(handle)
    assert two.acquire(two.open("/f")).sequencer


def test_a_lock_that_was_lost_is_available_after_its_lock_delay() -> None:
    """[CHUBBY §2.4] If a lock becomes free because its holder has failed, nobody may claim it for the lock-delay."""
    service = Service()
    one, two = service.session(1_000), service.session(60_000)
    one.acquire(one.open("/f", lock_delay_ms=10_000))
    handle = two.open("/f")
    service.charge(0, two.number)
    service.charge(1_001, two.number)
    acquired = two.acquire(handle, wait=False)
    assert (acquired.sequencer, acquired.delay_ms) == (None, 10_000)
    service.charge(9_999, two.number)
    assert not two.acquire(handle, wait=False).sequencer
    service.charge(1, two.number)
    assert two.acquire(handle, wait=False).sequencer


def test_a_lock_delay_is_at_most_a_minute() -> None:
    """[CHUBBY §2.4] Clients may specify any lock-delay up to some bound, one minute: a faulty client cannot keep a lock away for ever."""
    service = Service()
    one = service.session()
    assert one.open("/f", lock_delay_ms=60_000)
    with pytest.raises(errors.InvalidCommand):
        one.open("/f", lock_delay_ms=60_001)
