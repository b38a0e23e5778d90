"""What a quiet world owes: answers, sessions that live, and nothing left behind in time."""

from gaios import lock_api
from gaios.log import Bounds
from gaios.sim.faults import S
from gaios.sim.history import REFUSED, UNKNOWN
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
