"""A memory that goes wrong does so unseen, and what it hit is found out, given up and made anew."""

import pytest

from gaios import api
from gaios.log.doubt import Phase
from gaios.sim.cell import Cell
from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.memory import Memory
from gaios.sim.museum.exhibit import scenario
from gaios.sim.run import RunOptions, run
from tests.sim.small import Asked, put, served, until


def done(cell: Cell, request: api.MultiOp) -> None:
    asked = Asked(cell.clients[0], request)
    until(cell, asked.is_told)


def test_an_empty_database_has_nothing_to_lose() -> None:
    cell = served()
    memory = Memory(cell.seats[1])
    assert not memory.flip(Dice(1))
    assert not memory.is_odd


@pytest.mark.parametrize("seed", range(6))
def test_a_wrong_bit_is_found_and_the_database_made_anew(seed: int) -> None:
    cell = served(seed)
    done(cell, put(b"k", b"value"))
    until(cell, lambda: all(seat.node is not None and seat.node.replica.applied > 2 for seat in cell.seats.values()))
    seat = next(seat for seat in cell.seats.values() if not seat.is_serving)
    memory, node = Memory(seat), seat.node
    assert node is not None
    checksum = node.replica.applier.machine.checksum()
    assert memory.flip(Dice(seed))
    (flip,) = cell.observations.flips
    assert memory.is_odd
    assert (node.replica.applier.machine.checksum() == checksum) != flip.is_summed
    done(cell, put(b"other", b"value"))
    until(cell, lambda: not memory.is_odd)
    until(cell, lambda: node.replica.doubt.phase is Phase.SOUND)
    assert node.replica.doubt.quarantines == 1
    assert cell.world.sometimes["a replica found its database wrong"] == 1
    assert cell.world.sometimes["evidence of a wrong state was kept"] == 1
    cell.world.run(cell.world.now_ns + 200 * MS)
    assert len({each.node.replica.applier.sum() for each in cell.seats.values() if each.node is not None}) == 1
    assert not cell.observations.broken


def test_a_new_process_has_a_new_memory() -> None:
    cell = served()
    done(cell, put(b"k", b"value"))
    seat = next(seat for seat in cell.seats.values() if not seat.is_serving)
    until(cell, lambda: seat.node is not None and seat.node.replica.applied > 2)
    memory = Memory(seat)
    assert memory.flip(Dice(1))
    seat.stop(power=False)
    assert not memory.is_odd
    seat.start()
    assert not memory.is_odd


@pytest.mark.parametrize("seed", range(3))
def test_a_cell_with_bad_memories_stays_right(seed: int) -> None:
    report = run(seed, RunOptions(plan=scenario("bad-memory")))
    assert not report.violations
    assert report.sometimes["a bit flipped in a database"] > 10
    assert report.sometimes["a wrong value was summed up as if it were right"] > 2
    assert report.sometimes["a replica found its database wrong"] > 10
