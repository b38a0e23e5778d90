"""Claims about the snapshot that a start takes, and what it does without one."""

import pytest

from gaios.storage.snapshot import File, name
from tests.server.parts import CELL, MS, S
from tests.server.test_snapshots import SHORT, Client, live, taken


@pytest.mark.parametrize("how", ["payload", "closing", "opening", "emptied"])
def test_a_damaged_newest_snapshot_costs_nothing_but_time(how: str) -> None:
    """The one before it, and more of the log; what is wrong is said, and made good when the log comes by."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    newest = taken(cell, 1)[-1]
    data = cell.disks[1].files[name(newest)]
    if how == "emptied":
        data.clear()
    else:
        at = {"payload": 100, "closing": len(data) - 60, "opening": 9}[how]
        data[at] ^= 255
    checksum = cell.nodes[1].replica.applier.machine.checksum()
    node = cell.start(1)
    assert node.replica.applier.base < newest
    assert name(newest) in node.snapshots.why[0]
    while node.replica.applied < node.replica.chosen:
        cell.run(5 * MS)
    cell.run(S)
    assert node.replica.applier.machine.checksum() == checksum
    assert list(File(cell.disks[1], newest, CELL).problems()) == []
    assert cell.start(1).replica.applier.base == newest


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_without_the_snapshots_that_its_log_begins_behind_a_replica_votes_and_fetches_one(how: str) -> None:
    """[SAFETY 6, 15] What it promised and accepted is whole: only its database is lost, and no reason to stay away."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    checksum = cell.nodes[1].replica.applier.machine.checksum()
    for slot in taken(cell, 1):
        if how == "gone":
            del cell.disks[1].files[name(slot)]
        else:
            cell.disks[1].files[name(slot)][100] ^= 255
    node = cell.start(1)
    assert node.replica.lacks_base
    assert node.status(0)["repairing"]
    assert any("fetches one from a peer" in why for why in node.replica.why)
    cell.run(S)
    assert node.snapshots.installed == 1
    assert node.status(0)["repairing"] is False
    cell.elect()
    Client(cell).put(1)
    cell.run(S)
    assert node.replica.applied == cell.nodes[2].replica.applied
    assert len({each.replica.applier.machine.checksum() for each in cell.nodes.values()}) == 1
    assert checksum
    assert cell.start(1).replica.applier.base


def test_who_lost_its_database_never_leads() -> None:
    """Though it could be elected: nobody would be served."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    for member in (1, 2, 3):
        for slot in taken(cell, member):
            del cell.disks[member].files[name(slot)]
    for member in (1, 2, 3):
        cell.start(member)
    cell.run(5 * S)
    assert all(node.replica.lacks_base and not node.replica.is_serving and not node.replica.polls for node in cell.nodes.values())
