"""What a replica says of itself, through an election."""

from gaios.log.options import MS
from tests.log.cell import Cell


def test_a_replica_says_where_it_stands() -> None:
    cell = Cell(3)
    nobody = cell.nodes[1].replica
    assert (nobody.role, nobody.master, nobody.chosen, nobody.epoch, nobody.reigns, nobody.in_flight) == ("replica", 0, 0, 0, 0, 0)
    master = cell.elect().replica
    assert (master.role, master.master, master.reigns) == ("master", master.me, 1)
    assert master.epoch == master.ballot
    assert master.applied == master.chosen > 0
    assert not master.is_behind
    for node in cell.nodes.values():
        if node.me != master.me:
            assert (node.replica.role, node.replica.master, node.replica.in_flight) == ("replica", master.me, 0)


def test_a_lease_lasts_as_long_as_a_majority_grants_it() -> None:
    cell = Cell(3)
    master = cell.elect().replica
    held = master.lease_ns(cell.now)
    assert 0 < held <= master.options.term_ms * MS
    assert master.lease_ns(cell.now + held) == 0
    assert all(node.replica.lease_ns(cell.now) == 0 for node in cell.nodes.values() if node.me != master.me)


def test_who_is_not_given_the_next_value_is_forsaken_until_it_comes() -> None:
    """By every peer, or because it rotted here: then anybody's snapshot helps, of a slot that the cell knows."""
    cell = Cell(3)
    cell.elect()
    replica = cell.nodes[1].replica
    found = [replica.is_forsaken]
    replica._catchup.heard(2, replica.chosen + 7)
    replica._catchup.forsaken = replica.chosen
    found.append(replica.is_forsaken)
    replica._catchup.forsaken -= 1
    found.append(replica.is_forsaken)
    replica.core.faulty[replica.applied + 1] = 0
    assert [*found, replica.is_forsaken] == [False, True, False, True]
    assert replica.claimed == replica.chosen + 7
