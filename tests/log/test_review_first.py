"""The first replica of a cell that has grown, rolled back to when it was alone, must not go on alone.  [SAFETY 3, 8]"""

from gaios.errors import StateLost
from gaios.log import Status
from tests.log.cell import Client
from tests.log.test_boots import put_back
from tests.log.test_changes import added, running


def test_an_older_copy_from_when_it_was_alone_does_not_serve_beside_the_others() -> None:
    """They dial it, by a newer configuration than it knows."""
    cell, one, client = running(1)
    cell.submit(one, client.command(b"a"))
    cell.run(500)
    one.start()
    cell.elect()
    older = (one.copies, list(one.records))
    one.start()
    cell.elect()
    for place in (2, 3):
        added(cell, one, place)
    assert one.replica.core.electors() == 0b1110
    one.up = False
    master = cell.elect()
    assert cell.submit(master, Client(cell, master).command(b"kept")).status == Status.DONE
    put_back(one, older)
    try:
        one.start()
        cell.run(20_000)
    except StateLost:
        return
    assert cell.masters == [master.me], f"replica 1 of {one.replica.core.electors():b} serves {one.machine.log}"


def test_two_older_copies_from_when_they_were_alone_do_not_serve_beside_the_other_three() -> None:
    """Two machines of five are put back to when there were two: as many as a cell of five bears."""
    cell, master, client = running(2)
    cell.submit(master, client.command(b"a"))
    cell.run(1_000)
    older = {member: (cell.nodes[member].copies, list(cell.nodes[member].records)) for member in (1, 2)}
    for place in (3, 4, 5):
        added(cell, master, place)
    assert master.replica.core.electors() == 0b111110
    for member in (1, 2):
        cell.nodes[member].up = False
    successor = cell.elect()
    assert cell.submit(successor, Client(cell, successor).command(b"kept")).status == Status.DONE
    lost = set()
    for member in (1, 2):
        put_back(cell.nodes[member], older[member])
        cell.nodes[member].start()
    try:
        cell.run(20_000)
    except StateLost as error:
        lost.add(str(error))
    assert lost or cell.masters == [successor.me], f"masters {cell.masters}"
