"""Claims about what is remembered of sessions and grants that are over."""

from typing import Any

import pytest

from gaios import explanation as told
from gaios import lock_api
from gaios.errors import InvalidCommand
from gaios.explanation import Explain, Explanation, Grant, SessionFact
from gaios.locks import LockService
from gaios.locks.annals import Kept
from tests.locks.parts import TOKEN, Client, Service


def explain(service: Service, **asked: Any) -> Explanation:
    found = service.ask(Explain(**asked))
    assert isinstance(found, Explanation)
    return found


def life(service: Service, session: int) -> SessionFact:
    (found,) = explain(service, session=session).sessions
    return found


def grant(service: Service, path: str, revision: int) -> Grant:
    return explain(service, path=path, revision=revision).grants[0]


def hold(client: Client, path: str = "/job", **how: Any) -> int:
    handle = client.open(path, **how)
    client.acquire(handle)
    return handle


def test_a_lost_session_is_told_with_the_charges_that_ended_it() -> None:
    """[SAFETY 21] From the charge that listed it last on, through the one after which more than its lease was charged."""
    service = Service()
    service.reign(65_537)
    one = service.session(10_000, client="host:1", principal="me")
    hold(one)
    service.charge(2_000)
    service.charge(2_500, one.number)
    service.reign(2 * 65_536 + 2)
    service.charge(0)
    service.charge(10_000)
    other = service.session()
    service.charge(1, other.number)
    found = life(service, one.number)
    assert (found.session, found.client, found.principal, found.lease_ms, found.how) == (one.number, "host:1", "me", 10_000, told.LOST)
    assert found.opened is not None
    assert (found.opened.slot, found.handles) == (2, 1)
    assert (found.charge, found.heard_ms) == (2, 4_500)
    assert [(each.number, each.elapsed_ms, each.clock_ms, each.heard) for each in found.charges] == [
        (2, 2_500, 4_500, 1), (3, 0, 4_500, 0), (4, 10_000, 14_500, 0), (5, 1, 14_501, 1)
    ]  # fmt: skip
    assert found.ended == found.charges[-1].at
    assert found.charges[-1].clock_ms - found.heard_ms > found.lease_ms
    assert [reign.at.epoch for reign in explain(service, session=one.number).reigns] == [65_537, 2 * 65_536 + 2]
    assert [each.at.epoch for each in found.charges] == [65_537, 131_074, 131_074, 131_074]


def test_a_session_that_was_never_heard_counts_from_the_charge_after_its_opening() -> None:
    service = Service()
    service.session()
    service.charge(1_000)
    one = service.session(1_000)
    service.charge(500)
    service.charge(1_001)
    found = life(service, one.number)
    assert (found.charge, found.heard_ms, [each.number for each in found.charges]) == (2, 1_500, [2, 3])


def test_a_session_that_lives_is_told_so() -> None:
    service = Service()
    one = service.session()
    assert (life(service, one.number).charge, life(service, one.number).charges) == (0, ())
    service.charge(1_000, one.number)
    service.charge(1_000)
    found = life(service, one.number)
    assert (found.how, found.ended, found.charge, found.heard_ms, len(found.charges)) == (0, None, 1, 1_000, 2)


def test_what_never_was_is_not_told_of() -> None:
    service = Service()
    service.session()
    assert explain(service, session=99).sessions == ()
    assert explain(service, session=99).revision < 99
    assert explain(service, path="/nothing").grants == ()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (lock_api.Release, told.RELEASED),
        (lock_api.Close, told.HANDLE_CLOSED),
        (lock_api.DeleteNode, told.NODE_DELETED),
        (lock_api.CloseSession, told.SESSION_CLOSED),
    ],
)
def test_every_end_of_a_grant_has_its_reason(command: Any, why: int) -> None:
    service = Service()
    one = service.session()
    handle = hold(one)
    sequencer = one.holds(handle)
    assert sequencer is not None
    held = grant(service, "/job", sequencer.revision)
    assert (held.ended, held.why, held.session, held.handle) == (None, 0, one.number, handle)
    slot = service.context.slot
    one.do(command, *(() if command is lock_api.CloseSession else (handle,)))
    found = grant(service, "/job", sequencer.revision)
    assert found.ended is not None
    assert (found.why, found.ended.slot, found.granted) == (why, slot, held.granted)
    assert found.by == (one.number if command is lock_api.DeleteNode else 0)


def test_a_grant_that_expired_names_its_delay_and_the_next() -> None:
    """[CHUBBY §2.4]"""
    service = Service()
    one, two = service.session(1_000), service.session()
    mine, other = hold(one, lock_delay_ms=5_000), two.open("/job")
    two.acquire(other)
    revision = explain(service, path="/job").grants[0].revision
    assert explain(service, path="/job").waiters == 1
    service.charge(0)
    service.charge(1_001, two.number)
    found = explain(service, path="/job", revision=revision)
    assert [(each.session, each.handle, each.why, each.until_ms) for each in found.grants] == [
        (one.number, mine, told.SESSION_EXPIRED, 6_001)
    ]  # fmt: skip
    assert (found.until_ms, found.waiters) == (6_001, 1)
    assert found.sessions[0].how == told.LOST
    assert found.sessions[0].charges
    service.charge(5_000, two.number)
    found = explain(service, path="/job", revision=revision)
    assert [(each.session, each.ended is None) for each in found.grants] == [(one.number, False), (two.number, True)]
    assert found.until_ms == 0
    assert explain(service, session=one.number).grants == found.grants[:1]


