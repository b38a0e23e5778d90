"""verify says what is wrong with a directory, and by its code whether anything is.  [INTERFACE `verify`]"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gaios.errors import StateDamaged
from gaios.log import Copies, RecordKind, encode
from gaios.log.records import State
from gaios.server import config, control, local
from gaios.server.damage import recovered
from gaios.storage import Journal, Record, create, segment
from gaios.storage.disk import owner_of_directory
from tests.cli.conftest import Done
from tests.server.parts import MemoryDisk

Cli = Callable[..., Done]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A cell of three that was never started."""
    return local.create(tmp_path / "cell", local.founders(3, 29_000)).dir


def test_an_intact_cell_is_ok(directory: Path, cli: Cli) -> None:
    assert cli("verify", str(directory), "--json") == (0, b'{"ok":true,"problems":[]}\n', "")
    assert cli("verify", str(directory)).out.endswith(b": no damage\n")
    assert cli("verify", str(directory / "replica-2")).code == 0


def test_damage_is_named_with_its_place_and_is_no(directory: Path, cli: Cli) -> None:
    promise = directory / "replica-2" / "promise-1"
    promise.write_bytes(b"\xff" * promise.stat().st_size)
    done = cli("verify", str(directory), "--json")
    assert done.code == 1
    assert not done.json["ok"]
    problem = done.json["problems"][0]
    assert set(problem) == {"replica", "file", "offset", "kind", "detail"}
    assert (problem["replica"], problem["file"]) == (2, "promise-1")
    done = cli("verify", str(directory))
    assert done.code == 1
    assert done.out.startswith(b"replica 2: promise-1 at byte ")
    assert done.out.endswith(b": damaged\n")


