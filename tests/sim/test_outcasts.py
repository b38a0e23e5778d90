"""Directories that are put back as they were: only where somebody must notice, and then nothing of that replica counts.  [SAFETY 3, 8]"""

from functools import partial

from msgspec.structs import replace

from gaios.errors import StateDamaged, StateLost, StateMissing
from gaios.sim.cell import Cell
from gaios.sim.faults import S
from gaios.sim.observations import Observations
from gaios.sim.outcasts import Shelf, is_expected
from gaios.sim.plan import Plan
from gaios.sim.world import World
from tests.sim.small import Asked, put, until
from tests.sim.test_seat import master_of, quiet

ALL = 0b1110
"""The voters."""


def test_an_older_directory_is_put_back_where_others_know_a_later_boot() -> None:
    cell = quiet()
    cell.world.run(5 * S)
    seat = next(each for each in cell.seats.values() if each is not master_of(cell))
    shelf, seats = Shelf(), list(cell.seats.values())
    seat.stop(power=False)
    assert not shelf.put_back(seat, seats, ALL), "there is no copy"
    shelf.keep(seat)
    assert not shelf.put_back(seat, seats, ALL), "nobody knows more than it holds"
    seat.start()
    cell.world.run(6 * S)
    assert seat.node is not None
    seat.stop(power=False)
    assert not shelf.put_back(seat, seats, 1 << 4), "of other voters nobody knows it"
    assert shelf.put_back(seat, seats, ALL)
    seat.is_lost = seat.onlooker.is_out = True
    seat.start()
    cell.world.run(cell.world.now_ns + 4 * S)
    assert cell.world.sometimes["a replica without its state stopped: StateLost"] >= 4, "it is started again each time"
    assert not cell.observations.broken


def test_a_directory_is_rolled_back_within_one_life_where_others_remember_more() -> None:
    """Peers keep what a replica acknowledged, and write it down every 300 ms."""
    cell = quiet()
    cell.world.run(2 * S)
    seat = next(each for each in cell.seats.values() if each is not master_of(cell))
    shelf, seats = Shelf(), list(cell.seats.values())
    shelf.copy(seat)
    asked = Asked(cell.clients[0], put(b"k", b"v"))
    cell.world.run(cell.world.now_ns + 5 * S, stop=asked.is_told)
    assert not shelf.roll_back(seat, seats, ALL), "nobody has written down yet what it acknowledged since"
    cell.world.run(cell.world.now_ns + 2 * S)
    seat.stop(power=False)
    assert shelf.roll_back(seat, seats, ALL)
    seat.is_lost = seat.onlooker.is_out = True
    seat.start()
    cell.world.run(cell.world.now_ns + 4 * S)
    assert cell.world.sometimes["a replica without its state stopped: StateLost"] >= 1
    assert not cell.observations.broken


def test_a_copy_from_an_earlier_life_is_no_roll_back() -> None:
    cell = quiet()
    cell.world.run(2 * S)
    seat = next(each for each in cell.seats.values() if each is not master_of(cell))
    shelf = Shelf()
    assert not shelf.roll_back(seat, list(cell.seats.values()), ALL), "there is no copy"
    shelf.copy(seat)
    seat.stop(power=False)
    seat.start()
    cell.world.run(4 * S)
    assert not shelf.roll_back(seat, list(cell.seats.values()), ALL)


def test_the_start_of_a_replica_without_its_state_fails_as_it_has_to() -> None:
    assert is_expected(StateMissing(directory="d", what="promise-1"))
    assert is_expected(StateLost(directory="d", what="it was rolled back"))
    assert not is_expected(StateDamaged(file="f", offset=0, kind="header", detail="rot"))


def _are_voters(cell: Cell, voters: set[int]) -> bool:
    return {member.number for member in cell.nemesis.census.newest.members if member.votes} == voters


def test_what_replaced_members_knew_of_boots_is_not_forgotten_with_them() -> None:
    """An older directory is put back where all who recorded a later boot were replaced, and who stayed did not hear of it.  [SAFETY 3]"""
    cell = Cell(World(1), replace(Plan(), replicas=5, clients=1, watchers=0), Observations())
    cell.start()
    cell.world.run(3 * S)
    seat, away = cell.seats[5], cell.seats[4]
    away.stop(power=False)
    seat.stop(power=False)
    older = {name: seat.disk.read(name, 0, seat.disk.size(name)) for name in seat.disk.names()}
    seat.start()
    cell.world.run(cell.world.now_ns + 3 * S)
    assert seat.node is not None
    assert seat.node.replica.boots.is_certain
    seat.stop(power=False)
    away.start()
    cell.world.run(cell.world.now_ns + 2 * S)
    cell.movers.begin()
    for member, voters in ((1, {2, 3, 4, 5, 6}), (2, {3, 4, 5, 6, 7}), (3, {4, 5, 6, 7, 8})):
        until(cell, partial(cell.movers.replace, member))
        until(cell, partial(_are_voters, cell, voters))
    seat.disk.put_back(older)
    seat.is_lost = seat.onlooker.is_out = True
    seat.start()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert cell.world.sometimes["a replica without its state stopped: StateLost"] >= 1
    assert not cell.observations.broken
    cell.movers.mend()
    until(cell, lambda: not cell.nemesis.census.lists(5))
    until(cell, cell.has_converged)
