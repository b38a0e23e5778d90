"""A change must leave a cell that can write: a voter whose disk takes nothing is not there.  [SAFETY 18, 28]"""

import pytest

from gaios.log import Status
from gaios.log.space import Room
from tests.log.cell import Cell, Node, Register
from tests.log.test_changes import changed, join, running


def fill(cell: Cell, node: Node) -> None:
    """Its disk has no room, nor has the reserve."""
    node.replica.set_room(cell.now, Room.NONE)
    node.drain()


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_change_is_refused_after_which_a_full_disk_would_be_needed(what: str) -> None:
    cell, master, client = running()
    full, healthy = [node for node in cell.nodes.values() if node is not master]
    fill(cell, full)
    cell.run(1_500)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE, "a majority without it writes"
    asked = changed(cell, master, getattr(master.replica.configuration, what)(healthy.me))
    cell.run(2_000)
    token = object()
    master.replica.submit(cell.now, token, client.command(b"y"))
    master.drain()
    cell.run(5_000)
    done = token in master.answers and master.answers[token].status == Status.DONE
    assert asked == Status.INVALID, f"the change was answered {asked.name}; a write behind it is done: {done}"


def test_a_learner_whose_disk_is_full_is_not_made_a_voter() -> None:
    cell, master, client = running(1)
    told = master.replica.configuration.added(2)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 2, told)
    cell.run(50)
    fill(cell, new)
    cell.run(3_000)
    token = object()
    for node in cell.nodes.values():
        node.replica.submit(cell.now, token, client.command(b"y"))
        node.drain()
    cell.run(5_000)
    told_by = {node.me: node.answers[token].status.name for node in cell.nodes.values() if token in node.answers}
    assert master.replica.core.electors() == 0b10, f"a cell of two, one of which takes nothing; a write: {told_by}"


class Wrong(Register):
    """Its memory is bad, and stays so."""

    def checksum(self) -> int:
        return len(self.log) + 1_000_000


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_change_is_refused_after_which_nobody_could_tell_who_is_wrong(what: str) -> None:
    """Of three one is in quarantine for good; the others know. Of two they differ, and both stop serving."""
    cell, master, client = running()
    bad, healthy = [node for node in cell.nodes.values() if node is not master]
    bad.replica.applier.machine.__class__ = Wrong
    for _ in range(10):
        cell.submit(master, client.command(b"x"))
        cell.run(1_100)
    assert not bad.replica.doubt.may_serve
    assert master.replica.doubt.may_serve
    asked = changed(cell, master, getattr(master.replica.configuration, what)(healthy.me))
    cell.run(10_000)
    assert asked == Status.INVALID or cell.masters, f"{asked.name}, and nobody serves: {master.replica.why}"
