"""Claims about what a start restores of the snapshots that it finds."""

import pytest

from gaios import errors
from gaios.locks import LockService
from gaios.log import Recovered, recover
from gaios.log.doubt import Quarantine
from gaios.log.records import encode
from gaios.server.loading import load
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


def quarantined(cell: HandCell, agreed: int) -> Recovered:
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    recovered = recover(found.copies, found.records)
    recovered.quarantine = encode(Quarantine(1, agreed + 1, agreed, None, None, "it differs"))
    return recovered


def test_a_start_in_quarantine_takes_nothing_that_may_be_of_the_wrong_database() -> None:
    """[SAFETY 25] Without one it applies the whole log, and where the log does not begin there the oldest has to do."""
    cell = live(SMALL, 90)
    old, *_, new = taken(cell, 1)
    for agreed, slot in ((new, new), (new - 1, taken(cell, 1)[-2]), (old, old)):
        base = load(cell.disks[1], CELL, quarantined(cell, agreed), LockService(), "d").base
        assert base is not None
        assert base.part.slot == slot
    machine = LockService()
    found = load(cell.disks[1], CELL, quarantined(cell, old - 1), machine, "d")
    assert found.base is None
    assert tuple(piece for piece in machine.snapshot() if piece) == found.empty
    short = live(SHORT, 90)
    first = taken(short, 1)[0]
    base = load(short.disks[1], CELL, quarantined(short, first - 1), LockService(), "d").base
    assert base is not None
    assert base.part.slot == first
