"""Members come and go in a simulated cell.  [PML §5.4; SAFETY 8, 18]"""

import pytest
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

PATIENCE = 8
"""Seeds of a scenario, until all has happened that is to happen there."""


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


@pytest.mark.parametrize(
    ("scenario", "seed", "happened"),
    [
        ("members", 3, {"a partition began", "a replica crashed"}),
        ("members-lost", 8, {"a member that lost its state was to be replaced", "an older directory was put back"}),
        ("members-rot", 3, {"a record was lost without a trace", "rot was found while a replica ran"}),
        ("members-upgrade", 0, {"a master raised the feature level", "a version that is too old stopped (run)"}),
    ],
)
def test_members_change_whatever_else_befalls_the_cell(scenario: str, seed: int, happened: set[str]) -> None:
    """When the code moves, what a seed has moves with it; then some of the next ones have it all together."""
    missing = happened | {"a new member's machine was set up", "a removed member was told that it may go"}
    for each in range(seed, seed + PATIENCE):
        report = run(each, RunOptions(plan=load(scenario).change))
        assert report.violations == []
        assert report.sometimes["a change of the members was asked for"] > 1
        missing -= report.sometimes.keys()
        if not missing:
            return
    pytest.fail(f"never: {missing}")


def test_a_change_that_leaves_no_sound_majority_is_not_asked_for() -> None:
    """Of three voters one lost its state: another of them is not taken out, and the one that did is."""
    cell = moving()
    cell.world.run(250 * MS)
    census = cell.nemesis.census
    assert census.newest.number == 0
    seat = next(each for each in cell.seats.values() if each is not master_of(cell))
    other = next(each for each in cell.seats.values() if each not in {seat, master_of(cell)})
    seat.stop(power=False)
    seat.lose_disk()
    assert not cell.movers.replace(other.replica)
    assert cell.movers.replace(seat.replica)
    cell.rest()
    cell.world.run(cell.world.now_ns + 10 * S)
    assert not census.lists(seat.replica)
    assert cell.has_converged()
    assert not cell.observations.broken


def test_all_who_lost_their_state_are_replaced_when_faults_stop() -> None:
    """The way back.  [SAFETY 8]"""
    faults = Faults(process=ProcessFaults(change_every_ns=3_600 * S))
    cell = Cell(World(1), replace(Plan(), replicas=5, clients=1, watchers=0, faults=faults), Observations())
    cell.start()
    cell.world.run(2 * S)
    for member in (1, 2):
        cell.seats[member].stop(power=False)
        cell.seats[member].lose_disk()
    assert not cell.has_converged()
    cell.rest()
    cell.world.run(cell.world.now_ns + 10 * S)
    assert cell.has_converged()
    assert {member.number for member in cell.nemesis.census.newest.members if member.votes} == {3, 4, 5, 6, 7}
    assert cell.world.sometimes["a member that lost its state was to be replaced"] == 2
