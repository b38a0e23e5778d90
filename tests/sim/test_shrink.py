"""A failing run becomes a small one that fails in the same way."""

from collections.abc import Iterator
from itertools import islice

import pytest
from msgspec.structs import replace

from gaios.sim import Report, run
from gaios.sim.museum import Exhibit
from gaios.sim.plan import Plan
from gaios.sim.shrink import Shrunk, attempts, drawn, properties, shrink, smaller_options
from gaios.sim.smaller import Smaller, active
from tests.museum.exhibits import EXHIBITS, pins

pytestmark = pytest.mark.timeout(300)


def report(*violations: str) -> Report:
    return Report(seed=0, trace_hash="", violations=list(violations), statistics={}, sometimes={}, lines=[])


class Bug:
    """Shows when a crash and a loss come together, with two clients, after 700 ms; alone, they show something else."""

    def __init__(self) -> None:
        self.runs: list[Smaller] = []

    def __call__(self, smaller: Smaller) -> Report:
        self.runs.append(smaller)
        plan = smaller.change(PLAN)
        late = smaller.until_ms is None or smaller.until_ms >= 700
        if late and {"crash", "loss"} <= set(active(plan)) and plan.clients >= 2:
            return report("agreement: two values")
        return report("liveness: another bug")


PLAN = next(plan for plan in map(drawn, range(100)) if {"crash", "loss"} <= set(active(plan)) and plan.clients > 4)


def test_what_the_failure_does_not_need_is_left_out() -> None:
    bug = Bug()
    found = shrink(bug, bug(Smaller()), PLAN)
    assert found.smaller.only is not None
    assert set(found.smaller.only) == {"crash", "loss"}
    assert (found.smaller.clients, found.smaller.replicas, found.smaller.operations) == (2, 1, 1)
    assert found.smaller.until_ms is not None
    assert 700 <= found.smaller.until_ms <= 750
    assert found.report.violations == ["agreement: two values"]


def test_another_failure_is_not_taken_for_it() -> None:
    """Without its faults this run violates another property."""
    bug = Bug()
    assert shrink(bug, report("liveness: another bug"), PLAN).smaller.only == ()
    assert shrink(bug, report("agreement: two values"), PLAN).smaller.only != ()


@pytest.mark.parametrize("tries", [1, 5, 20])
def test_the_number_of_runs_is_bounded(tries: int) -> None:
    bug = Bug()
    found = shrink(bug, report("agreement: two values"), PLAN, tries=tries)
    assert found.tries == len(bug.runs) == tries


def test_no_run_is_tried_twice() -> None:
    bug = Bug()
    shrink(bug, report("agreement: two values"), PLAN)
    assert len(bug.runs) == len(set(bug.runs))


def test_it_goes_on_from_what_is_left_out_already() -> None:
    bug = Bug()
    start = Smaller(until_ms=800, replicas=2)
    found = shrink(bug, bug(start), PLAN, start=start)
    assert all(run_.until_ms is not None and run_.until_ms <= 800 for run_ in bug.runs)
    assert found.smaller.replicas == 1


@pytest.mark.parametrize("name", ["acknowledge before sync", "a watch that lost its connection skips a revision"])
def test_a_planted_bug_is_shrunk_and_still_caught(name: str) -> None:
    """The smaller run has less of everything, is caught by the same checker, and needs the bug.

    By chance a failure needs nearly all of its run; then that of another seed has to become less than half.
    """
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.name == name)
    for seed, whole, found in islice(_shrunk(exhibit), 3):
        plan = drawn(seed, exhibit.plan)
        assert properties(found.report)[0] == properties(whole)[0]
        assert len(active(found.smaller.change(plan))) < len(active(plan))
        options = smaller_options(found.smaller, exhibit.plan)
        assert not run(seed, options).violations
        with exhibit.plant():
            assert run(seed, options) == found.report
        if all(2 * found.report.statistics[counted] < whole.statistics[counted] for counted in ("calls", "events")):
            return
    pytest.fail(f"{name}: no failing run became less than half of what it was")


def _shrunk(exhibit: Exhibit) -> Iterator[tuple[int, Report, Shrunk]]:
    """Of each seed that shows the bug."""
    for seed in dict.fromkeys([*pins()[exhibit.name], *range(25)]):
        with exhibit.plant():
            whole = run(seed, smaller_options(Smaller(), exhibit.plan))
            found = shrink(attempts(seed, exhibit.plan), whole, drawn(seed, exhibit.plan), tries=40) if whole.violations else None
        if found is not None:
            yield seed, whole, found


def test_a_scenario_comes_before_what_is_left_out() -> None:
    def five(plan: Plan) -> Plan:
        return replace(plan, clients=5)

    change = smaller_options(Smaller(clients=2), five).plan
    assert change is not None
    assert change(Plan()).clients == 2
    assert drawn(0, five).clients == 5
