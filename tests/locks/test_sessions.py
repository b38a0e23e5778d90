"""Sessions: leases by one clock that only charges move, and an end that leaves nothing behind.  [CHUBBY §2.8; SAFETY 21]"""

import pytest

from gaios import errors, lock_api
from gaios.lock_api import LEASE_MS, Charged, CloseSession
from gaios.locks import sessions
from gaios.locks.heard import encode as encode_heard
from tests.locks.parts import TOKEN, Client, Service

LONG = lock_api.LEASE_MS_MAX


def numbers(service: Service) -> list[int]:
    return [each.session for each in service.ask(lock_api.ListSessions()).sessions]


def test_a_session_has_a_lease_of_twelve_seconds() -> None:
    """The default extension is 12 s. [CHUBBY §2.8]"""
    service = Service()
    reply = service.do(lock_api.OpenSession(TOKEN))
    assert (reply.session, reply.lease_ms) == (service.machine.revision, 12_000)
    assert service.machine.lease_of(reply.session, TOKEN) == 12_000
    assert service.machine.lease_of(reply.session, b"other token 1234") == 0
    assert service.machine.lease_of(reply.session + 1, TOKEN) == 0


def test_a_session_ends_when_more_than_its_lease_was_charged() -> None:
    """Expiry is decided in the log, by charged time. [SAFETY 21]"""
    service = Service()
    client = service.session()
    assert service.charge(0) == Charged(0, 0, False)
    assert service.charge(LEASE_MS) == Charged(LEASE_MS, 0, False)
    assert service.charge(1) == Charged(LEASE_MS + 1, 1, False)
    assert service.ended == [client.number]
    assert numbers(service) == []
    with pytest.raises(errors.SessionExpired):
        client.open("/a")


