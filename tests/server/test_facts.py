"""A replica's facts, as its status tells them."""

from gaios.server.facts import facts, fetched, gauge
from tests.server.parts import HandCell


def test_facts_are_the_replicas_own() -> None:
    cell = HandCell()
    node = cell.nodes[cell.elect()]
    replica = node.replica
    told = facts(7, replica, node.snapshots, cell.now, {})
    assert (told["id"], told["role"], told["master"], told["voting"]) == (7, "master", replica.members[replica.me], True)
    assert told["chosen"] == told["applied"] == replica.applied
    assert told["epoch"] == told["ballot"] == replica.ballot
    assert (told["feature"], told["feature_max"]) == (1, 1)
    assert 0 < told["lease_ms"] <= replica.options.term_ms
    assert told["checksum"] == replica.applier.machine.checksum()
    assert (told["repairing"], told["silent"]) == (False, False)
    assert told["gauge"] == {"tolerates": 1, "unfit": []}
    other = cell.nodes[told["master"] % 3 + 1]
    assert facts(8, other.replica, other.snapshots, cell.now, {})["gauge"] is None, "only a master counts the others"


def test_facts_tell_where_the_newest_fetched_snapshot_came_from() -> None:
    snapshots = HandCell(1).nodes[1].snapshots
    assert fetched(snapshots) is None
    snapshots.fetched = (40, 1, 12)
    assert fetched(snapshots) == {"slot": 40, "peers": 1, "store": 12}


def test_the_gauge_tells_whom_it_misses_for_how_long_and_what_the_shell_knows_of_it() -> None:
    cell = HandCell()
    master = cell.elect()
    replica = cell.nodes[master].replica
    later = cell.now + 5_000_000_000
    found = gauge(replica, later, {master % 3 + 1: "refused"})
    assert found["tolerates"] is None, "no lease is left by then"
    assert {each["reason"] for each in found["unfit"]} == {"unreachable"}
    assert {each["problem"] for each in found["unfit"]} == {"refused", ""}
    assert all(4_000 < each["for_ms"] <= 5_000 for each in found["unfit"])
