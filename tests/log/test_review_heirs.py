"""Who joins must know what those before it knew of others' boots, or an older copy is welcome once they are gone.  [SAFETY 3, 8]"""

import pytest

from gaios.errors import StateLost
from tests.log.cell import Client
from tests.log.test_boots import put_back
from tests.log.test_changes import changed, is_settled, join, running


def test_an_older_copy_is_known_as_one_by_those_who_came_since() -> None:
    """Of five, replica 1 is away while the other four are replaced; then it is an older copy that comes back."""
    cell, master, client = running(5)
    if master.me == 1:
        master.replica.retire(cell.now)
        cell.run(100)
        master = cell.elect()
        client = Client(cell, master)
    one = cell.nodes[1]
    cell.run(500)
    older = (one.copies, list(one.records))
    for _ in range(3):
        one.start()
        cell.run(500)
    for number in range(5):
        cell.submit(master, client.command(b"%d" % number))
    cell.run(1_000)
    promised, chosen = one.replica.core.promised, one.replica.core.chosen
    one.up = False
    for place in (2, 3, 4, 5):
        master = cell.elect()
        told = master.replica.configuration.replaced(place)
        assert changed(cell, master, told) == 0
        join(cell, told.next_member - 1, told)
        cell.run(4_000)
        assert is_settled(cell.elect())
        cell.nodes[place].up = False
    cell.run(1_000)
    master = cell.elect()
    assert master.replica.core.electors() == 0b1111000010
    put_back(one, older)
    assert older[0] != one.records
    with pytest.raises(StateLost):
        one.start()
        print("boot", one.boot, "promised", promised, "chosen", chosen)
        cell.run(5_000)
        print("registered", one.replica.boots.is_registered, one.replica.why, one.replica.config, one.replica.chosen)
        # the others look for a master again: now it is told of them
        master.replica.retire(cell.now)
        cell.run(5_000)
        print("registered", one.replica.boots.is_registered, one.replica.boots.is_certain, one.replica.why, one.replica.config)
        votes = [member for member in cell.elect().replica.followers(cell.now)]
        print("followers", votes, "masters", cell.masters)


def test_a_member_that_was_away_while_all_others_were_replaced_is_told() -> None:
    """It is a voter still, and intact: the cell bears one failure less until it takes part."""
    cell, master, _ = running(5)
    if master.me == 1:
        master.replica.retire(cell.now)
        cell.run(100)
        master = cell.elect()
    one = cell.nodes[1]
    cell.run(1_000)
    one.up = False
    for place in (2, 3, 4, 5):
        told = cell.elect().replica.configuration.replaced(place)
        assert changed(cell, cell.elect(), told) == 0
        join(cell, told.next_member - 1, told)
        cell.run(4_000)
        assert is_settled(cell.elect())
        cell.nodes[place].up = False
    cell.run(1_000)
    one.start()
    cell.run(60_000, step_ms=20)
    assert one.replica.boots.is_registered, one.replica.why
