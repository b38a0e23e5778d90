"""A process that is paused stands still, and then goes on."""

import pytest

from gaios.sim.faults import MS, S
from tests.sim.test_seat import master_of, quiet


def test_a_paused_process_does_nothing_and_then_takes_what_came() -> None:
    cell = quiet()
    cell.world.run(S)
    master = master_of(cell)
    assert master.node is not None
    master.pause(5 * S, "take")
    cell.world.run(4 * S)
    assert master.node.replica.is_serving, "it has not looked since"
    assert sum(seat.is_serving for seat in cell.seats.values()) == 2
    cell.world.run(8 * S)
    assert not master.is_serving


@pytest.mark.parametrize("point", ["poll", "take", "carry out", "suspend"])
def test_a_pause_can_be_ended_early(point: str) -> None:
    cell = quiet()
    cell.world.run(S)
    master = master_of(cell)
    master.pause(60 * S, point)
    ill = [master.is_ill]
    cell.world.run(S + 200 * MS)
    ill.append(master.is_ill)
    master.disk.go_on()
    master.resume()
    assert [*ill, master.is_ill] == [True, True, False]
    cell.world.run(3 * S)
    assert master.is_serving
