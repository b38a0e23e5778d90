"""All checkers look at a run's records, and each of them can refuse."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gaios import api
from gaios.sim.cell import Cell
from gaios.sim.faults import S
from gaios.sim.history import DONE, Executed, Lease, Violation
from gaios.sim.judge import judge
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.workload import Workload
from gaios.sim.world import World


def recorded() -> tuple[Observations, list[bytes], dict[int, tuple[int, dict[bytes, bytes]]]]:
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
    finals = {}
    for replica, seat in cell.seats.items():
        seat.onlooker.ended()
        assert seat.node is not None
        page = api.decode_answer(seat.node.replica.applier.machine.query(api.encode(api.Range(b"", b""))))
        assert isinstance(page, api.Page)
        finals[replica] = (seat.life, {entry.key: entry.value for entry in page.entries})
    return seen, workload.keys, finals


def test_a_good_run_is_not_accused() -> None:
    assert judge(*recorded()) == ([], 0)


def another_value(seen: Observations) -> None:
    seen.applied[-1] = seen.applied[-1]._replace(value=b"")


def another_lease(seen: Observations) -> None:
    held = seen.leases[0]
    seen.leases.append(Lease(held.replica % 3 + 1, held.ballot + 1, held.from_ns, held.until_ns))


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
    (another_lease, "lease exclusivity"),
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


def test_a_lost_key_at_the_end_is_found() -> None:
    seen, keys, finals = recorded()
    finals[2][1].clear()
    found, _ = judge(seen, keys, finals)
    assert found[0].property == "durability"
