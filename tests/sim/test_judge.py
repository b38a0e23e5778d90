"""All checkers look at a run's records, and each of them can refuse."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gaios import api
from gaios.sim.cell import Cell
from gaios.sim.faults import S
from gaios.sim.history import DONE, Executed, Final, Flip, Lease, Life, Violation
from gaios.sim.judge import judge
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.run import finals
from gaios.sim.workload import Workload
from gaios.sim.world import World


def recorded() -> tuple[Observations, list[bytes], dict[int, Final]]:
    """A good run's records."""
    plan = replace(Plan(), replicas=3, operations=60, keys=2)
    seen, world = Observations(), World(4)
    cell = Cell(world, plan, seen)
    workload = Workload(world, plan, cell.clients, seen)
    cell.start()
    workload.begin()
    world.run(300 * S, stop=lambda: workload.is_done)
    world.run(world.now_ns + S)
    workload.finish_watches()
    for seat in cell.seats.values():
        seat.onlooker.ended()
    return seen, workload.keys, finals(cell)


def test_a_good_run_is_not_accused() -> None:
    assert judge(*recorded()) == ([], 0)


def another_value(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(value=b"")


def another_lease(seen: Observations) -> None:
    held = seen.leases[0]
    seen.leases.append(Lease(held.replica % 3 + 1, held.ballot + 1, held.from_ns, held.until_ns))


def another_state(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(checksum=0)


def an_older_time(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(time_ms=0)


def a_boot_used_twice(seen: Observations) -> None:
    seen.lives.append(Life(1, 9, seen.lives[0].boot))


def an_older_epoch(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(epoch=0)


def an_older_revision(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(revision=0)


def a_second_execution(seen: Observations) -> None:
    seen.executed.append(seen.executed[-1])


def an_execution_left_out(seen: Observations) -> None:
    last = seen.executed[-1]
    seen.executed = [done for done in seen.executed if (done.slot, done.nth) != (last.slot, last.nth)]


def an_execution_of_nothing(seen: Observations) -> None:
    seen.executed.append(Executed(1, 1, 1, 0))


def a_lost_event(seen: Observations) -> None:
    seen.watches[0] = seen.watches[0]._replace(events=seen.watches[0].events[1:])


def a_stale_read(seen: Observations) -> None:
    last = max((at for at, call in enumerate(seen.calls) if isinstance(call.reply, api.Page)), key=lambda at: seen.calls[at].began)
    empty = api.Page((), more=False, revision=1)
    seen.calls[last] = seen.calls[last]._replace(reply=empty)


def a_wrong_place(seen: Observations) -> None:
    at = next(at for at, call in enumerate(seen.calls) if call.outcome == DONE and call.slot)
    seen.calls[at] = seen.calls[at]._replace(slot=9_999)


def a_full_queue(seen: Observations) -> None:
    seen.level(1, "waiting entries", 11, 10)


def a_forgotten_promise(seen: Observations) -> None:
    seen.starts[-1] = seen.starts[-1]._replace(promised=-1)


def a_stopped_replica(seen: Observations) -> None:
    seen.broken.append(Violation("no replica stops by itself", "replica 1"))


HARMS: list[tuple[Callable[[Observations], None], str]] = [
    (another_value, "agreement"),
    (another_state, "identical state"),
    (another_lease, "lease exclusivity"),
    (an_older_time, "time monotone"),
    (a_boot_used_twice, "boots rise"),
    (an_older_epoch, "epoch monotone"),
    (an_older_revision, "revisions monotone"),
    (a_second_execution, "exactly once"),
    (an_execution_left_out, "exactly once"),
    (an_execution_of_nothing, "exactly once"),
    (a_lost_event, "watch completeness"),
    (a_stale_read, "linearizability"),
    (a_stale_read, "linearizability by witness"),
    (a_wrong_place, "durability"),
    (a_full_queue, "bounded queues"),
    (a_forgotten_promise, "persist, then say"),
    (a_stopped_replica, "no replica stops by itself"),
]


@pytest.mark.parametrize(("harm", "expected"), HARMS, ids=lambda value: getattr(value, "__name__", value))
def test_every_checker_is_asked(harm: Callable[[Observations], None], expected: str) -> None:
    seen, keys, finals = recorded()
    harm(seen)
    found, _ = judge(seen, keys, finals)
    assert expected in {violation.property for violation in found}


def test_another_snapshot_at_the_end_is_found() -> None:
    seen, keys, finals = recorded()
    finals[2] = finals[2]._replace(snapshot=b"another")
    found, _ = judge(seen, keys, finals)
    assert found[0].property == "identical state"


def test_a_lost_key_at_the_end_is_found() -> None:
    seen, keys, finals = recorded()
    finals[2] = finals[2]._replace(state={})
    found, _ = judge(seen, keys, finals)
    assert found[0].property == "durability"


def test_what_a_master_answered_whose_database_was_wrong_is_not_judged() -> None:
    """Seed 683 of the swarm: a guard read the wrong value, so a put was refused, and the revision stayed behind."""
    seen, keys, finals = recorded()
    a_stale_read(seen)
    assert "revisions monotone" in {violation.property for violation in judge(seen, keys, finals)[0]}
    held = seen.leases[-1]
    seen.flips.append(Flip(held.until_ns - 1, held.replica, 1, b"k"))
    assert judge(seen, keys, finals) == ([], 0)
