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
