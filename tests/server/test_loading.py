"""Claims about what a start restores of the snapshots that it finds."""

import pytest

from gaios import errors
from gaios.locks import LockService
from gaios.log import Recovered, feature, recover
from gaios.log.quarantine import Quarantine
from gaios.log.records import encode
from gaios.server.loading import load, restore
from gaios.storage import Identity, Journal
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


def test_without_the_snapshots_that_its_log_begins_behind_a_replica_refuses_to_start() -> None:
    """[SAFETY 7, 8] Never with less than it had."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    for slot in taken(cell, 1):
        cell.disks[1].files[name(slot)][100] ^= 255
    with pytest.raises(errors.StateDamaged) as refused:
        cell.start(1)
    assert refused.value.kind == "snapshot"
    for slot in taken(cell, 2):
        del cell.disks[2].files[name(slot)]
    with pytest.raises(errors.StateDamaged):
        cell.start(2)


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
        base = load(cell.disks[1], CELL, quarantined(cell, proved), LockService(), "d").base
        assert base is not None
        assert base.part.slot == max(proved)
    machine = LockService()
    found = load(cell.disks[1], CELL, quarantined(cell, set()), machine, "d")
    assert found.base is None
    assert tuple(piece for piece in machine.snapshot() if piece) == found.empty
    short = live(SHORT, 90)
    base = load(short.disks[1], CELL, quarantined(short, set()), LockService(), "d").base
    assert base is not None
    assert base.part.slot == taken(short, 1)[0]


def test_what_was_proved_is_known_after_a_start() -> None:
    """It needs nobody's word again; and what the log was truncated behind was proved."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    node = cell.start(1)
    assert [kept.handle.slot for kept in node.snapshots.proved] == taken(cell, 1)
    recovered = quarantined(cell, set())
    assert load(cell.disks[1], CELL, recovered, LockService(), "d").proved == {recovered.truncated}


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
