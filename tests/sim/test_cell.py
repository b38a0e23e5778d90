"""A simulated cell is wired as a real one: every replica reaches every other, and every client every replica."""

import pytest

from gaios.sim.faults import S
from tests.sim.small import Asked, cell_of, put, served, until


@pytest.mark.parametrize("replicas", [1, 2, 3, 5, 7])
def test_a_cell_of_any_size_elects_one_master_and_converges(replicas: int) -> None:
    """Two masters at once would both think themselves served; a cell of one is a cell."""
    cell = served(replicas=replicas)
    cell.world.run(cell.world.now_ns + S)
    assert sum(seat.is_serving for seat in cell.seats.values()) == 1
    assert cell.has_converged()
    assert not cell.observations.broken


def test_replicas_that_were_not_started_have_not_converged() -> None:
    """A dead replica's state is unknown: a run that counted it as equal would never miss it."""
    cell = served()
    cell.world.run(cell.world.now_ns + S)
    assert cell.has_converged()
    cell.seats[2].stop(power=False)
    assert not cell.has_converged()


def test_a_replica_that_missed_something_has_not_converged_until_it_caught_up() -> None:
    cell = served()
    follower = next(seat for seat in cell.seats.values() if not seat.is_serving)
    others = [replica for replica in cell.seats if replica != follower.replica]
    links = [(other, follower.replica) for other in others] + [(follower.replica, other) for other in others]
    cell.network.block(links)
    asked = Asked(cell.clients[0], put(b"a", b"1"))
    until(cell, asked.is_told)
    assert isinstance(asked.told[0][0], bytes)
    assert not cell.has_converged()
    cell.network.unblock(links)
    until(cell, cell.has_converged)


def test_a_scenarios_clocks_are_dealt_out_in_turn() -> None:
    cell = cell_of(replicas=5, drifts_ppm=(-500, 400))
    assert [seat.clock.drift_ppm for seat in cell.seats.values()] == [-500, 400, -500, 400, -500]


def test_each_replica_and_client_has_a_clock_a_disk_and_dice_of_its_own() -> None:
    """Shared dice would make clocks agree that never do in a real cell."""
    cell = cell_of(replicas=5)
    assert len({seat.clock.read(0) for seat in cell.seats.values()}) == 5
    assert len({id(seat.disk) for seat in cell.seats.values()}) == 5
    assert len({client.now() for client in cell.clients}) == len(cell.clients)


def test_all_replicas_are_of_one_cell_and_two_seeds_make_two() -> None:
    """A client keeps to the cell that it met first, and may meet any replica."""
    met = set()
    for seed in (1, 2):
        cell = served(seed, clients=3)
        asked = [Asked(client, put(b"a", b"1")) for client in cell.clients]
        until(cell, lambda asked=asked: all(one.is_told() for one in asked))  # type: ignore[misc]
        cells = {client.core.hello().cell for client in cell.clients}
        assert len(cells) == 1
        met |= cells
    assert len(met) == 2
    assert b"" not in met


def test_there_is_a_client_for_every_loop_and_every_watcher() -> None:
    cell = cell_of(clients=3, watchers=2)
    assert [client.number for client in cell.clients] == [1, 2, 3, 4, 5]
    assert len({client.end for client in cell.clients} | set(cell.seats)) == 8, "ends of links are told apart"
