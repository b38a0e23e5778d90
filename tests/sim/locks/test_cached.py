"""Caching sessions answer out of the production cache, and what they answered is written down."""

from collections import Counter
from typing import Any

from gaios import caching, errors, lock_api
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, S
from gaios.sim.locks import cached
from gaios.sim.locks.process import Handle, Process, Session
from gaios.sim.locks.work import Work
from gaios.sim.plan import Locks
from tests.sim.locks.worked import done, process
from tests.sim.small import cell_of, until


def opened(cell: Cell, one: Process, *, caches: bool = True) -> tuple[Session, Handle]:
    """A session that knows of the reign, and a file."""
    session = done(cell, one, one.open_session(1_000, 500 * MS, caches=caches))
    answer = done(cell, one, session.do(lock_api.Open, None, "/f", lock_api.MAY_CREATE, contents=b"one"))
    until(cell, lambda: bool(session.life.hints) and session.life.kept > 3)
    return session, Handle(answer.handle, "/f", answer.stat.instance, 0)


def read(cell: Cell, session: Session, handle: Handle) -> Any:
    return done(cell, session.process, cached.read(session, handle, lock_api.GetContentsAndStat))


def test_what_was_read_is_answered_at_once_until_somebody_changes_it() -> None:
    cell, one = process()
    session, handle = opened(cell, one)
    first = read(cell, session, handle)
    cell.world.run(cell.world.now_ns + S)
    asked, now_ns = len(one.records.asked), cell.world.now_ns
    assert read(cell, session, handle) == first
    (kept,) = one.records.recalled
    assert (kept.path, kept.answer, kept.began_ns) == ("/f", first, kept.ended_ns)
    assert kept.began < kept.ended
    assert (len(one.records.asked), now_ns <= kept.began_ns) == (asked, True)
    assert done(cell, one, session.do(lock_api.SetContents, handle, b"two")).done
    assert read(cell, session, handle).contents == b"two"
    assert len(one.records.recalled) == 1
    assert all(hint.notice is None for hint in session.life.hints), "a notice to forget is no event"


def test_that_nothing_is_there_is_kept_too() -> None:
    cell, one = process()
    session, _ = opened(cell, one)
    for _ in range(2):
        assert done(cell, one, cached.find(session, "/x")) == caching.Found(there=False)
        cell.world.run(cell.world.now_ns + S // 10)
    assert len(one.records.recalled) == 1
    done(cell, one, session.do(lock_api.Open, None, "/x", lock_api.MAY_CREATE))
    assert done(cell, one, cached.find(session, "/x")) == caching.Found(there=True)


def test_a_session_that_does_not_cache_asks_each_time() -> None:
    cell, one = process()
    session, handle = opened(cell, one, caches=False)
    asked = len(one.records.asked)
    assert read(cell, session, handle) == read(cell, session, handle)
    assert (len(one.records.asked) - asked, one.records.recalled) == (2, [])


def test_whoever_slept_for_longer_than_its_lease_has_forgotten_everything() -> None:
    cell, one = process()
    session, handle = opened(cell, one)
    read(cell, session, handle)
    assert session.cache is not None
    cell.world.run(cell.world.now_ns + S)
    one.client.stall(1_100 * MS)
    cell.world.run(cell.world.now_ns + 1_200 * MS)
    read(cell, session, handle)
    assert not one.records.recalled


def test_a_session_that_is_over_hears_of_it_from_a_read() -> None:
    cell, one = process()
    session, handle = opened(cell, one)
    one.client.let_go(session.lease.lease)
    one.ask(lock_api.CloseSession(session.number, session.token))
    cell.world.run(cell.world.now_ns + S // 2)
    assert isinstance(read(cell, session, handle), errors.SessionExpired)
    assert session.is_over


def test_rounds_read_everything_that_is_kept() -> None:
    locks = Locks(clients=3, rounds=300, lock=0, file=1, node=1, meddle=0, cached=6, caching=0.8, leases_ms=(1_000,), hold_ns=50 * MS)
    cell = cell_of(0, locks=locks, safety_ns=10 * S)
    work = Work(cell.world, cell.network, cell.plan, cell.clients[cell.plan.clients :], cell.observations.locks)
    cell.start()
    work.begin()
    cell.world.run(30 * S)
    kinds = Counter(type(kept.question) for kept in work.records.recalled)
    assert min(kinds[kind] for kind in (lock_api.GetContentsAndStat, lock_api.ReadDir, caching.FindNode)) > 5, kinds
    changed = {type(asked.request) for asked in work.records.asked}
    assert {lock_api.SetContents, lock_api.SetAcl, lock_api.DeleteNode} <= changed
    opened_by = {asked.request.caching for asked in work.records.asked if isinstance(asked.request, lock_api.OpenSession)}
    assert opened_by == {False, True}
