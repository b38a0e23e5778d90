"""What a directory has for a backup, whatever state it is in."""

from pathlib import Path

import msgspec
import pytest

from gaios.backup.source import Source, furthest
from gaios.errors import ConfigurationError, Diverged, StateDamaged
from gaios.log import RecordKind, recover
from gaios.log.applier import extend
from gaios.log.records import CHAIN_START
from gaios.storage import Identity, Journal, segment
from gaios.storage.record import HEADER_BYTES, candidates, seed
from gaios.storage.snapshot import name, slots
from tests.backup.parts import OFTEN, Living
from tests.server.parts import CELL, MS, S


def test_the_log_of_a_live_directory_comes_to_its_hash(plain: Living, tmp_path: Path) -> None:
    """To the last mark."""
    plain.put(30)
    source = Source(plain.write(tmp_path))
    chain = CHAIN_START
    for slot, value, _ in source.values(0):
        chain = extend(chain, slot, value)
    assert (source.begins, source.through, source.snapshot) == (0, plain.applied, None)
    assert chain == plain.cell.nodes[1].replica.applier.chain
    source.close()


def test_the_newest_whole_snapshot_counts(living: Living, tmp_path: Path) -> None:
    """A rotten one is passed over, as a start does."""
    living.put(90)
    where = living.write(tmp_path)
    found = slots(living.cell.disks[1].names())
    source = Source(where)
    assert source.snapshot is not None
    assert source.snapshot.handle.slot == found[-1]
    assert sum(map(len, source.chunks())) == source.snapshot.handle.size
    source.close()
    data = bytearray((where / name(found[-1])).read_bytes())
    data[100] ^= 1
    (where / name(found[-1])).write_bytes(data)
    source = Source(where)
    assert source.snapshot is not None
    assert source.snapshot.handle.slot == found[-2]
    source.close()


def test_a_log_that_begins_behind_all_snapshots_is_damage(forgetful: Living, tmp_path: Path) -> None:
    """Nothing is made up for what is gone."""
    forgetful.put(120)
    where = forgetful.write(tmp_path)
    source = Source(where)
    assert source.begins > 0
    source.close()
    for path in (where / "snap").iterdir():
        path.unlink()
    with pytest.raises(StateDamaged, match="there is no snapshot"):
        Source(where)


def test_a_snapshot_that_nobody_proved_does_not_count(tmp_path: Path) -> None:
    """[SAFETY 25] One replica read it in its memory, and the others have not yet said theirs; nor if it is another than the proved one."""
    living = Living(msgspec.structs.replace(OFTEN, snapshot_stagger_ms=2_000))
    living.client.put(25)
    member, found = 0, list[int]()
    while not found:
        living.cell.run(5 * MS)
        member, found = next(((each, held) for each in (1, 2, 3) if (held := slots(living.cell.disks[each].names()))), (0, []))
    living.cell.run(100 * MS)
    where = living.write(tmp_path / "early", member)
    source = Source(where)
    assert (source.begins, source.snapshot) == (0, None)
    assert source.through >= found[-1]
    assert [each.slot for each in source.values(0)] == list(range(1, source.through + 1))
    source.close()
    living.cell.run(5 * S)
    source = Source(living.write(tmp_path / "late", member))
    assert source.snapshot is not None
    assert source.snapshot.handle.slot == found[-1]
    source.close()


def test_a_replica_in_quarantine_is_refused(plain: Living, tmp_path: Path) -> None:
    """[SAFETY 25] Also where the record that says so rotted."""
    plain.put(5)
    node = plain.cell.nodes[1]
    node.replica.contradict(plain.cell.now, 3, "what it keeps was changed")
    plain.cell.run(10 * MS)
    disk = plain.cell.disks[1]
    journal, found = Journal.open(Identity(CELL, 1, 0), disk)
    assert journal is not None
    assert recover(found.copies, found.records).quarantine
    with pytest.raises(Diverged, match="no backup is made"):
        Source(plain.write(tmp_path / "replica-1"))
    for number in segment.numbers(disk.names()):
        data = disk.files[segment.name(number)]
        found_in = candidates(bytes(data), 0, seed(Identity(CELL, 1, 0)), number)
        first = next((each.offset for each in found_in if each.kind == RecordKind.QUARANTINE), len(data))
        data[first:] = bytes(len(data) - first)
    with pytest.raises(Diverged, match="promise copies say so"):
        Source(plain.write(tmp_path / "rotted"))


def test_what_is_no_replica_is_refused(tmp_path: Path) -> None:
    """With what to name instead."""
    with pytest.raises(ConfigurationError, match="whose directory"):
        Source(tmp_path)


@pytest.mark.parametrize("what", ["payload", "header", "both", "mark"])
def test_behind_damage_that_was_repaired_the_log_goes_on(plain: Living, tmp_path: Path, what: str) -> None:
    """[SAFETY 15] Its bytes stay rotten for good: the value is the one that repair wrote again. Before it was, nothing is backed up."""
    plain.put(30)
    disk, file = plain.cell.disks[1], segment.name(1)
    kind = RecordKind.CHOSEN if what == "mark" else RecordKind.ACCEPT
    found = candidates(bytes(disk.files[file]), 0, seed(Identity(CELL, 1, 0)), 1)
    rotten = next(each for each in found if each.kind == kind and each.slot >= 10)
    places = {"payload": [HEADER_BYTES + 3], "header": [9, 20, 30], "both": [9, 20, 30, HEADER_BYTES + 3], "mark": [9, 20, 30]}
    for at in places[what]:
        disk.files[file][rotten.offset + at] ^= 1
    with pytest.raises(StateDamaged, match="back up another replica, or start this one") as caught:
        Source(plain.write(tmp_path / "before"))
    assert "gaios verify" in caught.value.hint
    plain.cell.start(1)
    plain.cell.run(3 * S)
    plain.put(30)
    source = Source(plain.write(tmp_path / "after"))
    assert source.through == plain.applied
    chain = CHAIN_START
    for slot, value, known in source.values(0):
        chain = extend(chain, slot, value)
        assert known in {b"", chain}
    assert chain == plain.cell.nodes[1].replica.applier.chain
    source.close()


def test_of_a_cell_the_furthest_replica_is_taken(plain: Living, tmp_path: Path) -> None:
    """One that was cut off is behind."""
    master = plain.cell.elect()
    behind = next(member for member in (1, 2, 3) if member != master)
    plain.cell.cut.add(behind)
    plain.client.put(10)
    plain.cell.run(S)
    for member in (1, 2, 3):
        plain.write(tmp_path / f"replica-{member}", member)
    assert furthest(tmp_path).name != f"replica-{behind}"
    assert furthest(tmp_path / f"replica-{behind}").name == f"replica-{behind}"


def test_one_in_quarantine_is_the_last_to_be_taken(plain: Living, tmp_path: Path) -> None:
    """[SAFETY 25] However far it is, where its database is asked for; its log is right."""
    plain.put(5)
    plain.cell.nodes[1].replica.contradict(plain.cell.now, 3, "what it keeps was changed")
    plain.cell.run(10 * MS)
    for member in (1, 2, 3):
        plain.write(tmp_path / f"replica-{member}", member)
    assert furthest(tmp_path, sound=True).name != "replica-1"


def test_what_is_neither_a_cell_nor_a_replica_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither a cell nor a replica"):
        furthest(tmp_path)
