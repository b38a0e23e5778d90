"""How mastership is sought and given up, in a cell whose clock the test moves."""

from gaios.log import Status
from gaios.log.codec import BOOTED, NEWS, POLL, POLLED
from gaios.log.space import Room
from tests.log.cell import Cell
from tests.log.test_changes import changed, join, running


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


def test_who_was_told_of_voters_that_do_not_know_its_boot_does_not_campaign() -> None:
    """Those whom it counts may be such as know no more than itself: an older copy's, say, of when it was alone.  [SAFETY 3, 18]"""
    cell, one, _ = running(1)
    one.replica.retire(cell.now)
    told = one.replica.configuration.added(2, votes=True)
    one.replica.receive(cell.now, 7, 1, 1, [(NEWS, told.encode(), 0)])
    ballot = one.replica.ballot
    cell.run(10_000)
    assert one.replica.ballot == ballot
    one.replica.boots._recorded_by.add(2)
    cell.run(3_000)
    assert one.replica.ballot > ballot
    assert not one.replica.is_serving, "its log lacks that configuration"


def test_a_learner_that_does_not_know_others_boots_does_not_say_how_far_it_is() -> None:
    """So no master makes it a voter.  [SAFETY 3]"""
    cell, master, _ = running(3)
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    cell.cut = lambda _a, to, message: to == 4 and message[0] == BOOTED and message[1] == 0
    learner = join(cell, 4, told)
    cell.run(1_000)
    poll = (POLL, 1, master.replica.ballot, master.replica.chosen)

    def answers() -> list[int]:
        learner.replica.receive(cell.now, master.me, master.boot, master.nonce(master.boot), [poll])
        output = learner.replica.output(cell.now)
        return [message[0] for _, message in output.after] if output is not None else []

    assert POLLED not in answers()
    learner.replica.boots._heard_of_all = {1, 2}
    assert POLLED in answers()
