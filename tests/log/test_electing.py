"""How mastership is sought and given up, in a cell whose clock the test moves."""

import pytest

from gaios.log import Status
from gaios.log.codec import BOOTED, NEWS, POLL, POLLED
from gaios.log.space import Room
from gaios.paxos import core
from tests.log.cell import Cell, Client, Node
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


def stranded(size: int, **options: int) -> tuple[Cell, Node, Client]:
    """A value is chosen by the least majority, its first member alone knows that, and cannot read it any more."""
    cell = Cell(size, **options)
    first = cell.nodes[1]
    cell.cut = lambda me, _to, message: message[0] == POLL and me != 1
    assert cell.elect() is first
    client = Client(cell, first)
    cell.run(500)
    cell.cut = lambda me, to, message: me == 1 and (message[0] == core.LEARN or (message[0] == core.ACCEPT and to > size // 2 + 1))
    first.rotten = [cell.submit(first, client.command(b"x")).slot]
    cell.run(500)
    first.replica.retire(cell.now)
    first.records.append(first.replica.state_record())
    first.start()
    return cell, first, client


@pytest.mark.parametrize("size", [3, 5])
def test_a_value_that_its_master_lost_is_recovered_by_those_who_do_not_know_that_it_is_chosen(size: int) -> None:
    """[SAFETY 6] It leads when it finds that nobody supplies it: it lets them elect without it, and then has the value from them."""
    cell, first, client = stranded(size, retransmit_ms=400)
    cell.cut = lambda me, _to, message: message[0] == POLL and me != 1
    cell.run(2_000)
    assert first.replica.core.leads()
    assert not first.replica.is_serving
    cell.cut = lambda _me, _to, _message: False
    master = cell.elect(20_000)
    assert cell.submit(master, client.command(b"y")).status == Status.DONE
    cell.run(1_000)
    assert all(node.machine.log == [b"x", b"y"] for node in cell.nodes.values())
    assert not first.replica.is_stranded


def test_who_lost_a_chosen_value_that_nobody_supplies_promises_and_polls_no_more() -> None:
    """And says so; until somebody supplies it."""
    cell, first, _ = stranded(3)
    cell.cut = lambda me, _to, message: message[0] == POLL and me != 1
    cell.run(5_000)
    assert first.replica.is_stranded
    assert any("so far in vain" in why for why in first.replica.why)
    polls, ballot = first.replica.polls, first.replica.ballot
    first.replica.receive(cell.now, 3, 1, cell.nodes[3].nonce(1), [(core.PREPARE, 1_000 * 65_536 + 3, 0, 0)])
    cell.run(5_000)
    assert (first.replica.polls, first.replica.ballot) == (polls, ballot)


def test_who_lost_a_chosen_value_promises_those_who_know_what_it_knows() -> None:
    """[SAFETY 6] A promise binds them to nothing then: with a third one dead they are all that there is, whether they supply it or not."""
    cell = Cell(3)
    first = cell.nodes[1]
    cell.cut = lambda me, _to, message: message[0] == POLL and me != 1
    assert cell.elect() is first
    client = Client(cell, first)
    slot = cell.submit(first, client.command(b"x")).slot
    cell.run(2_000)
    cell.nodes[3].up = False
    first.rotten = [slot]
    first.replica.retire(cell.now)
    first.records.append(first.replica.state_record())
    first.start()
    cell.cut = lambda me, _to, message: message[0] == core.CHOSEN or (message[0] == POLL and me == 2)
    cell.run(5_000)
    assert first.replica.is_stranded
    cell.cut = lambda _me, _to, message: message[0] == core.CHOSEN
    assert cell.elect(20_000) is cell.nodes[2]
    assert cell.submit(cell.nodes[2], client.command(b"y")).status == Status.DONE
