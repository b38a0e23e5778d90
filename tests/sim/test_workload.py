"""What clients do can be judged: every value once, every operation written down once, the same for every run of a seed."""

from collections import Counter
from functools import cache

import pytest

from gaios import api, errors
from gaios.sim.cell import Cell
from gaios.sim.client import Outcome
from gaios.sim.faults import MS, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call
from gaios.sim.workload import Workload
from tests.sim.small import cell_of, until, worked

OPERATIONS = 400


@cache
def cell_and_workload() -> tuple[Cell, Workload]:
    return worked(operations=OPERATIONS, clients=3, watchers=1, keys=3, think_ns=MS, burst=50)


def calls_of(cell: Cell) -> list[Call]:
    return sorted(cell.observations.calls, key=lambda call: call.number)


def writes(calls: list[Call]) -> list[api.MultiOp]:
    return [call.request for call in calls if isinstance(call.request, api.MultiOp)]


def test_every_value_is_written_by_one_operation() -> None:
    """So that a read says which write it saw: two writes of one value would hide a lost one."""
    written: Counter[bytes] = Counter()
    for request in writes(calls_of(cell_and_workload()[0])):
        values = {operation.value for operation in (*request.then, *request.otherwise) if isinstance(operation, api.Put)}
        written.update(values)
    assert len(written) > 100
    assert set(written.values()) == {1}


def test_registers_and_counters_are_keys_of_their_own() -> None:
    """An overwritten counter would explain any sum."""
    cell, workload = cell_and_workload()
    put, added, deleted = set(), set(), set()
    for request in writes(calls_of(cell)):
        for operation in (*request.then, *request.otherwise):
            match operation:
                case api.Put(key, _):
                    put.add(key)
                case api.Increment(key, _):
                    added.add(key)
                case api.Delete(key, _):
                    deleted.add(key)
                case _:
                    pass
    assert put == deleted == set(workload.registers)
    assert added == set(workload.counters)
    assert not put & added


def test_every_kind_of_operation_is_drawn_often() -> None:
    """What is never asked is never judged; operations meet on few keys."""
    kinds: Counter[str] = Counter()
    for call in calls_of(cell_and_workload()[0]):
        match call.request:
            case api.Range(_, None):
                kinds["read"] += 1
            case api.Range(_, _):
                kinds["read of all"] += 1
            case api.MultiOp((), then, _):
                kinds[f"{'two' if len(then) > 1 else 'one'} {type(then[0]).__name__}"] += 1
            case api.MultiOp((test,), (api.Put(key, _),), _):
                kinds[f"if {test.field}" + (" of another key" if key != test.key else "")] += 1
    expected = {
        "read", "read of all", "one Put", "two Put", "one Increment", "one Delete", "if absent", "if value", "if mod_revision",
        "if value of another key",
    }  # fmt: skip
    assert set(kinds) == expected
    assert min(kinds.values()) >= 5


def test_a_guard_compares_with_what_some_client_has_seen() -> None:
    """With a made-up value it would never hold, and the write behind it never happen."""
    cell, _ = cell_and_workload()
    outcomes = Counter(
        call.reply.succeeded
        for call in cell.observations.calls
        if isinstance(call.request, api.MultiOp) and call.request.guard and isinstance(call.reply, api.MultiOpResult)
    )
    assert min(outcomes[True], outcomes[False]) > 10


def test_each_operation_is_written_down_once() -> None:
    cell, workload = cell_and_workload()
    calls = calls_of(cell)
    assert [call.number for call in calls] == list(range(1, OPERATIONS + 1))
    assert workload.open == 0
    assert workload.is_done
    assert {call.client for call in calls} == {1, 2, 3}
    orders = [call.began for call in calls] + [call.ended for call in calls]
    assert len(set(orders)) == 2 * OPERATIONS, "no two observations have one place"
    assert all(call.ended is not None and call.began < call.ended and call.began_ns <= call.ended_ns for call in calls)


def test_a_seed_does_the_same_twice_and_two_seeds_differ() -> None:
    def requests(seed: int) -> list[object]:
        cell, _ = worked(seed, operations=30)
        return [(call.request, call.began_ns, call.ended_ns, call.reply) for call in calls_of(cell)]

    assert requests(1) == requests(1)
    assert requests(1) != requests(2)


def test_under_faults_each_operation_is_still_written_down_once() -> None:
    """Retries are the client's; a call that was given up is written down as what it is."""
    storm = Faults(
        network=NetworkFaults(loss=0.2, duplicate=0.2, partition_every_ns=S, break_every_ns=100 * MS),
        process=ProcessFaults(crash_every_ns=S),
    )
    cell, _ = worked(3, operations=80, faults=storm, deadline_ns=S, think_ns=50 * MS)
    calls = calls_of(cell)
    assert [call.number for call in calls] == list(range(1, 81))
    assert {call.outcome for call in calls} >= {DONE, UNKNOWN}
    for call in calls:
        assert (call.ended is None) == (call.outcome == UNKNOWN and isinstance(call.request, api.MultiOp))
        assert (call.reply is not None) == (call.outcome == DONE)
        assert bool(call.error) == (call.outcome != DONE)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.NotANumber(key=b"c0", reason="it is text"), REFUSED),
        (errors.Unknown(reason="the connection was lost"), UNKNOWN),
    ],
)
def test_an_error_says_whether_anything_happened(error: errors.Error, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal counts as no effect; what may have happened stays open for ever.  [SAFETY 20]"""
    cell = cell_of(operations=1, clients=1)
    workload = Workload(cell.world, cell.plan, cell.clients, cell.observations)

    def call(kind: int, payload: bytes, deadline_ns: int, finish: object) -> None:
        told: tuple[Outcome, object, object] = (error, (5, 0, 1), (0, 0))
        cell.world.after(MS, finish, *told)  # type: ignore[arg-type]

    monkeypatch.setattr(cell.clients[0], "call", call)
    monkeypatch.setattr(workload, "_draw", lambda number: api.MultiOp(then=(api.Increment(b"c0"),)))
    workload.begin()
    until(cell, lambda: workload.is_done, 60 * S)
    (made,) = cell.observations.calls
    assert made.outcome == outcome
    assert (made.ended is None) == (outcome == UNKNOWN)
    assert made.whose == (5, 0, 1)
    assert made.error.startswith(type(error).__name__)


def test_again_begins_as_many_more_and_ends() -> None:
    """In liveness mode every client does a little more."""
    cell, workload = worked(operations=10)
    workload.again(8, S, MS)
    assert not workload.is_done
    until(cell, lambda: workload.is_done, 10 * S)
    cell.world.run(cell.world.now_ns + 20 * S)
    assert len(cell.observations.calls) == 18


def test_watchers_are_written_down_with_what_they_were_told() -> None:
    """Everything, from the beginning."""
    cell, workload = worked(operations=60, watchers=2)
    cell.world.run(cell.world.now_ns + S)
    workload.finish_watches()
    last = max(applied.revision for applied in cell.observations.applied)
    assert len(cell.observations.watches) == 2
    for watch in cell.observations.watches:
        assert watch.client in {3, 4}
        assert (watch.key, watch.end, watch.from_revision, watch.next_revision) == (b"", b"", api.FIRST_REVISION, last + 1)
        assert watch.events
        assert watch.events[-1].mod_revision == last


def test_operations_last_for_most_of_safety_mode() -> None:
    """Faults that come late must meet somebody at work."""
    cell, _ = worked(5, operations=100, safety_ns=10 * S, burst=4, clients=4)
    assert 3 * S < cell.world.now_ns < 30 * S
