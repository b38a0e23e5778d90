"""A replica's directory: made once, refused when it is not what it should be."""

import os
import shutil
import time
from pathlib import Path

import pytest

from gaios.errors import AnotherCell, ConfigurationError, DirectoryInUse, StateMissing
from gaios.server import config, directory
from tests.server.parts import places

FOUNDERS = places(3)


def settings(path: Path, *, replica: int = 1, cell: str = "a" * 32, founders: tuple[config.Founder, ...] = FOUNDERS) -> config.Settings:
    return config.Settings(cell=config.Cell(id=cell), replica=founders, id=replica, dir=str(path))


def test_a_created_directory_opens_and_is_held(tmp_path: Path) -> None:
    mine = settings(tmp_path / "r")
    directory.create(mine)
    assert not directory.was_started(tmp_path / "r")
    assert directory.holder(tmp_path / "r") == 0
    disk = directory.open_(mine)
    try:
        assert directory.holder(tmp_path / "r") == os.getpid()
        assert directory.was_started(tmp_path / "r")
    finally:
        disk.close()
    assert directory.holder(tmp_path / "r") == 0


def test_a_directory_in_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "LOCK_S", 0.05)
    mine = settings(tmp_path / "r")
    directory.create(mine)
    disk = directory.open_(mine)
    try:
        with pytest.raises(DirectoryInUse):
            directory.open_(mine)
    finally:
        disk.close()


def test_whoever_only_looks_does_not_keep_a_replica_from_starting(tmp_path: Path) -> None:
    """A look takes the lock for an instant; the start waits for it."""
    mine = settings(tmp_path / "r")
    directory.create(mine)
    for _ in range(20):
        disk = directory.open_(mine)
        disk.close()
        assert directory.holder(tmp_path / "r") == 0


def test_the_number_of_a_dead_holder_is_not_taken_for_the_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between taking the lock and writing its number there is a moment."""
    mine = settings(tmp_path / "r")
    directory.create(mine)
    disk = directory.open_(mine)
    try:
        lock = tmp_path / "r" / "lock"
        lock.write_text("4194305\n")
        monkeypatch.setattr(time, "sleep", lambda _: lock.write_text(f"{os.getpid()}\n"))
        assert directory.holder(tmp_path / "r") == os.getpid()
    finally:
        disk.close()


def test_what_is_there_is_never_made_anew(tmp_path: Path) -> None:
    """[SAFETY 2]"""
    mine = settings(tmp_path / "r")
    directory.create(mine)
    with pytest.raises(ConfigurationError, match="already"):
        directory.create(mine)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="not empty"):
        directory.create(settings(tmp_path / "other"))
    (tmp_path / "plain").write_text("x")
    with pytest.raises(ConfigurationError):
        directory.create(settings(tmp_path / "plain"))


def test_an_unfinished_creation_is_refused_at_a_start_and_made_anew(tmp_path: Path) -> None:
    mine = settings(tmp_path / "r")
    directory.create(mine)
    (tmp_path / "r" / directory.CREATING).touch()
    with pytest.raises(StateMissing, match="creation"):
        directory.open_(mine)
    (tmp_path / "r" / directory.MANIFEST).unlink()
    directory.create(mine)
    directory.open_(mine).close()


@pytest.mark.parametrize("missing", ["", directory.MANIFEST])
def test_a_missing_directory_or_manifest_is_refused(tmp_path: Path, missing: str) -> None:
    """[SAFETY 2]: never initialised empty."""
    mine = settings(tmp_path / "r")
    directory.create(mine)
    if missing:
        (tmp_path / "r" / missing).unlink()
    else:
        shutil.rmtree(tmp_path / "r")
    with pytest.raises(StateMissing):
        directory.open_(mine)


def test_another_cells_or_members_directory_is_refused(tmp_path: Path) -> None:
    directory.create(settings(tmp_path / "r"))
    with pytest.raises(AnotherCell):
        directory.open_(settings(tmp_path / "r", cell="b" * 32))
    with pytest.raises(AnotherCell, match="member 1"):
        directory.open_(settings(tmp_path / "r", replica=2))


def test_other_founders_are_refused_but_other_addresses_are_not(tmp_path: Path) -> None:
    """A cell is created once with its founders; where they live may change."""
    directory.create(settings(tmp_path / "r"))
    directory.open_(settings(tmp_path / "r", founders=places(3))).close()
    with pytest.raises(ConfigurationError, match="founders"):
        directory.open_(settings(tmp_path / "r", founders=places(5)))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    directory.write_durably(tmp_path / "f", b"one")
    directory.write_durably(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_removing_an_unfinished_creation_can_be_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = settings(tmp_path / "r")
    directory.create(mine)
    real, gone = Path.unlink, list[str]()

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if gone:
            raise OSError("power")
        gone.append(path.name)
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OSError, match="power"):
        directory.clear(tmp_path / "r")
    monkeypatch.undo()
    assert not directory.was_started(tmp_path / "r")
    directory.clear(tmp_path / "r")
    assert not (tmp_path / "r").exists()
