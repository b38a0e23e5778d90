"""Who may lose its state where members change.  [SAFETY 2, 3, 8]"""

from msgspec.structs import replace

from gaios.sim.cell import Cell
from gaios.sim.dice import Dice
from gaios.sim.faults import ProcessFaults, S
from gaios.sim.losses import Losses
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.world import World


def struck(process: ProcessFaults) -> tuple[Cell, Losses]:
    """A quiet cell of five that runs, and what takes state from it."""
    cell = Cell(World(1), replace(Plan(), replicas=5, clients=1, watchers=0), Observations())
    cell.start()
    cell.world.run(2 * S)
    seats = list(cell.seats.values())
    return cell, Losses(cell.world, Dice(1), seats, cell.nemesis.census, process, None, lambda _seat, _failed: None)


def take(cell: Cell, losses: Losses, member: int) -> bool:
    seat = cell.seats[member]
    seat.stop(power=False)
    losses.strike(seat)
    return seat.is_lost


def test_never_a_majority_of_the_present_voters() -> None:
    cell, losses = struck(ProcessFaults(lose_disk=1.0))
    assert [take(cell, losses, member) for member in (1, 2, 3)] == [True, True, False]


def test_never_a_majority_of_what_is_asked_for() -> None:
    """Two of five may go, but not while one of the others is being removed."""
    cell, losses = struck(ProcessFaults(lose_disk=1.0))
    census = cell.nemesis.census
    census.ask(census.newest.removed(5))
    assert [take(cell, losses, member) for member in (1, 2)] == [True, False]


def test_nobody_who_is_no_member() -> None:
    cell, losses = struck(ProcessFaults(lose_disk=1.0))
    census = cell.nemesis.census
    cell.seats[4].stop(power=False)
    cell.seats[4]._known = census.newest.removed(5)
    assert not take(cell, losses, 5)


def test_an_older_directory_needs_enough_who_know_better() -> None:
    """The first time it is copied; the next time a majority of the others has recorded a later boot."""
    cell, losses = struck(ProcessFaults(lose_disk=1.0, put_back=1.0))
    assert not take(cell, losses, 1)
    cell.seats[1].start()
    cell.world.run(cell.world.now_ns + 2 * S)
    assert take(cell, losses, 1)
    assert cell.world.sometimes["an older directory was put back"] == 1
