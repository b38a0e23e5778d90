"""What a directory has for a backup, whatever state it is in."""

from pathlib import Path

import pytest

from gaios.backup.source import Chosen, Source, chosen, furthest
from gaios.errors import ConfigurationError, StateDamaged
from gaios.log import RecordKind, encode
from gaios.log.applier import extend
from gaios.log.records import CHAIN_START, State
from gaios.storage import Record
from gaios.storage.snapshot import name, slots
from tests.backup.parts import Living
from tests.server.parts import S


def accept(slot: int, value: bytes) -> Record:
    return Record(RecordKind.ACCEPT, slot, 1, value)


def mark(slot: int, chain: bytes = b"") -> Record:
    return Record(RecordKind.CHOSEN, slot, 0, chain)


def test_a_value_is_chosen_as_it_stood_before_its_mark() -> None:
    """What comes behind the mark, or has none, is not."""
    records = [accept(1, b"a"), accept(2, b"b"), accept(2, b"c"), mark(1, b"h"), mark(2, b"i"), accept(3, b"d"), accept(2, b"late")]
    assert list(chosen(records, 0, "d")) == [Chosen(1, b"a", b"h"), Chosen(2, b"c", b"i")]
    assert list(chosen(records, 1, "d")) == [Chosen(2, b"c", b"i")]


def test_a_segment_that_opens_repeats_what_it_needs() -> None:
    """The values above its mark."""
    state = State(promised=1, longest_ns=0, chosen=1, truncated=0, accepted=[(2, 1, b"b")])
    records = [accept(1, b"a"), Record(RecordKind.STATE, 0, 0, encode(state)), mark(2)]
    assert list(chosen(records, 0, "d")) == [Chosen(1, b"a", b""), Chosen(2, b"b", b"")]


def test_a_mark_without_a_value_is_damage() -> None:
    """So is a record that cannot be read."""
    with pytest.raises(StateDamaged, match="slot 2"):
        list(chosen([accept(1, b"a"), mark(2)], 0, "d"))
    with pytest.raises(StateDamaged):
        list(chosen([Record(RecordKind.STATE, 0, 0, b"?")], 0, "d"))


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


def test_what_is_no_replica_is_refused(tmp_path: Path) -> None:
    """With what to name instead."""
    with pytest.raises(ConfigurationError, match="neither a cell nor a replica"):
        furthest(tmp_path)
    with pytest.raises(ConfigurationError, match="whose directory"):
        Source(tmp_path)
