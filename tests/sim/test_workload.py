"""What clients do is recorded once each, and explained by what they saw."""

from msgspec.structs import replace

from gaios import api
from gaios.sim.cell import Cell
from gaios.sim.faults import S
from gaios.sim.history import DONE
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.workload import Workload
from gaios.sim.world import World


def worked(operations: int = 200) -> tuple[Workload, Observations]:
    plan = replace(Plan(), replicas=3, operations=operations)
    seen = Observations()
    world = World(2)
    cell = Cell(world, plan, seen)
    workload = Workload(world, plan, cell.clients, seen)
    cell.start()
    workload.begin()
    world.run(300 * S, stop=lambda: workload.is_done)
    world.run(world.now_ns + S)
    workload.finish_watches()
    return workload, seen


def test_every_operation_is_recorded_once_with_its_outcome() -> None:
    workload, seen = worked()
    assert workload.is_done
    assert sorted(call.number for call in seen.calls) == list(range(1, 201))
    assert all(call.outcome == DONE and call.ended is not None and call.ended > call.began for call in seen.calls)


def test_values_are_unique_so_that_a_read_says_which_write_it_saw() -> None:
    _, seen = worked()
    values = [
        operation.value
        for call in seen.calls
        if isinstance(call.request, api.MultiOp)
        for operation in call.request.then[:1]
        if isinstance(operation, api.Put)
    ]
    assert len(set(values)) == len(values) > 50


def test_all_kinds_of_operations_occur_and_both_outcomes_of_compare_and_set() -> None:
    _, seen = worked()
    guarded = {call.reply.succeeded for call in seen.calls if isinstance(call.reply, api.MultiOpResult) and call.request.guard}  # type: ignore[union-attr]
    assert guarded == {True, False}
    kinds = {type(operation) for call in seen.calls if isinstance(call.request, api.MultiOp) for operation in call.request.then}
    assert kinds == {api.Put, api.Delete, api.Increment}


def test_watchers_are_told_everything() -> None:
    _, seen = worked()
    assert len(seen.watches) == 2
    last = max(call.reply.revision for call in seen.calls if isinstance(call.reply, api.MultiOpResult))
    assert all(watch.next_revision == last + 1 and watch.events[-1].mod_revision == last for watch in seen.watches)


def test_operations_last_for_all_of_safety_mode() -> None:
    _, seen = worked()
    assert 10 * S < max(call.began_ns for call in seen.calls) < 60 * S
