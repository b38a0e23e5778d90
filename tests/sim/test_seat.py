"""A seat is a machine and a process that comes and goes; the process is the production node."""

from msgspec.structs import replace

from gaios.sim.cell import Cell
from gaios.sim.faults import S
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.seat import Seat, address
from gaios.sim.world import World


def quiet(replicas: int = 3, seed: int = 1) -> Cell:
    """A cell without faults, started."""
    cell = Cell(World(seed), replace(Plan(), replicas=replicas, clients=1, watchers=0), Observations())
    cell.start()
    return cell


def master_of(cell: Cell) -> Seat:
    return next(seat for seat in cell.seats.values() if seat.is_serving)


def test_a_quiet_cell_elects_one_master_and_keeps_it() -> None:
    cell = quiet()
    cell.world.run(S)
    master = master_of(cell)
    cell.world.run(20 * S)
    assert [seat for seat in cell.seats.values() if seat.is_serving] == [master]
    assert cell.world.sometimes["a master was elected"] == 1


def test_a_killed_process_starts_again_with_a_higher_boot() -> None:
    cell = quiet()
    cell.world.run(S)
    seat = cell.seats[2]
    assert seat.node is not None
    before = seat.node.replica.boot
    seat.stop(power=False)
    seat.start()
    after = seat.node.replica.boot
    assert after > before


def test_all_may_lose_power_at_once_and_come_back() -> None:
    cell = quiet(5)
    cell.world.run(S)
    for seat in cell.seats.values():
        seat.stop(power=True)
    cell.world.run(2 * S)
    for seat in cell.seats.values():
        seat.start()
    cell.world.run(6 * S)
    assert master_of(cell).life == 3, "two starts and an end between"
    assert not cell.observations.broken


def test_what_belongs_to_another_life_is_ignored() -> None:
    """Timers and disk operations of a dead process must not wake the next one."""
    cell = quiet()
    cell.world.run(S)
    master = master_of(cell)
    master.stop(power=False)
    master.start()
    cell.world.run(3 * S)
    assert not cell.observations.broken


def test_now_is_read_when_an_event_is_taken_not_when_it_was_found() -> None:
    """[SAFETY 12]."""
    cell = quiet()
    cell.world.run(S)
    seat = cell.seats[1]
    assert seat.now() == seat.clock.read(cell.world.now_ns)


def test_a_replica_that_cannot_read_its_disk_is_a_finding() -> None:
    cell = quiet()
    cell.world.run(S)
    seat = cell.seats[1]
    seat.stop(power=True)
    for name in ("promise-1", "promise-2"):
        seat.disk.damage(name, 30, 1)
    seat.start()
    assert not seat.is_serving
    assert "StateDamaged" in cell.observations.broken[0].detail


def test_addresses_are_those_of_a_local_cell() -> None:
    assert address(1) == "127.0.0.1:7420"
