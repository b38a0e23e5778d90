"""What is restored is proved, to every slot between, or nothing is."""

from pathlib import Path

import pytest

from gaios.backup.manifest import HEAD
from gaios.backup.rebuild import choose, prove, read_head, read_manifest, rebuild
from gaios.backup.save import FIRST_MS, save
from gaios.backup.stores import DirectoryStore
from gaios.errors import BackupDamaged, ConfigurationError, StaleBackup
from tests.backup.parts import NOW_MS, Living, head_of, keys


@pytest.fixture
def filled(store: DirectoryStore, living: Living, tmp_path: Path) -> DirectoryStore:
    """Three backups, each with a snapshot of its own, and what the cell was at each slot."""
    for number in range(3):
        living.put(30)
        save(store, living.write(tmp_path / f"d{number}"), now_ms=NOW_MS + number)
    return store


def test_every_slot_from_the_first_snapshot_on_can_be_restored(filled: DirectoryStore) -> None:
    """[PML §7] Within a backup and between two."""
    head = head_of(filled)
    first = read_manifest(filled, head.backups[0], head.cell)
    assert first.snapshot is not None
    before = 0
    for slot in range(first.snapshot.slot, head.backups[-1].slot + 1):
        found = rebuild(filled, choose(filled, head, to_slot=slot))
        assert found.slot == slot
        assert before <= keys(found.machine) <= before + 30
        before = keys(found.machine)
    with pytest.raises(ConfigurationError, match="has a snapshot before"):
        choose(filled, head, to_slot=first.snapshot.slot - 1)
    with pytest.raises(ConfigurationError, match=f"ends with slot {head.backups[-1].slot}, .*: slot {head.backups[-1].slot + 1} is not"):
        choose(filled, head, to_slot=head.backups[-1].slot + 1)


def test_a_time_is_the_last_slot_before_it(filled: DirectoryStore) -> None:
    """By the masters' clocks, which grow along the log."""
    head = head_of(filled)
    newest = rebuild(filled, choose(filled, head)).applier.time_ms
    middle = (head.backups[0].time_ms + newest) // 2
    found = rebuild(filled, choose(filled, head, to_ms=middle))
    assert found.applier.time_ms <= middle
    following = rebuild(filled, choose(filled, head, to_slot=found.slot + 1))
    assert following.applier.time_ms > middle
    assert rebuild(filled, choose(filled, head, to_ms=newest)).slot == head.backups[-1].slot
    with pytest.raises(ConfigurationError, match=r"before time 1970-01-01T00:00:00\.001Z"):
        choose(filled, head, to_ms=1)


def test_a_store_whose_head_is_gone_is_not_an_empty_one(filled: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """[SAFETY 23] A new head would give a generation a second time, and let go what the old one named."""
    before = set(filled.names())
    filled.delete([HEAD])
    with pytest.raises(BackupDamaged, match=r"it is gone, and .*/manifest is there") as gone:
        read_head(filled)
    assert "bring it back" in gone.value.hint
    with pytest.raises(BackupDamaged, match="it is gone"):
        save(filled, living.write(tmp_path / "later"), now_ms=NOW_MS + FIRST_MS + 3)
    assert {*filled.names(), HEAD} == before
    assert save(filled, living.write(tmp_path / "sooner"), now_ms=NOW_MS + FIRST_MS).fresh, "somebody else's first one may be under way"


def test_a_time_that_no_backup_tells_of_is_refused(filled: DirectoryStore) -> None:
    """What the cell held then may be more; until a backup was made it held nothing that is not in it."""
    head = head_of(filled)
    made = head.backups[-1].taken_ms
    assert rebuild(filled, choose(filled, head, to_ms=made)).slot == head.backups[-1].slot
    with pytest.raises(
        ConfigurationError, match=r"the newest backup, .* later than 2023-11-14T22:13:20\.002Z: time 2023-11-14T22:13:20\.003Z"
    ):
        choose(filled, head, to_ms=made + 1)
    old = head.backups[0]
    with pytest.raises(ConfigurationError, match=f"^backup {old.id} in .* ends with slot {old.slot}"):
        choose(filled, head, to_ms=old.taken_ms + 1, backup=old.id, accept_stale=True)


def test_a_stale_backup_has_to_be_asked_for(filled: DirectoryStore) -> None:
    """[SAFETY 23] What was written since would be lost."""
    head = head_of(filled)
    old = head.backups[0]
    with pytest.raises(StaleBackup, match="goes through"):
        choose(filled, head, backup=old.id)
    assert rebuild(filled, choose(filled, head, backup=old.id, accept_stale=True)).slot == old.slot
    assert choose(filled, head, backup=head.backups[-1].id).slot == head.backups[-1].slot
    with pytest.raises(ConfigurationError, match="no backup nope"):
        choose(filled, head, backup="nope")


def test_any_damaged_object_is_found(filled: DirectoryStore) -> None:
    """Of chunks, closings, pieces and manifests; a lost one, too."""
    head = head_of(filled)
    entry = head.backups[-1]
    names = [name for name in filled.names() if name != HEAD and name.startswith(entry.id)]
    assert {name.split("/")[1] for name in names} >= {"manifest", "closing", "c", "l"}
    for name in names:
        path = filled.path / name
        whole = path.read_bytes()
        for broken in (
            whole[:-1],
            whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 16]) + whole[len(whole) // 2 + 1 :],
            b"",
            None,
        ):
            path.unlink()
            if broken is not None:
                path.write_bytes(broken)
            with pytest.raises(BackupDamaged):
                prove(filled, read_manifest(filled, entry, head.cell))
            path.write_bytes(whole)
        prove(filled, read_manifest(filled, entry, head.cell))


def test_objects_of_another_backup_do_not_do(filled: DirectoryStore) -> None:
    """Whole as they are."""
    head = head_of(filled)
    one, two = head.backups[-2:]
    for part in ("manifest", "closing"):
        mine, other = (filled.path / each.id / part for each in (two, one))
        whole = mine.read_bytes()
        mine.write_bytes(other.read_bytes())
        with pytest.raises(BackupDamaged, match="is not the"):
            prove(filled, read_manifest(filled, two, head.cell))
        mine.write_bytes(whole)


def test_an_empty_store_says_what_to_do(store: DirectoryStore) -> None:
    """It has no head."""
    with pytest.raises(ConfigurationError, match="no backups") as caught:
        read_head(store)
    assert "gaios snapshot save" in caught.value.hint
