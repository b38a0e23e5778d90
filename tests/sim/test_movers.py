"""Members come and go in a simulated cell.  [PML §5.4; SAFETY 8, 18]"""

from msgspec.structs import replace

from gaios.errors import Removed
from gaios.sim import RunOptions, run
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, Faults, ProcessFaults, S
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.scenario import load
from gaios.sim.world import World
from tests.sim.test_seat import master_of


def moving() -> Cell:
    faults = Faults(process=ProcessFaults(change_every_ns=300 * MS))
    cell = Cell(World(1), replace(Plan(), replicas=3, clients=1, watchers=0, faults=faults), Observations())
    cell.start()
    return cell


def test_members_change_and_new_machines_are_set_up_for_them() -> None:
    cell = moving()
    cell.world.run(10 * S)
    assert cell.world.sometimes["a new member's machine was set up"] >= 2
    assert cell.world.sometimes["a removed member was told that it may go"] >= 1
    assert not cell.observations.broken


def test_one_that_goes_although_it_is_listed_is_found() -> None:
    cell = moving()
    cell.world.run(S)
    seat = master_of(cell)
    cell.movers.gone(seat, Removed(member=seat.replica, replica=seat.replica, configuration=9))
    assert "is listed" in str(cell.observations.broken[-1])


def test_the_scenario_holds_with_crashes_and_partitions() -> None:
    report = run(3, RunOptions(plan=load("members").change))
    assert report.violations == []
    assert report.sometimes["a change of the members was asked for"] > 5
