"""A second process on a copy of a directory never takes part; its original goes on where a majority has recorded it.  [SAFETY 3]"""

from gaios.sim.faults import MS, S
from gaios.sim.seat import Seat
from gaios.sim.twins import Twins
from tests.sim.test_seat import master_of, quiet


def copied() -> tuple[Seat, Seat, list[Seat]]:
    """A replica that was down when its directory was copied and runs again, its twin, and who of the two fell as a twin."""
    cell = quiet(replicas=5)
    cell.world.run(2 * S)
    seat = next(each for each in cell.seats.values() if each is not master_of(cell))
    fallen: list[Seat] = []
    twins = Twins(cell.world, cell.world.dice.split("test"), cell._twin, lambda twin, _: fallen.append(twin))
    seat.stop(power=False)
    twins.copy(seat)
    cell.world.run(3 * S)
    assert twins.twin is not None
    assert twins.twin.node is None, "the original comes first"
    seat.start()
    cell.world.run(6 * S)
    return seat, twins.twin, fallen


def test_a_twin_starts_once_its_originals_boot_is_known_is_refused_and_says_nothing_that_binds() -> None:
    seat, twin, fallen = copied()
    assert seat.world.sometimes["two processes ran on two copies"] == 1
    assert 0 < len(seat.twins) <= 4, "some peers' frames go there"
    assert fallen == [twin]
    assert seat.is_lost, "nobody counts on it"
    assert not seat.onlooker.is_out, "it may go on all the same"
    assert not seat.observations.broken


def test_the_original_goes_on_when_it_hears_of_its_twin() -> None:
    """A majority of the others has recorded it, so nobody else can find one."""
    seat, twin, _ = copied()
    assert seat.world.sometimes["a replica without its state stopped: StateLost"] == 1
    assert twin.onlooker.is_out
    assert seat.node is not None
    assert seat.node.replica.boots.is_certain
    assert not seat.observations.broken


def test_what_a_twin_observes_counts_for_nothing_but_what_is_wrong_does() -> None:
    cell = quiet()
    cell.world.run(S)
    before = len(cell.observations.applied)
    seat = cell.seats[1]
    twin = cell._twin(seat)
    assert (twin.replica, twin.identity) == (seat.replica, seat.identity)
    assert twin.observations is not cell.observations
    assert twin.observations.broken is cell.observations.broken
    twin.disk.put_back({name: seat.disk.read(name, 0, seat.disk.size(name)) for name in seat.disk.names()})
    twin.start()
    cell.world.run(S + MS)
    assert twin.node is not None
    assert len(cell.observations.applied) == before
