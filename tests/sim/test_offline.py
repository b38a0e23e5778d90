"""A directory that is read offline is compared with what was chosen.  [SAFETY 15, 30]"""

import pytest

from gaios.backup.history import History
from gaios.backup.history import whole as intact
from gaios.log import Options, RecordKind
from gaios.sim.offline import NAME, read_offline
from gaios.storage import Identity, segment
from gaios.storage.record import HEADER_BYTES, candidates, seed
from tests.backup.parts import Living
from tests.server.parts import CELL

FILE = segment.name(1)


@pytest.fixture
def lived() -> Living:
    living = Living(Options())
    living.put(10)
    return living


def test_what_was_chosen_is_read(lived: Living) -> None:
    """Another value, or less than all, is a violation."""
    disk = lived.cell.disks[1]
    through = History(disk, "d").reach().chosen
    assert through >= 10
    assert read_offline(1, disk, {}) == []
    (wrong,) = read_offline(1, disk, {5: b"another"})
    assert wrong == (NAME, "replica 1: another value than was chosen is read in slot 5")


def test_a_log_is_refused_or_ends_where_damage_waits_for_repair(lived: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without such it may be neither."""
    disk = lived.cell.disks[1]
    found = candidates(bytes(disk.files[FILE]), 0, seed(Identity(CELL, 1, 0)), 1)
    rotten = next(each for each in found if each.kind == RecordKind.ACCEPT and each.slot == 5)
    disk.files[FILE][rotten.offset + HEADER_BYTES + 3] ^= 1
    assert read_offline(1, disk, {}) == []
    whole = lived.cell.disks[2]
    without = [each for each in intact(History(whole, "d").records()) if each.slot != 5 or each.kind != RecordKind.ACCEPT]
    monkeypatch.setattr(History, "records", lambda _: iter(without))
    (refused,) = read_offline(2, whole, {})
    assert "nothing waits for repair, and the log is refused" in refused.detail
    monkeypatch.setattr(History, "records", lambda _: iter(without[:1]))
    (short,) = read_offline(2, whole, {})
    assert "records 1 are read" in short.detail
