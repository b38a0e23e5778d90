"""snapshot says what a directory has, and by its code whether all of it is whole."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gaios.storage.snapshot import name, slots
from tests.cli.conftest import Done
from tests.server.parts import CELL, HandCell
from tests.server.test_snapshots import SMALL, live

Cli = Callable[..., Done]


@pytest.fixture(scope="module")
def cell() -> HandCell:
    """Three replicas with a few snapshots."""
    return live(SMALL, 60)


@pytest.fixture
def directory(tmp_path: Path, cell: HandCell) -> Path:
    """Their directories."""
    for member, disk in cell.disks.items():
        for file, data in disk.files.items():
            path = tmp_path / f"replica-{member}" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return tmp_path


def test_all_snapshots_of_a_cell_are_listed_and_alike(directory: Path, cell: HandCell, cli: Cli) -> None:
    """One a line; equal digests at equal slots."""
    done = cli("snapshot", "ls", str(directory), "--json")
    assert done.code == 0
    expected = slots(cell.disks[1].names())
    assert [(row["replica"], row["slot"]) for row in done.lines] == [(member, slot) for member in (1, 2, 3) for slot in expected]
    assert len({(row["slot"], row["digest"]) for row in done.lines}) == len(expected)
    assert {row["cell"] for row in done.lines} == {CELL.hex()}
    text = cli("snapshot", "ls", str(directory / "replica-2")).out.decode()
    assert text.startswith(f"replica 2: slot {expected[0]}: ")


def test_one_is_read_to_its_end(directory: Path, cell: HandCell, cli: Cli) -> None:
    """The newest, or the one that is asked for."""
    expected = slots(cell.disks[1].names())
    done = cli("snapshot", "inspect", str(directory), "--json")
    assert (done.code, {row["slot"] for row in done.lines}) == (0, {expected[-1]})
    assert {(row["chunks"], row["sessions"], row["problem"]) for row in done.lines} == {(1, 1, None)}
    assert [
        row["slot"] for row in cli("snapshot", "inspect", str(directory / "replica-1"), "--slot", str(expected[0]), "--json").lines
    ] == [expected[0]]
    assert b"1 chunks as their digests name them, 1 clients" in cli("snapshot", "inspect", str(directory)).out


def test_what_may_not_be_read_stops_no_replica(directory: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rights of whoever looks are wrong, and no disk."""

    def scandir(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    done = cli("snapshot", "ls", str(directory / "replica-1"), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
    assert "Permission denied" in done.error["message"]
    assert "stops" not in done.error["message"]
    assert "this process is user" in done.error["hint"]


def test_damage_is_named_and_is_no(directory: Path, cell: HandCell, cli: Cli) -> None:
    """A listing looks at what closes a file; an inspection at all of it."""
    newest = slots(cell.disks[1].names())[-1]
    path = directory / "replica-2" / name(newest)
    data = bytearray(path.read_bytes())
    data[80] ^= 1
    path.write_bytes(data)
    assert cli("snapshot", "ls", str(directory)).code == 0
    done = cli("snapshot", "inspect", str(directory), "--json")
    assert done.code == 1
    assert [row["replica"] for row in done.lines if row["problem"]] == [2]
    assert "damaged" in cli("snapshot", "inspect", str(directory / "replica-2")).out.decode()
    path.write_bytes(data[:100])
    assert cli("snapshot", "ls", str(directory)).code == 1


def test_what_is_not_there_is_wrong_usage(directory: Path, tmp_path: Path, cli: Cli) -> None:
    """And the hint says how to find what is."""
    (tmp_path / "empty").mkdir()
    for arguments in (("ls", str(tmp_path / "absent")), ("ls", str(tmp_path / "empty")), ("inspect", str(directory), "--slot", "3")):
        done = cli("snapshot", *arguments, "--json")
        assert (done.code, done.error["type"]) == (2, "ConfigurationError")