def test_who_is_heard_begins_a_new_lease() -> None:
    """The lease is advanced when a KeepAlive is answered: the charge that lists it is chosen. [CHUBBY §2.8]"""
    service = Service()
    kept, lost = service.session(), service.session()
    service.charge(0)
    for _ in range(4):
        service.charge(LEASE_MS // 4, kept.number)
    assert service.ended == []
    assert service.charge(1, kept.number).expired == 1
    assert numbers(service) == [kept.number]
    assert service.ended == [lost.number]


def test_a_new_session_is_not_charged_for_the_time_before_it() -> None:
    """To open is to be heard: the lease counts from the charge that follows, whichever clock it shows. [SAFETY 21]"""
    service = Service()
    other = service.session(LONG)
    service.charge(0)
    client = service.session()
    assert service.charge(15_000, other.number) == Charged(15_000, 0, False)
    assert service.charge(LEASE_MS).expired == 0
    assert service.charge(1).expired == 1
    assert service.ended == [client.number]


def test_that_holds_through_a_snapshot() -> None:
    service = Service()
    service.charge(0)
    service.session()
    service = service.restored()
    service.charge(9_000)
    service = service.restored()
    assert service.charge(LEASE_MS).expired == 0
    service = service.restored()
    assert service.charge(1).expired == 1


def test_time_without_charges_does_not_pass() -> None:
    """The lease clock is stopped while there is no master. [CHUBBY §2.9]"""
    service = Service()
    client = service.session(1_000)
    service.charge(0)
    for _ in range(50):
        service.charge(0)
    assert client.open("/a")


def test_charges_are_kept_while_a_lease_rests_on_them() -> None:
    service = Service()
    a, b = service.session(LONG), service.session(LONG)

    def kept() -> int:
        return len(list(service.machine.database.reserved(b"\x00gaios/c/", b"\x00gaios/c0")))

    service.charge(0)
    service.charge(3_000, a.number)
    assert kept() == 2
    service.charge(3_000)
    assert kept() == 2
    service.charge(3_000, a.number, b.number)
    assert kept() == 1
    a.do(CloseSession)
    b.do(CloseSession)
    service.charge(0)
    assert kept() == 0


def test_a_list_may_name_sessions_that_are_over() -> None:
    """Between a KeepAlive and its charge a session may close; a number that will be one some day gains nothing."""
    service = Service()
    a, b = service.session(), service.session(LONG)
    service.charge(0)
    a.do(CloseSession)
    future = service.machine.revision + 2
    service.charge(LEASE_MS, a.number, b.number, future)
    late = service.session()
    assert late.number == future
    assert service.restored().machine.checksum() == service.machine.checksum()


def test_a_token_proves_the_session() -> None:
    """Handles are unforgeable: who has not seen the token cannot use them. [CHUBBY §2.3]"""
    service = Service()
    client = service.session()
    handle = client.open("/a")
    for command in (lock_api.Acquire, lock_api.Close, lock_api.Release, lock_api.DeleteNode):
        with pytest.raises(errors.UnknownLockSession):
            service.do(command(client.number, b"another token ..", handle))
    with pytest.raises(errors.UnknownLockSession):
        service.ask(lock_api.GetSequencer(client.number, b"another token ..", handle))
    with pytest.raises(errors.UnknownLockSession):
        service.do(CloseSession(client.number + 100, TOKEN))


def test_a_closed_session_leaves_nothing() -> None:
    """Locks are released, handles closed, ephemeral nodes deleted, waiting ends."""
    service = Service()
    a, b = service.session(), service.session()
    lock = b.open("/l")
    b.acquire(lock)
    a.acquire(a.open("/l"))
    a.acquire(a.open("/mine", ephemeral=True))
    a.open("/stays")
    assert a.do(CloseSession).done
    assert service.ended == [a.number]
    with pytest.raises(errors.SessionExpired):
        a.do(CloseSession)
    assert numbers(service) == [b.number]
    nodes = service.ask(lock_api.ListNodes("/")).nodes
    assert [(node.path, node.waiters, node.handles) for node in nodes] == [("/l", 0, 1), ("/stays", 0, 0)]


def test_who_expires_together_is_granted_nothing_meanwhile() -> None:
    """Else a lock would be passed to one who is gone, and its lock-delay would count."""
    service = Service()
    a, b, c = service.session(1_000), service.session(1_000), service.session(LONG)
    ha, hb, hc = a.open("/l"), b.open("/l", lock_delay_ms=60_000), c.open("/l")
    for client, handle in ((a, ha), (b, hb), (c, hc)):
        client.acquire(handle)
    service.charge(0)
    service.told.clear()
    assert service.charge(1_001).expired == 2
    assert c.holds(hc)
    assert service.notices() == [(hc, lock_api.LOCK_ACQUIRED, "")]


def test_an_end_that_is_too_large_goes_on_with_the_next_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command has a bound; the session is over at once for its client. [SAFETY 28]"""
    monkeypatch.setattr(sessions, "CHANGES_MAX", 10)
    for ends in ("closed", "lost"):
        service = Service()
        a, b = service.session(1_000), service.session(LONG)
        handles = [a.open(f"/{number}", lock_delay_ms=1_000) for number in range(30)]
        for handle in handles:
            a.acquire(handle)
        last = b.open("/29")
        b.acquire(last)
        service.charge(0)
        if ends == "closed":
            a.do(CloseSession)
        else:
            assert service.charge(1_001).more
        with pytest.raises(errors.SessionExpired):
            a.open("/x")
        assert service.machine.lease_of(a.number, TOKEN) == 0
        assert not b.holds(last)
        charges = 0
        while service.charge(0, a.number).more:
            assert service.machine.delay_until_ms == max(1, service.machine.clock_ms), "a charge is due at once"
            service = service.restored()
            charges += 1
        assert charges > 1
        assert numbers(service) == [b.number]
        b = Client(service, b.number)
        assert bool(b.holds(last)) == (ends == "closed"), "the lost ones are delayed"
        service.charge(1_000)
        while service.charge(0).more:
            pass
        assert b.holds(last)


def test_many_sessions_end_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ENDS_MAX", 4)
    service = Service()
    lost = [service.session(1_000).number for _ in range(10)]
    service.charge(0)
    found = [service.charge(1_001), service.charge(0), service.charge(0)]
    assert found == [Charged(1_001, 4, True), Charged(1_001, 4, True), Charged(1_001, 2, False)]
    assert service.ended == lost


def test_sessions_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    service = Service()
    service.session()
    service.session()
    with pytest.raises(errors.LimitReached):
        service.session()


def test_the_clock_goes_on_in_a_full_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for more is refused; who gives up is not, and the clock goes on. [SAFETY 28]"""
    service = Service()
    a, b = service.session(1_000), service.session(LONG)
    ha, hb = a.open("/l", lock_delay_ms=500), b.open("/l")
    a.acquire(ha)
    b.acquire(hb)
    c = b.open("/c")
    monkeypatch.setattr("gaios.db.database.DATABASE_BYTES_MAX", 1_000)
    monkeypatch.setattr("gaios.db.store.DATABASE_BYTES_MAX", 1_000)
    for refused in (
        lock_api.OpenSession(TOKEN),
        lock_api.Open(b.number, TOKEN, "/new", create=1),
        lock_api.Open(b.number, TOKEN, "/l"),
        lock_api.SetContents(b.number, TOKEN, c, b"x"),
        lock_api.SetAcl(b.number, TOKEN, c, ("", "", "")),
        lock_api.Acquire(b.number, TOKEN, c),
        lock_api.SetSequencer(b.number, TOKEN, c, lock_api.Sequencer("/l", False, 0, 9)),
    ):
        with pytest.raises(errors.DatabaseFull):
            service.do(refused)
    service.charge(0)
    assert service.charge(1_001, b.number).expired == 1
    service.charge(500, b.number)
    assert b.holds(hb)
    assert b.release(hb)
    b.do(CloseSession)
    assert numbers(service) == []


def test_the_masters_side_asks_what_it_needs() -> None:
    service = Service()
    machine = service.machine
    assert (machine.shortest_lease_ms, machine.delay_until_ms, machine.clock_ms, machine.sessions()) == (0, 0, 0, [])
    a, b = service.session(2_000), service.session()
    service.charge(0)
    service.charge(700)
    assert (machine.shortest_lease_ms, machine.clock_ms, machine.sessions()) == (2_000, 700, [a.number, b.number])
    a.do(CloseSession)
    assert (machine.shortest_lease_ms, machine.sessions()) == (LEASE_MS, [b.number])


def test_a_quiet_charge_moves_the_clock_and_ends_nobody() -> None:
    """[SAFETY 24] Who is over by then ends by the next that is not quiet, unless it was heard from meanwhile."""
    service = Service()
    first, second = (service.do(lock_api.OpenSession(TOKEN)).session for _ in range(2))
    service.do(lock_api.Charge(0, b""))
    charged = service.do(lock_api.Charge(lock_api.LEASE_MS + 1, b"", quiet=True))
    assert (charged.clock_ms, charged.expired, charged.more) == (lock_api.LEASE_MS + 1, 0, False)
    assert service.ended == []
    service.do(lock_api.Charge(0, encode_heard([first])))
    assert service.ended == [second]
