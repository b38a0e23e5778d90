"""Sessions and KeepAlives."""

from inspect import signature
from typing import Any

import pytest

from gaios import errors, lock_api
from gaios.client.cache import Cache
from gaios.client.lease import Lease, State, shortened_ns
from gaios.client.lock_calls import LockCalls
from gaios.client.tuning import MS
from gaios.lock_api import CONTENTS_MODIFIED, GRACE_MS, LEASE_MS, LEASE_MS_MAX, Notice
from gaios.transport import KeptAlive
from tests.client.script import A, B
from tests.client.test_lease import REIGN
from tests.client.test_lease import Bench as ClientBench
from tests.locks.parts import Service
from tests.locks.test_steward import S, begun


def test_everything_stays_while_the_session_does() -> None:
    """[CHUBBY §2.8] A client's handles, locks and cached data remain valid while its session does, and no longer."""
    service = Service()
    one = service.session(1_000)
    handle = one.open("/f")
    one.acquire(handle)
    service.charge(0, one.number)
    service.charge(1_000)
    assert one.holds(handle)
    service.charge(1)
    with pytest.raises(errors.SessionExpired):
        one.holds(handle)


def test_the_default_lease_is_twelve_seconds() -> None:
    """[CHUBBY §2.8] The default extension is 12 s; an overloaded master may use longer ones, up to around 60 s."""
    assert (LEASE_MS, LEASE_MS_MAX) == (12_000, 60_000)
    assert Service().do(lock_api.OpenSession(b"t" * 16)).lease_ms == 12_000


def test_the_master_does_not_end_a_session_before_its_lease() -> None:
    """[CHUBBY §2.8] During the lease the master guarantees not to terminate the session unilaterally, and extends it only forwards."""
    service = Service()
    one = service.session(5_000)
    for heard in (True, False, True, False):
        service.charge(2_500, *((one.number,) if heard else ()))
        assert service.machine.sessions() == [one.number]
    service.charge(2_500)
    assert service.machine.sessions() == [one.number]
    service.charge(1)
    assert service.machine.sessions() == []


def test_a_session_ends_when_its_client_says_so() -> None:
    """[CHUBBY §2.8] A session ends when the client ends it explicitly: with its handles, and its locks are free."""
    service = Service()
    one, two = service.session(), service.session()
    handle = one.open("/f", lock_delay_ms=60_000)
    one.acquire(handle)
    waits = two.open("/f")
    two.acquire(waits)
    one.do(lock_api.CloseSession)
    assert two.holds(waits)


def test_a_keepalive_is_held() -> None:
    """[CHUBBY §2.8] The master typically blocks a KeepAlive, and lets it return when there is a lease to give."""
    bench = begun(7)
    bench.hear(7, 2)
    bench.step(2 * S)
    assert 7 not in bench.answers
    bench.step(S)
    bench.choose()
    assert bench.last(7).listed == 2
    assert bench.last(7).lease_ms == LEASE_MS


def test_a_held_keepalive_returns_early_when_there_is_an_event() -> None:
    """[CHUBBY §2.8] KeepAlive replies carry events back; the master lets one return early when there is something to deliver."""
    bench = begun(7)
    bench.hear(7, 2)
    notice = Notice(3, CONTENTS_MODIFIED, "", 9)
    bench.steward.tell(7, notice)
    bench.step()
    assert bench.last(7).notices == (notice,)


def test_the_client_sends_another_at_once() -> None:
    """[CHUBBY §2.8] The client initiates a new KeepAlive immediately after it received the reply: nearly always one is blocked."""
    bench = ClientBench()
    first = bench.alive()
    bench.keep(first.request, KeptAlive(LEASE_MS, 1, REIGN, 0))
    assert bench.alive().number == first.number + 1