def test_a_replica_that_the_manifest_lists_and_that_is_gone_is_damage(directory: Path, cli: Cli) -> None:
    """Its neighbours look perfect; only the manifest knows of it.  [SAFETY 2]"""
    shutil.rmtree(directory / "replica-3")
    done = cli("verify", str(directory), "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert [(problem["replica"], problem["kind"]) for problem in done.json["problems"]] == [(3, "missing")]


def test_a_cell_whose_manifest_is_gone_is_damaged_and_the_command_that_is_told_mends_it(directory: Path, cli: Cli) -> None:
    """No start would find the cell; a directory that merely holds replicas' directories is none."""
    manifest = directory / local.MANIFEST
    intact = manifest.read_bytes()
    manifest.unlink()
    assert cli("verify", str(directory)).code == 0
    (directory / control.LOCK).touch()
    done = cli("verify", str(directory), "--json")
    (problem,) = done.json["problems"]
    assert (done.code, problem["file"], problem["kind"]) == (1, local.MANIFEST, "missing")
    subprocess.run(["bash", "-c", problem["detail"].split("`")[1]], check=True)
    assert manifest.read_bytes() == intact
    assert cli("verify", str(directory)).code == 0


def test_a_log_whose_first_record_is_lost_and_that_a_start_refuses_is_damage(directory: Path, cli: Cli) -> None:
    """Each file can be read; what is lost told what the replica voted for. What repairs it is named.  [SAFETY 7, 8]"""
    where = directory / "replica-1"
    identity, disk = owner_of_directory(where), MemoryDisk()
    assert identity is not None
    state = Record(RecordKind.STATE, 0, 0, encode(State(promised=0, longest_ns=0, chosen=0, truncated=0, accepted=[])))
    disk.execute(create(identity, encode(Copies()), state, segment_bytes=4_096))
    journal = Journal.open(identity, disk, segment_bytes=4_096)[0]
    journal.boot = 1
    for slot in (1, 2, 3):
        disk.execute(journal.batch(None, [(RecordKind.ACCEPT, slot, 65_537, b"x" * 100)], lambda: state))
    (wal,) = (name for name in disk.names() if name.startswith("wal/"))
    found = Journal.open(identity, disk, segment_bytes=4_096)[1]
    assert len(found.records) == 4
    spoilt = disk.files[wal].index(b"x" * 100)
    disk.files[wal][segment.OPENING_BYTES : spoilt + 1] = b"?" * (spoilt + 1 - segment.OPENING_BYTES)
    for name in disk.names():
        (where / name).write_bytes(bytes(disk.files[name]))
    with pytest.raises(StateDamaged, match="voted for"):
        recovered(Journal.open(identity, disk, segment_bytes=4_096)[1], str(where))
    done = cli("verify", str(directory), "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    problem = next(problem for problem in done.json["problems"] if problem["kind"] == "state")
    assert (problem["replica"], problem["offset"]) == (1, segment.OPENING_BYTES)
    assert "its state is lost" in problem["detail"]
    assert "gaios member replace" in problem["detail"]


def test_an_unfinished_tail_is_named_and_ok(directory: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what a crash leaves, and what the next start cuts.  [SAFETY 7]"""
    from gaios.storage.verify import Finding

    monkeypatch.setattr("gaios.storage.disk.verify_directory", lambda path: [Finding(1, "wal/00000001.wal", 8_192, "tail", "unfinished")])
    done = cli("verify", str(directory), "--json")
    assert (done.code, done.json["ok"], done.json["problems"][0]["kind"]) == (0, True, "tail")


def test_what_is_no_directory_of_ours_is_wrong_usage(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("absent", "empty", "file"):
        done = cli("verify", str(tmp_path / name), "--json")
        assert (done.code, done.error["type"]) == (2, "ConfigurationError")


def moved(tmp_path: Path, cell: Path, source: str, target: str) -> None:
    """Put a directory in the place of a cell's."""
    shutil.rmtree(cell / target)
    shutil.copytree(tmp_path / source, cell / target)


@pytest.mark.parametrize("source", ["other/replica-2", "cell/replica-1"])
def test_a_directory_of_another_cell_or_member_is_damage(directory: Path, tmp_path: Path, cli: Cli, source: str) -> None:
    """Every record in it is intact, and the replica would refuse to start on it.  [SAFETY 2]"""
    local.create(tmp_path / "other", local.founders(3, 29_300))
    moved(tmp_path, directory, source, "replica-2")
    done = cli("verify", str(directory), "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert [(problem["replica"], problem["file"], problem["kind"]) for problem in done.json["problems"]] == [(2, "manifest.toml", "cell")]
    assert "belongs to member" in done.json["problems"][0]["detail"]


def test_files_of_another_cell_behind_the_right_manifest_are_damage(directory: Path, tmp_path: Path, cli: Cli) -> None:
    """What is in the files counts: a manifest is copied easily."""
    local.create(tmp_path / "other", local.founders(3, 29_300))
    manifest = (directory / "replica-2" / "manifest.toml").read_bytes()
    moved(tmp_path, directory, "other/replica-2", "replica-2")
    (directory / "replica-2" / "manifest.toml").write_bytes(manifest)
    (problem,) = cli("verify", str(directory), "--json").json["problems"]
    assert (problem["replica"], problem["file"], problem["kind"]) == (2, "replica-2", "cell")


def test_a_replica_too_many_and_a_missing_manifest_are_damage(directory: Path, cli: Cli) -> None:
    shutil.copytree(directory / "replica-3", directory / "replica-4")
    (directory / "replica-1" / "manifest.toml").unlink()
    done = cli("verify", str(directory), "--json")
    assert done.code == 1
    found = [(problem["replica"], problem["file"], problem["kind"]) for problem in done.json["problems"]]
    assert found == [(1, "manifest.toml", "missing"), (0, "replica-4", "cell")]


def test_after_members_changed_each_place_is_compared_with_the_member_that_is_there_now(directory: Path, cli: Cli) -> None:
    """A replaced one, an added one, an empty place; what stands in another's place is damage as before."""
    cell = local.find(directory)
    assert cell is not None
    for replica, member in ((3, 4), (4, 5), (1, 0)):
        where = local.place_at(cell, replica)
        cell = local.settle(
            cell, config.Place(id=replica, client=where.client, peer=where.peer, admin=where.admin, member=member, invitation="AA==")
        )
    assert cell.ids == [2, 3, 4]
    assert cli("verify", str(directory), "--json") == (0, b'{"ok":true,"problems":[]}\n', "")
    shutil.rmtree(directory / "replica-3")
    shutil.copytree(directory / "left-replica-3-member-3", directory / "replica-3")
    (problem,) = cli("verify", str(directory), "--json").json["problems"]
    assert (problem["replica"], problem["file"], problem["kind"]) == (3, "manifest.toml", "cell")
    assert "not to member 4" in problem["detail"]


def test_damage_of_what_a_member_left_behind_is_named_and_none_of_the_cell(directory: Path, cli: Cli) -> None:
    cell = local.find(directory)
    assert cell is not None
    where = cell.places[1]
    local.settle(cell, config.Place(id=2, client=where.client, peer=where.peer, admin=where.admin, member=4, invitation="AA=="))
    left = directory / "left-replica-2-member-2"
    (left / "promise-1").write_bytes(b"\xff" * (left / "promise-1").stat().st_size)
    (directory / "left-replica-2-member-0").mkdir()
    done = cli("verify", str(directory), "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    found = [(problem["replica"], problem["file"], problem["kind"]) for problem in done.json["problems"]]
    assert found[-1][:2] == (2, "left-replica-2-member-2/promise-1")
    assert (0, "left-replica-2-member-0", "missing") in found
    assert cli("verify", str(left), "--json").code == 1


def kinds(cli: Cli, where: Path) -> list[tuple[int, str, str]]:
    done = cli("verify", str(where), "--json")
    found = [(problem["replica"], problem["file"], problem["kind"]) for problem in done.json["problems"]]
    assert (done.code, done.json["ok"]) == ((1, False) if found else (0, True))
    return found


def test_what_a_start_refuses_of_one_replicas_directory_is_damage(directory: Path, tmp_path: Path, cli: Cli) -> None:
    """Inside a cell's directory, and on a machine of its own, where the files themselves tell whose they are."""
    other = local.create(tmp_path / "other", local.founders(3, 29_200)).dir / "replica-1" / "manifest.toml"
    alone = tmp_path / "alone"
    shutil.copytree(directory / "replica-1", alone)
    for where, replica in ((directory / "replica-1", 1), (alone, 0)):
        manifest = where / "manifest.toml"
        sound = manifest.read_bytes()
        assert kinds(cli, where) == []
        for text in (b"\x00garbage", other.read_bytes(), sound.replace(b"member = 1", b"member = 2"), b""):
            manifest.write_bytes(text)
            assert kinds(cli, where) == [(replica, "manifest.toml", "cell")], text
        manifest.unlink()
        assert kinds(cli, where) == [(replica, "manifest.toml", "missing")]
        manifest.write_bytes(sound)
        (where / "creating").write_bytes(b"")
        assert kinds(cli, where) == [(replica, "creating", "missing")]
    (directory / "cell.toml").write_bytes(b"garbage")
    (directory / "replica-1" / "creating").unlink()
    assert kinds(cli, directory / "replica-1") == []
