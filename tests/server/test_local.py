"""A local cell's directory: created, found again, never overwritten."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gaios.configuration import founders
from gaios.errors import ConfigurationError, StateMissing
from gaios.server import config, directory, local
from gaios.storage import copies


def test_a_cell_is_created_where_nothing_is_and_found_again(tmp_path: Path) -> None:
    made = local.open_or_create(tmp_path / "cell", replicas=3, port=20_000)
    assert made.ids == [1, 2, 3]
    assert made.endpoints == ["127.0.0.1:20000", "127.0.0.1:20001", "127.0.0.1:20002"]
    assert [(founder.peer, founder.admin) for founder in made.founders][2] == ("127.0.0.1:20102", "127.0.0.1:20202")
    assert local.open_or_create(tmp_path / "cell") == made
    assert local.open_or_create(tmp_path / "cell", replicas=3, port=20_000, existing=True) == made
    assert all(made.replica_dir(replica).is_dir() for replica in made.ids)


def test_what_differs_from_the_cell_is_refused(tmp_path: Path) -> None:
    """[INTERFACE]: `--replicas` or `--port` that differ from it: exit 2."""
    local.open_or_create(tmp_path / "cell", replicas=3, port=20_000)
    with pytest.raises(ConfigurationError, match="has 3 replicas, not 5"):
        local.open_or_create(tmp_path / "cell", replicas=5)
    with pytest.raises(ConfigurationError, match="first port at 20000"):
        local.open_or_create(tmp_path / "cell", port=20_001)


def test_existing_forbids_creation(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no cell"):
        local.open_or_create(tmp_path / "cell", existing=True)
    assert not (tmp_path / "cell").exists()


def test_an_unfinished_creation_starts_over(tmp_path: Path) -> None:
    """The manifest is written last: without it nobody has acknowledged anything."""
    first = local.open_or_create(tmp_path, replicas=3)
    first.manifest.unlink()
    (tmp_path / "replica-3" / directory.MANIFEST).unlink()
    second = local.open_or_create(tmp_path, replicas=5)
    assert second.cell.id != first.cell.id
    assert second.ids == [1, 2, 3, 4, 5]


def test_an_unfinished_restore_is_no_unfinished_creation(tmp_path: Path) -> None:
    """A creation over it would put an empty cell in the place of what was being restored.  [SAFETY 2]"""
    cell = local.create(tmp_path, local.founders(3, 20_000))
    (tmp_path / local.RESTORING).touch()
    assert not local.is_unfinished_restore(tmp_path)  # all was made, but for the end of its mark
    cell.manifest.unlink()
    assert local.is_unfinished_restore(tmp_path)
    calls: tuple[Callable[[], object], ...] = (
        lambda: local.open_or_create(tmp_path),
        lambda: local.open_or_create(tmp_path, existing=True),
        lambda: local.create(tmp_path, cell.founders),
    )
    for call in calls:
        with pytest.raises(ConfigurationError, match="unfinished restore") as refused:
            call()
        assert f"gaios snapshot restore URL --into {tmp_path}" in refused.value.hint
    assert all(cell.replica_dir(replica).is_dir() for replica in cell.ids)
    (tmp_path / "replica-1" / "lock").write_text("1\n")
    with pytest.raises(StateMissing, match=r"cell\.toml"):  # it was finished, and lived
        local.open_or_create(tmp_path)


def test_a_cell_that_lost_its_manifest_is_not_an_unfinished_creation(tmp_path: Path) -> None:
    """[SAFETY 2]: where a replica was ever started, an empty start could undo acknowledged writes."""
    cell = local.open_or_create(tmp_path, replicas=1)
    cell.manifest.unlink()
    (tmp_path / "replica-1" / "lock").write_text("1\n")
    with pytest.raises(StateMissing, match=r"cell\.toml") as refused:
        local.open_or_create(tmp_path)
    subprocess.run(refused.value.hint.split("`")[1], shell=True, check=True)
    assert local.find(tmp_path) == cell


@pytest.mark.parametrize("gone", [("lock",), ("lock", "promise-1"), ("lock", "promise-1", "promise-2"), ("lock", directory.MANIFEST)])
def test_nor_is_one_that_lost_its_locks_too(tmp_path: Path, gone: tuple[str, ...]) -> None:
    """Backups leave lock files out, and people remove them: what a replica wrote was taken for the rest of a creation, and removed."""
    cell = local.open_or_create(tmp_path, replicas=1)
    made = config.Settings(cell=cell.cell, replica=cell.founders, id=1, dir=str(cell.replica_dir(1)))
    disk = directory.open_(made)
    disk.execute_now(copies.write(copies.Copy(1, 1, cell.cell.bytes, 2, 1, 1, 1, b"its first boot")))
    disk.close()
    for name in ("cell.toml", *(f"replica-1/{name}" for name in gone)):
        (tmp_path / name).unlink()
    with pytest.raises(StateMissing, match=r"cell\.toml"):
        local.open_or_create(tmp_path)
    assert (tmp_path / "replica-1" / "wal" / "00000001.wal").exists()


def test_what_lies_in_a_replicas_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "replica-1").mkdir()
    (tmp_path / "replica-1" / "thesis.tex").write_text("...")
    with pytest.raises(ConfigurationError, match=r"replica-1/thesis\.tex"):
        local.open_or_create(tmp_path, replicas=1)
    assert (tmp_path / "replica-1" / "thesis.tex").exists()
    (tmp_path / "replica-2").write_text("...")
    (tmp_path / "replica-1" / "thesis.tex").unlink()
    with pytest.raises(ConfigurationError, match=r"it holds replica-2"):
        local.open_or_create(tmp_path, replicas=1)


def test_a_replicas_directory_may_be_a_file_system_of_its_own(tmp_path: Path) -> None:
    """Or a link to one; it is there before the cell is, with what every new file system holds."""
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "replica-1").symlink_to(tmp_path / "disk")
    cell = local.open_or_create(tmp_path / "cell", replicas=1)
    cell.manifest.unlink()
    cell = local.open_or_create(tmp_path / "cell", replicas=1)
    assert (tmp_path / "disk" / directory.MANIFEST).exists()
    assert (tmp_path / "disk" / "lost+found").is_dir()


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ConfigurationError, match=r"thesis\.txt"):
        local.open_or_create(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="not a directory"):
        local.open_or_create(tmp_path / "file")


@pytest.mark.parametrize(("replicas", "port"), [(0, 7_420), (33, 7_420), (5, 0), (5, 65_400), (5, 70_000)])
def test_a_cell_that_cannot_be_is_refused(tmp_path: Path, replicas: int, port: int) -> None:
    with pytest.raises(ConfigurationError):
        local.create(tmp_path, local.founders(replicas, port))


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / local.MANIFEST).write_text("nonsense")
    with pytest.raises(ConfigurationError, match="not TOML") as refused:
        local.find(tmp_path)
    assert "makes it anew" in refused.value.hint
    assert local.find(tmp_path / "none") is None


def test_what_may_refuse_the_places_is_asked_before_anything_is_created(tmp_path: Path) -> None:
    """A directory that names ports which are taken could only be removed again."""

    def refuse(places: object) -> None:
        raise ConfigurationError(reason="not there")

    with pytest.raises(ConfigurationError, match="not there"):
        local.open_or_create(tmp_path / "cell", replicas=3, check=refuse)
    assert not (tmp_path / "cell").exists()
    made = local.open_or_create(tmp_path / "cell", replicas=3)
    assert local.open_or_create(tmp_path / "cell", check=refuse) == made


def test_of_two_that_create_one_cell_at_once_the_second_finds_the_firsts(tmp_path: Path) -> None:
    """Each took what the other made for an unfinished creation, and removed it: both failed. A moment later it would have been a cell."""
    with ThreadPoolExecutor(3) as pool:
        made = [each.result() for each in [pool.submit(local.open_or_create, tmp_path / "cell", replicas=3) for _ in range(3)]]
    assert made[0] == made[1] == made[2] == local.find(tmp_path / "cell")
    with pytest.raises(ConfigurationError, match=r"there is a cell in .* already"):
        local.create(tmp_path / "cell", made[0].founders, made_of=lambda _: pytest.fail("a restore reserves nothing for it"))


def test_who_creates_for_ever_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ALONE_S", 0.05)
    with local.alone(tmp_path), pytest.raises(ConfigurationError, match="another process has been creating or changing the cell"):
        local.open_or_create(tmp_path)


def test_two_places_that_are_settled_at_once_are_both_kept(tmp_path: Path) -> None:
    """Each command had read the manifest before the other wrote it."""
    cell = local.open_or_create(tmp_path / "cell", replicas=2, port=21_000)
    for at in cell.places:
        local.settle(cell, config.Place(id=at.id, member=at.id + 2, client=at.client, peer=at.peer, admin=at.admin))
    found = local.find(cell.dir)
    assert found is not None
    assert [place.member for place in found.later] == [3, 4]


def test_a_mounted_file_system_takes_the_new_member_when_it_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lost disk was mounted in its replica's place: a mount point cannot be renamed, and what failed there cannot be copied."""
    cell = local.open_or_create(tmp_path / "cell", replicas=1, port=21_000)
    at, home = cell.places[0], cell.replica_dir(1)
    place = config.Place(id=1, member=2, client=at.client, peer=at.peer, admin=at.admin)

    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(ConfigurationError, match=r"replica-1 cannot be set aside: Device or resource busy"):
        local.settle(cell, place)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == home)
    with pytest.raises(ConfigurationError) as mounted:
        local.settle(cell, place)
    assert "mount an empty one there, and give the command again" in mounted.value.hint
    assert local.find(cell.dir) == cell
    shutil.rmtree(home)
    (home / "lost+found").mkdir(parents=True)
    assert local.settle(cell, place).later == (place,)
    assert local.member_in(home) == 2


