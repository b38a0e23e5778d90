"""How mastership is sought and given up, in a cell whose clock the test moves."""

from gaios.log.space import Room
from tests.log.cell import Cell


def test_a_master_without_room_hands_over_to_one_that_has_it() -> None:
    """[SAFETY 9] And it is not the first to come back."""
    cell = Cell(3)
    master = cell.elect()
    master.replica.set_room(cell.now, Room.SHORT)
    cell.run(3_000)
    other = cell.elect()
    assert other.me != master.me
    assert master.replica.handovers == 1
    assert not master.replica.is_serving


def test_who_has_no_room_at_all_polls_nobody() -> None:
    cell = Cell(3)
    node = cell.nodes[1]
    node.replica.set_room(cell.now, Room.NONE)
    cell.run(3_000)
    assert node.replica.polls == 0
    assert cell.elect().me != 1


def test_who_retires_lets_the_others_go_first() -> None:
    cell = Cell(3)
    master = cell.elect()
    master.replica.retire(cell.now)
    cell.settle()
    assert cell.elect().me != master.me