def test_no_client_has_a_session_without_acknowledging_events() -> None:
    """[CHUBBY §2.8] Piggybacking events on KeepAlive replies ensures that clients cannot have a session without acknowledging them."""
    bench = begun(7)
    bench.hear(7, 2)
    notice = Notice(3, CONTENTS_MODIFIED, "", 9)
    bench.steward.tell(7, notice)
    bench.step()
    bench.hear(7, 3, told=0)
    assert bench.last(7).notices == (notice,), "told again until it says that it knows"
    bench.answers.clear()
    bench.hear(7, 4, told=1)
    assert 7 not in bench.answers


def test_the_clients_lease_time_out_is_conservative() -> None:
    """[CHUBBY §2.8] The client's estimate allows for the time that its KeepAlive was in flight, and for the rate of the master's clock."""
    bench = ClientBench()
    bench.safe()
    sent_ns = bench.now
    request = bench.alive().request
    bench.advance(2_900 * MS)
    bench.keep(request, KeptAlive(LEASE_MS, 2, REIGN, 0))
    assert bench.lease.end_ns == sent_ns + shortened_ns(LEASE_MS) < sent_ns + LEASE_MS * MS


def test_jeopardy_then_safe() -> None:
    """[CHUBBY §2.8] At the local lease's end the session is in jeopardy; a KeepAlive that succeeds in the grace period makes it safe."""
    bench = ClientBench()
    bench.take()
    bench.lose(A)
    bench.advance(shortened_ns(LEASE_MS))
    assert bench.told_of() == [State.JEOPARDY]
    bench.dialled.clear()
    while B not in bench.dialled:
        bench.advance(100 * MS)
    bench.welcome(B, serving=True)
    first = bench.alive(B)
    bench.keep(first.request, KeptAlive(LEASE_MS, first.number, 0, 0), B)
    assert bench.told_of() == [], "it was sent first a lease ago: that it is listed proves nothing of now"
    second = bench.alive(B)
    bench.keep(second.request, KeptAlive(LEASE_MS, second.number, 0, 0), B)
    assert bench.told_of() == [State.SAFE]


def test_in_jeopardy_the_cache_is_empty_and_disabled() -> None:
    """[CHUBBY §2.8] In jeopardy the client empties its cache and disables it: it cannot tell whether the master has ended its session."""
    lease = Lease(1, 2, b"", 1_000, 10 * MS, 0)
    cache = Cache(lease)
    cache.keep(0, cache.begin("/f"), "read", b"1", 1)
    assert cache.get(10 * MS - 1, "/f", "read") == b"1"
    assert cache.get(10 * MS, "/f", "read") is None
    cache.keep(10 * MS, cache.begin("/f"), "read", b"1", 1)
    lease.end_ns = 20 * MS
    assert cache.get(10 * MS, "/f", "read") is None, "nothing was kept, and nothing came back"


def test_jeopardy_then_expired() -> None:
    """[CHUBBY §2.8] The client waits for a grace period of 45 s by default; then it assumes that the session has expired."""
    assert GRACE_MS == 45_000
    defaults = {name: each.default for name, each in signature(LockCalls.session).parameters.items()}
    assert (defaults["lease"] * 1_000, defaults["grace"] * 1_000) == (LEASE_MS, GRACE_MS)
    bench = ClientBench()
    bench.advance(shortened_ns(LEASE_MS) + GRACE_MS * MS - 1)
    assert bench.told_of() == [State.JEOPARDY]
    bench.advance(1)
    assert bench.told_of() == [State.EXPIRED]


def test_only_a_suffix_of_operations_is_lost() -> None:
    """[CHUBBY §2.8] If an operation fails because the session has expired, all later ones of its handles fail too."""
    service = Service()
    one, two = service.session(1_000), service.session(60_000)
    handle = one.open("/f")
    assert one.do(lock_api.SetContents, handle, b"1").done
    service.charge(0)
    service.charge(1_001, two.number)
    later: list[tuple[Any, ...]] = [(lock_api.SetContents, b"2"), (lock_api.Acquire,), (lock_api.SetContents, b"3")]
    for command, *arguments in later:
        with pytest.raises(errors.SessionExpired):
            one.do(command, handle, *arguments)
    assert two.contents(two.open("/f")) == b"1"