def test_a_lost_disks_directory_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set aside unread: a disk that fails is why its member is replaced."""
    cell = local.open_or_create(tmp_path / "cell", replicas=1, port=21_000)
    at, home, read = cell.places[0], cell.replica_dir(1), Path.read_text

    def fails(self: Path, encoding: str) -> str:
        if self.parent == home and "member = 1" in read(self, encoding):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, encoding)

    monkeypatch.setattr(Path, "read_text", fails)
    local.settle(cell, config.Place(id=1, member=2, client=at.client, peer=at.peer, admin=at.admin))
    assert sorted(each.name for each in cell.dir.glob("left-*")) == ["left-replica-1-member-0"]
    assert local.member_in(home) == 2


def test_a_directory_whose_manifest_is_damaged_is_nobodys(tmp_path: Path) -> None:
    """So `member replace`, which the page on damage advises, sets it aside."""
    cell = local.open_or_create(tmp_path / "cell", replicas=1, port=21_000)
    at, home = cell.places[0], cell.replica_dir(1)
    (home / "manifest.toml").write_bytes(b"member = \xff")
    assert local.member_in(home) == 0
    local.settle(cell, config.Place(id=1, member=2, client=at.client, peer=at.peer, admin=at.admin))
    assert local.member_in(home) == 2


def test_a_new_members_directory_whose_making_was_cut_short_behind_its_manifest_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command that is given again.  [SAFETY 2]"""
    cell = local.open_or_create(tmp_path / "cell", replicas=1, port=21_000)
    told = founders({1: 1}).added(2, peer="127.0.0.1:21101", client="127.0.0.1:21001", admin="127.0.0.1:21201")
    at = local.place_at(cell, 2)
    place = config.Place(id=2, member=2, client=at.client, peer=at.peer, admin=at.admin, invitation=config.invite(told.encode()))
    unlink = Path.unlink

    def killed(self: Path, missing_ok: bool = False) -> None:
        if self.name == directory.CREATING:
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        local.settle(cell, place)
    monkeypatch.undo()
    cell = local.settle(local.open_or_create(tmp_path / "cell"), place)
    home = cell.replica_dir(2)
    settings = config.Settings(cell=cell.cell, replica=cell.founders, place=(place,), id=2, dir=str(home))
    directory.open_(settings).close()
