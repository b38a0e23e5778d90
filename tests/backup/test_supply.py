"""Claims about what a store gives a replica that fetches a snapshot: the very bytes that a replica's file has, or nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaios.backup import stores
from gaios.backup.manifest import HEAD, Manifest, Snapshot, decode
from gaios.backup.save import save
from gaios.backup.stores import DirectoryStore, Store
from gaios.backup.supply import CHUNK_BYTES_MAX, Supply
from gaios.errors import AnotherCell, BackupDamaged
from gaios.log.snapshots import Handle
from gaios.storage.snapshot import File
from tests.backup.parts import NOW_MS, OFTEN, Living, Watched, head_of
from tests.server.parts import CELL, HandCell, MemoryDisk
from tests.server.test_snapshots import taken


def told(store: Store, which: int = -1) -> Snapshot:
    """What a backup begins with."""
    name = f"{head_of(store).backups[which].id}/manifest"
    found = store.get(name)
    assert found is not None
    snapshot = decode(Manifest, found.data, name).snapshot
    assert snapshot is not None
    return snapshot


def parts(disk: MemoryDisk, slot: int) -> Iterator[bytes]:
    """Of a replica's own file."""
    file = File(disk, slot)
    yield file.closing()
    yield from file.chunks()


def given(supply: Supply, handle: Handle) -> list[bytes | None]:
    """All parts, and one that there is not."""
    return [supply.part(handle.slot, handle.digest, number) for number in range(handle.chunks + 2)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HandCell]:
    """A store with two backups that begin with different snapshots, and the cell whose they are."""
    living, path = Living(OFTEN), tmp_path_factory.mktemp("made")
    for count, puts in enumerate((30, 60)):
        living.put(puts)
        save(DirectoryStore(path / "store"), living.write(path / f"replica-{count}"), now_ms=NOW_MS + count)
    return path / "store", living.cell


@pytest.fixture
def two(made: tuple[Path, HandCell], tmp_path: Path) -> DirectoryStore:
    """A copy of it."""
    return DirectoryStore(shutil.copytree(made[0], tmp_path / "two"))


def test_it_gives_the_very_bytes_that_a_replicas_file_has(any_store: Store, living: Living, tmp_path: Path) -> None:
    """[PML §5.5; SAFETY 26] From a directory and from a bucket."""
    living.put(60)
    save(any_store, living.write(tmp_path / "replica"), now_ms=NOW_MS)
    supply = Supply(any_store, CELL.hex())
    newest = taken(living.cell, 1)[-1]
    handle = supply.newest(newest)
    assert handle is not None
    assert given(supply, handle) == [*parts(living.cell.disks[1], newest), None]
    assert given(Supply(any_store, CELL.hex()), handle) == given(supply, handle)
    assert supply.newest(newest + 1) is None
    assert supply.part(newest, bytes(32), 0) is None


def test_older_ones_are_had_by_name(two: DirectoryStore, made: tuple[Path, HandCell]) -> None:
    """[SAFETY 15] To mend a snapshot that every replica has lost."""
    old, supply = told(two, 0), Supply(two, CELL.hex())
    newest = supply.newest(1)
    assert newest is not None
    assert newest.slot > old.slot
    assert supply.part(old.slot, bytes.fromhex(old.digest), 1) == list(parts(made[1].disks[1], old.slot))[1]


def test_a_backup_without_a_snapshot_offers_none(store: DirectoryStore, plain: Living, tmp_path: Path) -> None:
    """Its log goes back to slot 1."""
    plain.put(10)
    save(store, plain.write(tmp_path / "replica"), now_ms=NOW_MS)
    assert head_of(store).backups
    assert Supply(store, CELL.hex()).newest(1) is None


def test_another_cells_store_gives_nothing(two: DirectoryStore, store: DirectoryStore) -> None:
    """[SAFETY 2] A restored cell is another one, too. Nor does a store without backups."""
    assert Supply(store, CELL.hex()).newest(1) is None
    assert Supply(store, CELL.hex()).part(1, bytes(32), 0) is None
    newest, other = told(two), Supply(two, "ee" * 16)
    with pytest.raises(AnotherCell):
        other.newest(1)
    with pytest.raises(AnotherCell):
        other.part(newest.slot, bytes.fromhex(newest.digest), 0)


DAMAGES = [
    (what, how) for what in ("closing", "chunk", "manifest") for how in ("rotten", "gone", "huge") if (what, how) != ("closing", "huge")
]


@pytest.mark.parametrize(("what", "how"), DAMAGES)
def test_what_is_damaged_is_not_given_and_an_older_one_is_offered(what: str, how: str, two: DirectoryStore) -> None:
    """[SAFETY 26] Whatever stands under its name. When nothing else is left it is tried again: it may have been the network."""
    store, old, newest = two, told(two, 0), told(two)
    name = {"closing": newest.closing, "chunk": newest.chunks[0], "manifest": f"{head_of(store).backups[-1].id}/manifest"}[what]
    sound = (store.path / name).read_bytes()
    if how == "gone":
        (store.path / name).unlink()
    else:
        (store.path / name).write_bytes(sound[:-9] + b"!" + sound[-8:] if how == "rotten" else sound + bytes(CHUNK_BYTES_MAX))
    supply = Supply(store, CELL.hex())
    if what == "chunk":
        handle = supply.newest(1)
        assert handle is not None
        assert handle.slot == newest.slot
        with pytest.raises(BackupDamaged, match=name):
            supply.part(handle.slot, handle.digest, 1)
    handle = supply.newest(1)
    assert handle is not None
    assert (handle.slot, handle.digest.hex()) == (old.slot, old.digest)
    assert name in " ".join(supply.damaged)
    assert supply.newest(newest.slot) is None
    (store.path / name).write_bytes(sound)
    again = supply.newest(1)
    assert again is not None
    assert again.slot == newest.slot


def test_a_head_that_is_damaged_is_an_error(two: DirectoryStore) -> None:
    """Nothing else says which backups were proved."""
    store = two
    (store.path / HEAD).write_bytes(b"{}")
    with pytest.raises(BackupDamaged):
        Supply(store, CELL.hex()).newest(1)


def test_one_question_reads_little(two: DirectoryStore) -> None:
    """The head, a manifest and a closing, once; then a chunk for each part."""
    store, watched, read = two, Watched(two), list[str]()
    watched.before = lambda _, name: read.append(name)
    supply = Supply(watched, CELL.hex())
    handle = supply.newest(1)
    assert handle is not None
    given(supply, handle)
    newest = told(store)
    assert read == [HEAD, f"{head_of(store).backups[-1].id}/manifest", newest.closing, *newest.chunks]


def test_an_object_is_not_read_when_it_is_too_long(any_store: Store) -> None:
    """[SAFETY 28] What stands under a name need not be ours."""
    any_store.put("x", bytes(100))
    with pytest.raises(BackupDamaged, match="99 bytes"):
        any_store.get("x", 99)
    assert any_store.get("x", 100) is not None
    assert stores.OBJECT_BYTES_MAX > 64 << 20
