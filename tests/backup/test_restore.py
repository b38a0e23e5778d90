"""A generation is one cell's: reserved in the store, or named."""

from pathlib import Path

import pytest

from gaios.backup.manifest import HEAD
from gaios.backup.rebase import Rebuilt
from gaios.backup.rebuild import choose, rebuild
from gaios.backup.restore import named, reserve
from gaios.backup.save import save
from gaios.backup.stores import DirectoryStore, Store
from gaios.errors import BackupDamaged, ConfigurationError, Overloaded
from tests.backup.parts import NOW_MS, Living, Watched, head_of

ONE, TWO = bytes([1]) * 16, bytes([2]) * 16


def made(store: Store, living: Living, path: Path) -> Rebuilt:
    living.put(30)
    save(store, living.write(path), now_ms=NOW_MS)
    return rebuild(store, choose(store, head_of(store)))


def test_each_new_cell_gets_a_higher_one(any_store: Store, living: Living, tmp_path: Path) -> None:
    """[SAFETY 23] Also when the store is a real S3 server, and after another backup."""
    rebuilt = made(any_store, living, tmp_path / "a")
    assert reserve(any_store, rebuilt, ONE, now_ms=NOW_MS) == 1
    assert reserve(any_store, rebuilt, TWO, now_ms=NOW_MS) == 2
    rebuilt = made(any_store, living, tmp_path / "b")
    assert reserve(any_store, rebuilt, bytes(16), now_ms=NOW_MS) == 3
    assert [each.generation for each in head_of(any_store).restores] == [1, 2, 3]


def test_founders_of_one_cell_share_it(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """And have to restore the same."""
    rebuilt = made(store, living, tmp_path / "a")
    assert [reserve(store, rebuilt, ONE, now_ms=NOW_MS) for _ in range(3)] == [1, 1, 1]
    earlier = rebuild(store, choose(store, head_of(store), to_slot=rebuilt.slot - 1))
    with pytest.raises(ConfigurationError, match="was restored behind slot"):
        reserve(store, earlier, ONE, now_ms=NOW_MS)
    with pytest.raises(ConfigurationError, match="was given generation 1"):
        reserve(store, rebuilt, ONE, now_ms=NOW_MS, generation=4)


def test_of_two_at_once_each_gets_its_own(any_store: Store, living: Living, tmp_path: Path) -> None:
    """The conditional put orders them."""
    rebuilt = made(any_store, living, tmp_path / "a")
    watched = Watched(any_store)
    others: list[int] = []

    def race(what: str, name: str) -> None:
        if what == "replace" and name == HEAD and not others:
            others.append(reserve(any_store, rebuilt, TWO, now_ms=NOW_MS))

    watched.before = race
    assert reserve(watched, rebuilt, ONE, now_ms=NOW_MS) == 2
    assert others == [1]


def test_a_named_one_has_to_be_above_all(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """And is reserved like any other."""
    rebuilt = made(store, living, tmp_path / "a")
    assert reserve(store, rebuilt, ONE, now_ms=NOW_MS, generation=7) == 7
    with pytest.raises(ConfigurationError, match="knows of 7"):
        reserve(store, rebuilt, TWO, now_ms=NOW_MS, generation=7)
    assert reserve(store, rebuilt, TWO, now_ms=NOW_MS) == 8
    assert named(rebuilt, 1) == 1
    with pytest.raises(ConfigurationError, match="not above"):
        named(rebuilt, 0)


def test_without_a_head_nothing_is_reserved(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """Nobody guesses."""
    rebuilt = made(store, living, tmp_path / "a")
    head = store.path / HEAD
    whole = head.read_bytes()
    head.write_bytes(whole[:-3])
    with pytest.raises(BackupDamaged):
        reserve(store, rebuilt, ONE, now_ms=NOW_MS)
    head.unlink()
    with pytest.raises(ConfigurationError, match="no generation can be reserved"):
        reserve(store, rebuilt, ONE, now_ms=NOW_MS)


def test_who_never_gets_his_turn_gives_up(store: DirectoryStore, living: Living, tmp_path: Path) -> None:
    """A store that lets nobody write."""
    rebuilt = made(store, living, tmp_path / "a")

    class Stubborn(Watched):
        def replace(self, name: str, data: bytes, version: object) -> bool:
            return False

    with pytest.raises(Overloaded):
        reserve(Stubborn(store), rebuilt, ONE, now_ms=NOW_MS)
