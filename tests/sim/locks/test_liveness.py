"""What a quiet world owes: answers, sessions that live, and nothing left behind in time."""

from msgspec.structs import replace

from gaios import lock_api
from gaios.log import Bounds
from gaios.sim.faults import S
from gaios.sim.history import DONE, REFUSED, UNKNOWN
from gaios.sim.locks import liveness
from gaios.sim.locks.history import EXPIRED, Asked, Life
from tests.sim.locks.worked import working
from tests.sim.small import cell_of, until


def test_a_cell_without_faults_owes_nothing() -> None:
    cell, work = working()
    cell.world.run(5 * S)
    first = liveness.begin(work, 5 * S)
    until(cell, lambda: work.is_done, 60 * S)
    assert not liveness.end(cell.world, cell, work, first)
    assert liveness.is_clear(cell)
    assert cell.world.now_ns <= work.records.bound_ns


def test_calls_that_fail_and_sessions_that_are_lost_are_told() -> None:
    cell, work = working()
    cell.world.run(5 * S)
    first = liveness.begin(work, 5 * S)
    now_ns = cell.world.now_ns
    lost = Life(9, 1, 1_000, 0, ended_ns=now_ns, how=EXPIRED)
    request = lock_api.Close(9, bytes(16), 3)
    asked = Asked(1, 1, request, 0, now_ns, None, now_ns, UNKNOWN, None)
    over = asked._replace(outcome=REFUSED, refusal="SessionExpired")
    work.records.asked[:] = [*work.records.asked[:first], asked, over, asked._replace(outcome=REFUSED, refusal="UnknownHandle")]
    work.records.lives.append(lost)
    found = [violation.detail for violation in liveness.end(cell.world, cell, work, first)]
    assert [detail.partition(" ")[0] for detail in found] == ["lock", "session", "processes"], "its end explains the second call"
    work.records.lives.remove(lost)
    found = [violation.detail for violation in liveness.end(cell.world, cell, work, first)]
    assert [detail.partition(" ")[0] for detail in found] == ["lock", "lock", "processes"]


def test_a_small_table_excuses_who_finds_it_full() -> None:
    for bounds, failed in ((Bounds(), True), (Bounds(answers=2), False)):
        cell, work = working(bounds=bounds)
        cell.world.run(5 * S)
        first = liveness.begin(work, 5 * S)
        until(cell, lambda work=work: work.is_done, 60 * S)  # type: ignore[misc]
        now_ns = cell.world.now_ns
        work.records.asked.append(Asked(1, 1, lock_api.Close(9, bytes(16), 3), 0, now_ns, 1, now_ns, REFUSED, None, "Overloaded"))
        assert bool(liveness.end(cell.world, cell, work, first)) == failed


def test_a_cell_without_a_master_is_not_clear() -> None:
    assert not liveness.is_clear(cell_of())


def test_a_change_that_waits_for_a_cache_longer_than_a_lease_is_told() -> None:
    for took_ns, told in ((2 * S, 0), (4 * S, 1)):
        cell, work = working()
        work.locks = replace(work.locks, caching=0.5)
        cell.world.run(5 * S)
        first = liveness.begin(work, 5 * S)
        assert work.workers[0].process.deadline_ns == 6 * S, "a lease more"
        until(cell, lambda work=work: work.is_done, 60 * S)  # type: ignore[misc]
        now_ns = cell.world.now_ns
        request = lock_api.SetContents(9, bytes(16), 3, b"")
        work.records.asked.append(Asked(1, 1, request, 0, now_ns, 1, now_ns + took_ns, DONE, lock_api.Changed(9, done=True)))
        found = [violation.detail for violation in liveness.end(cell.world, cell, work, first)]
        assert len(found) == told
        assert all("4000000000 ns after faults stopped; caches hold it 3000000000 at most" in detail for detail in found)
