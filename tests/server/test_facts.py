"""A replica's facts, as its status tells them."""

from gaios.server.facts import facts
from tests.server.parts import HandCell


def test_facts_are_the_replicas_own() -> None:
    cell = HandCell()
    node = cell.nodes[cell.elect()]
    replica = node.replica
    told = facts(7, replica, node.snapshots, cell.now)
    assert (told["id"], told["role"], told["master"], told["voting"]) == (7, "master", replica.members[replica.me], True)
    assert told["chosen"] == told["applied"] == replica.applied
    assert told["epoch"] == told["ballot"] == replica.ballot
    assert (told["feature"], told["feature_max"]) == (1, 1)
    assert 0 < told["lease_ms"] <= replica.options.term_ms
    assert told["checksum"] == replica.applier.machine.checksum()