def test_grants_that_were_shared_have_one_revision() -> None:
    service = Service()
    one, two, three = service.session(), service.session(), service.session()
    first = hold(one)
    for client in (two, three):
        client.acquire(client.open("/job"), shared=True)
    one.release(first)
    shared = explain(service, path="/job").grants[1:]
    assert [(each.session, each.shared) for each in shared] == [(two.number, True), (three.number, True)]
    assert len(explain(service, path="/job", revision=shared[0].revision).grants) == 2
    assert len(explain(service, path="/job", revision=shared[0].revision - 1).grants) == 2
    assert len(explain(service, path="/job", revision=explain(service, path="/job").grants[0].revision).grants) == 3


def test_ephemeral_nodes_go_with_the_session_that_had_them_open() -> None:
    service = Service()
    one, two = service.session(1_000), service.session()
    root = one.open("/d", directory=True, ephemeral=True)
    one.open("/d/x", ephemeral=True)
    one.do(lock_api.Close, root)
    two.open("/e", ephemeral=True)
    one.open("/kept")
    service.charge(0)
    service.charge(1_001, two.number)
    assert life(service, one.number).nodes == ("/d", "/d/x")
    assert life(service, two.number).nodes == ()


def test_an_end_that_takes_several_charges_keeps_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.locks.sessions.CHANGES_MAX", 4)
    service = Service()
    one, two = service.session(1_000), service.session()
    for client in (one, two):
        for number in range(6):
            hold(client, f"/{client.number}-{number}")
    two.do(lock_api.CloseSession)
    service.charge(0)
    service.charge(1_001)
    for _ in range(20):
        service.charge(0)
    for client, why in ((one, told.SESSION_EXPIRED), (two, told.SESSION_CLOSED)):
        found = explain(service, session=client.number)
        assert [each.why for each in found.grants] == [why] * 6
        assert found.sessions[0].handles == 6


def test_what_is_kept_is_bounded_and_an_evicted_grant_is_still_told_when_it_ends() -> None:
    """[SAFETY 28]"""
    service = Service()
    service.machine = LockService(Kept(sessions=2, grants=3, nodes=2, charges=2, reigns=2))
    old = service.session(1_000)
    handle = hold(old, "/old")
    revision = explain(service, path="/old").grants[0].revision
    one = service.session()
    for number in range(5):
        one.release(hold(one, f"/{number}"))
    (held,) = explain(service, path="/old").grants
    assert (held.revision, held.session, held.granted, held.ended) == (revision, old.number, None, None)
    old.release(handle)
    (found,) = explain(service, path="/old").grants
    assert (found.granted, found.revision, found.session, found.why) == (None, revision, old.number, told.RELEASED)
    for _ in range(5):
        service.reign(service.context.epoch + 65_536)
        service.session().do(lock_api.CloseSession)
        service.charge(1)
    annals = service.machine._annals
    assert (len(annals._ended), len(annals._grants), len(annals._charges), len(annals._reigns)) == (2, 3, 2, 2)
    service.charge(20_000)
    assert [each.number for each in life(service, one.number).charges] == [5, 6]


def test_the_newest_are_told_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.explanation.GRANTS_TOLD", 3)
    monkeypatch.setattr("gaios.explanation.CHARGES_TOLD", 3)
    service = Service()
    one = service.session(60_000)
    for _ in range(5):
        handle = hold(one)
        one.do(lock_api.Close, handle)
    found = explain(service, path="/job")
    assert (len(found.grants), found.more) == (3, True)
    assert [each.revision for each in found.grants] == sorted(each.revision for each in found.grants)
    service.charge(0)
    for _ in range(7):
        service.charge(9_000)
    assert [each.number for each in life(service, one.number).charges] == [1, 7, 8]


def test_a_restored_machine_remembers_nothing_but_who_holds_and_says_so() -> None:
    service = Service()
    one = service.session()
    hold(one)
    other = service.restored()
    found = explain(other, path="/job")
    (held,) = found.grants
    assert (found.since, held.session, held.granted, held.ended) == (0, one.number, None, None)
    assert explain(other, session=one.number).grants == explain(other, path="/job", revision=held.revision).grants == (held,)
    assert (life(other, one.number).opened, life(other, one.number).handles) == (None, 1)


def test_remembering_is_no_part_of_the_state() -> None:
    """[SAFETY 27] Two machines of which one remembers nothing are equal, and answer commands alike."""
    one, two = Service(), Service()
    two.machine = LockService(Kept(0, 0, 0, 0, 0))
    for service in (one, two):
        first, second = service.session(1_000), service.session()
        hold(first)
        second.acquire(second.open("/job"))
        service.charge(0)
        service.charge(1_001, second.number)
    assert one.machine.checksum() == two.machine.checksum()
    assert list(one.machine.snapshot()) == list(two.machine.snapshot())
    assert explain(two, session=2).sessions == ()


@pytest.mark.parametrize("asked", [Explain(), Explain(1, "/a"), Explain(-1), Explain(path="a"), Explain(path="/a", revision=-1)], ids=repr)
def test_a_question_that_makes_no_sense_is_refused(asked: Explain) -> None:
    with pytest.raises(InvalidCommand):
        Service().ask(asked)


def test_no_token_is_told() -> None:
    service = Service()
    hold(service.session())
    assert TOKEN not in service.machine.query(lock_api.encode(Explain(path="/job")))
