"""Claims about what a start restores of the snapshots that it finds."""

import pytest

from gaios import errors
from gaios.locks import LockService
from gaios.log import Recovered, feature, recover
from gaios.log.options import FAR
from gaios.log.quarantine import Quarantine
from gaios.log.records import encode
from gaios.server.loading import load, restore
from gaios.storage import Identity, Journal, SyncDirectory
from gaios.storage.snapshot import File, name
from tests.server.parts import CELL, MS, HandCell, S
from tests.server.test_snapshots import SHORT, SMALL, Client, live, taken


def test_a_start_takes_the_newest_and_the_log_above_it() -> None:
    """[PML §5.5] And ends in the same state, byte for byte."""
    cell = live(SMALL, 90)
    before = {member: node.replica.applier for member, node in cell.nodes.items()}
    for member in cell.members:
        node = cell.start(member)
        assert node.replica.applier.base == taken(cell, member)[-1]
    cell.elect()
    Client(cell).put(1)
    cell.run(S)
    for member, node in cell.nodes.items():
        assert node.replica.applied > before[member].applied
        assert b"".join(node.replica.applier.machine.snapshot()) == b"".join(cell.nodes[1].replica.applier.machine.snapshot())


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


@pytest.mark.parametrize("is_recorded", [False, True])
def test_the_name_of_a_snapshot_that_no_record_tells_of_is_made_durable_first(*, is_recorded: bool) -> None:
    """[SAFETY 26] Its process was killed right after it gave the file its name: only the system's cache may know that."""
    cell = HandCell(3, options=SMALL)
    for node in cell.nodes.values():
        if not is_recorded:
            node.replica.snapshot_is_durable = lambda *_, **__: FAR  # type: ignore[method-assign]
    cell.elect()
    Client(cell).put(30)
    cell.run(S)
    assert taken(cell, 1)
    cell.hold_disks = True
    cell.start(1)
    cell.run(MS)
    assert (SyncDirectory("snap") in cell.pending[1]) is not is_recorded


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


def test_a_snapshot_of_another_cell_or_of_another_past_is_none_of_ours() -> None:
    """Somebody copied it here; the log says what was recorded behind that slot."""
    cell = live(SMALL, 90)
    first, second = taken(cell, 1)[-2:]
    disk = cell.disks[1]
    disk.files[name(second)] = disk.files[name(first)]
    node = cell.start(1)
    assert node.replica.applier.base == first
    assert "snapshot behind slot" in node.snapshots.why[0]


def quarantined(cell: HandCell, proved: set[int]) -> Recovered:
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    recovered = recover(found.copies, found.records)
    assert proved <= recovered.proved
    recovered.proved = proved
    recovered.quarantine = encode(Quarantine(1, 1, 0, None, None, "it differs"))
    return recovered


def test_a_start_in_quarantine_takes_nothing_that_may_be_of_the_wrong_database() -> None:
    """[SAFETY 25] Without one that is proved it applies the whole log, and where the log does not begin there the oldest has to do."""
    cell = live(SMALL, 90)
    old, *_, new = taken(cell, 1)
    for proved in ({old, new}, {old}):
        base = load(cell.disks[1], CELL, quarantined(cell, proved), LockService()).base
        assert base is not None
        assert base.part.slot == max(proved)
    machine = LockService()
    found = load(cell.disks[1], CELL, quarantined(cell, set()), machine)
    assert found.base is None
    assert tuple(piece for piece in machine.snapshot() if piece) == found.empty
    short = live(SHORT, 90)
    base = load(short.disks[1], CELL, quarantined(short, set()), LockService()).base
    assert base is not None
    assert base.part.slot == taken(short, 1)[0]


def test_what_was_proved_is_known_after_a_start() -> None:
    """It needs nobody's word again; and what the log was truncated behind was proved."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    node = cell.start(1)
    assert [kept.handle.slot for kept in node.snapshots.proved] == taken(cell, 1)
    recovered = quarantined(cell, set())
    assert load(cell.disks[1], CELL, recovered, LockService()).proved == {recovered.truncated}


def test_only_the_snapshot_of_a_handle_is_restored() -> None:
    """Nothing else that stands in its place, and nothing that is not whole."""
    cell = live(SMALL, 60)
    one, other = cell.nodes[1].snapshots.kept[:2]
    machine = LockService()
    assert restore(cell.disks[1], one.handle, machine, feature.LEVEL).part.slot == one.handle.slot
    checksum, disk = machine.checksum(), cell.disks[1]
    disk.files[name(one.handle.slot)] = disk.files[name(other.handle.slot)]
    disk.files[name(other.handle.slot)] = bytearray(disk.files[name(other.handle.slot)])
    disk.files[name(other.handle.slot)][100] ^= 1
    for handle in (one.handle, other.handle):
        with pytest.raises(errors.StateDamaged):
            restore(disk, handle, machine, feature.LEVEL)
    assert machine.checksum() == checksum
