"""snapshot save, verify and restore say what they did, and by their codes whether it is done."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gaios.backup.stores import DirectoryStore
from gaios.log import Options
from gaios.server import config, directory, local
from tests.backup.parts import OFTEN, Living
from tests.cli.conftest import Done
from tests.server.parts import CELL, free_ports

Cli = Callable[..., Done]


@pytest.fixture
def living() -> Living:
    """A cell with snapshots."""
    made = Living(OFTEN)
    made.put(50)
    return made


@pytest.fixture
def url(tmp_path: Path, living: Living, cli: Cli) -> str:
    """A store with a backup, and the directory beside it."""
    living.write(tmp_path / "old")
    where = (tmp_path / "store").as_uri()
    assert cli("snapshot", "save", where, "--dir", str(tmp_path / "old")).code == 0
    return where


def test_a_backup_is_made_once(url: str, tmp_path: Path, living: Living, cli: Cli) -> None:
    """And listed, shown and proved again."""
    done = cli("snapshot", "save", url, "--dir", str(tmp_path / "old"), "--json")
    assert (done.code, done.json["fresh"], done.json["slot"], done.json["sent_bytes"]) == (0, False, living.applied, 0)
    assert "nothing new" in cli("snapshot", "save", url, "--dir", str(tmp_path / "old")).out.decode()
    (row,) = cli("snapshot", "ls", url, "--json").lines
    assert (row["id"], row["slot"], row["cell"]) == (done.json["id"], living.applied, CELL.hex())
    assert row["id"] in cli("snapshot", "ls", url).out.decode()
    told = cli("snapshot", "inspect", url, "--json").json
    assert (told["generation"], told["proof"]["checksum"]) == (0, living.machine.checksum())
    assert "proved" in cli("snapshot", "inspect", url, "--backup", row["id"]).out.decode()
    done = cli("snapshot", "verify", url, "--json")
    assert (done.code, done.json["problem"]) == (0, None)
    assert "as it was proved" in cli("snapshot", "verify", url, "--all").out.decode()


def test_damage_is_no(url: str, tmp_path: Path, cli: Cli) -> None:
    """Named by its object; nothing is restored of it."""
    store = DirectoryStore(tmp_path / "store")
    chunk = next(name for name in store.names() if "/c/" in name)
    path = store.path / chunk
    path.write_bytes(path.read_bytes()[:-1])
    done = cli("snapshot", "verify", url, "--json")
    assert done.code == 1
    assert chunk in done.json["problem"]
    done = cli("snapshot", "restore", url, "--into", str(tmp_path / "new"), "--json")
    assert (done.code, done.error["type"]) == (1, "BackupDamaged")
    assert not (tmp_path / "new").exists()


def test_a_restore_makes_a_new_cell(url: str, tmp_path: Path, living: Living, cli: Cli) -> None:
    """[SAFETY 2, 23] Another id, a higher generation each time."""
    for generation in (1, 2):
        into = tmp_path / f"new{generation}"
        done = cli("snapshot", "restore", url, "--into", str(into), "--replicas", "3", "--port", str(free_ports(1)[0]), "--json")
        assert done.code == 0, done.err
        assert (done.json["generation"], done.json["slot"], done.json["of_cell"]) == (generation, living.applied, CELL.hex())
        made = local.find(into)
        assert made is not None
        assert made.cell.id == done.json["cell"] != CELL.hex()
        assert cli("verify", str(into), "--json").json["ok"]
        rows = cli("snapshot", "ls", str(into), "--json").lines
        assert {row["slot"] for row in rows} == {living.applied + 1}
        assert len({row["digest"] for row in rows}) == 1
    done = cli("snapshot", "restore", url, "--into", str(tmp_path / "new1"), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")


def interrupted(monkeypatch: pytest.MonkeyPatch, cli: Cli, replica: str, *arguments: str) -> None:
    """A restore that is cut short before it makes the manifest in a replica's directory."""
    write_durably = directory.write_durably

    def cut_short(path: Path, data: bytes) -> None:
        if (path.parent.name, path.name) == (replica, directory.MANIFEST):
            raise KeyboardInterrupt
        write_durably(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(directory, "write_durably", cut_short)
        assert cli(*arguments).code == 130


def test_a_restore_that_was_cut_short_is_done_again(url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else takes what it left for a cell, or for nothing: an empty one in its place would lose all that the backup has."""
    into = str(tmp_path / "new")
    restore = ("snapshot", "restore", url, "--into", into, "--replicas", "3", "--port", str(free_ports(1)[0]), "--json")
    interrupted(monkeypatch, cli, "replica-3", *restore)
    up = cli("up", "--dir", into, "--detach", "--json")
    assert (up.code, "unfinished restore" in up.error["message"]) == (2, True)
    assert "gaios snapshot restore" in up.error["hint"]
    found = cli("verify", into, "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert found.json["problems"][0]["file"] == "cell.toml"
    assert "cut short" in found.json["problems"][0]["detail"]
    assert cli(*restore).code == 0
    assert cli("verify", into, "--json").json == {"ok": True, "problems": []}
    assert local.find(into) is not None


def test_a_founder_whose_restore_was_cut_short_is_not_created_empty(
    url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same cell, beside founders that were restored."""
    file = tmp_path / "founders.toml"
    file.write_text(config.manifest_text(config.Cell(id="ab" * 16), local.founders(3, 21_000)))
    mine = ("--config", str(file), "--id", "1", "--dir", str(tmp_path / "founder"), "--json")
    interrupted(monkeypatch, cli, "founder", "snapshot", "restore", url, *mine)
    done = cli("init", *mine)
    assert (done.code, "unfinished restore" in done.error["message"]) == (2, True)
    assert cli("snapshot", "restore", url, *mine).code == 0


def test_the_start_that_a_restore_names_can_be_typed(url: str, tmp_path: Path, cli: Cli) -> None:
    """What tells the founders apart is not in their file."""
    file = tmp_path / "the founders.toml"
    file.write_text(config.manifest_text(config.Cell(id="ab" * 16), local.founders(3, 21_000)))
    where = str(tmp_path / "founder")
    done = cli("snapshot", "restore", url, "--config", str(file), "--id", "1", "--dir", where)
    assert done.out.decode().splitlines()[-1] == f"start it: gaios serve --config '{file}' --id 1 --dir {where}"


@pytest.mark.parametrize(("flag", "late"), [("--to-slot", "99999999"), ("--to-time", "2999-01-01T00:00:00Z")])
def test_what_no_backup_has_yet_is_refused(url: str, tmp_path: Path, living: Living, cli: Cli, flag: str, late: str) -> None:
    """The newest in its place would be less than was asked for."""
    done = cli("snapshot", "restore", url, "--into", str(tmp_path / "new"), flag, late, "--json")
    assert done.code == 2
    assert f"ends with slot {living.applied}" in done.error["message"]
    assert f"{flag} away" in done.error["hint"]


def test_founders_on_several_machines_restore_each_for_itself(url: str, tmp_path: Path, cli: Cli) -> None:
    """With one file; the generation is given once."""
    places = local.founders(3, 21_000)
    file = tmp_path / "founders.toml"
    file.write_text(config.manifest_text(config.Cell(id="ab" * 16), places))
    answers = []
    for founder in (1, 2, 3):
        where = str(tmp_path / f"founder-{founder}")
        done = cli("snapshot", "restore", url, "--config", str(file), "--id", str(founder), "--dir", where, "--json")
        assert done.code == 0, done.err
        answers.append((done.json["generation"], done.json["cell"], done.json["slot"]))
    assert len(set(answers)) == 1
    digests = {cli("snapshot", "ls", str(tmp_path / f"founder-{founder}"), "--json").lines[0]["digest"] for founder in (1, 2, 3)}
    assert len(digests) == 1
    slot = str(answers[0][2] - 1)
    where = str(tmp_path / "late")
    done = cli("snapshot", "restore", url, "--config", str(file), "--id", "1", "--dir", where, "--to-slot", slot, "--json")
    assert (done.code, "was restored behind" in done.error["message"]) == (2, True)
    file.write_text(config.manifest_text(config.Cell(id=CELL.hex()), places))
    done = cli("snapshot", "restore", url, "--config", str(file), "--id", "1", "--dir", str(tmp_path / "same"), "--json")
    assert (done.code, "a new one" in done.error["message"]) == (2, True)


def test_a_stale_backup_has_to_be_asked_for(url: str, tmp_path: Path, living: Living, cli: Cli) -> None:
    """[SAFETY 23] Twice: by its name, and by saying so."""
    old = cli("snapshot", "ls", url, "--json").lines[0]
    living.put(10)
    assert cli("snapshot", "save", url, "--dir", str(living.write(tmp_path / "later"))).code == 0
    asked = ("snapshot", "restore", url, "--replicas", "1", "--port", str(free_ports(1)[0]), "--backup", old["id"], "--json", "--into")
    done = cli(*asked, str(tmp_path / "refused"))
    assert (done.code, done.error["type"]) == (2, "StaleBackup")
    assert "--accept-stale" in done.error["hint"]
    done = cli(*asked, str(tmp_path / "accepted"), "--accept-stale")
    assert (done.code, done.json["slot"]) == (0, old["slot"])


def test_a_point_in_time(url: str, tmp_path: Path, living: Living, cli: Cli) -> None:
    """A slot, or a time of the masters' clocks."""
    port = str(free_ports(1)[0])
    for number, (flag, wanted) in enumerate((("--to-slot", str(living.applied - 2)), ("--to-time", "1970-01-01T00:00:01.250Z"))):
        into = tmp_path / f"new{number}"
        done = cli("snapshot", "restore", url, "--into", str(into), "--replicas", "1", "--port", port, flag, wanted, "--json")
        assert done.code == 0, done.err
        assert living.applied - 20 < done.json["slot"] < living.applied
        assert done.json["time_ms"] <= 1_250 or flag == "--to-slot"


def test_a_time_before_everything_makes_no_empty_cell(tmp_path: Path, cli: Cli) -> None:
    """Of a store whose log goes back to slot 1 every time is before something; a cell of before that would be of no use to anyone."""
    living, url = Living(Options()), f"file://{tmp_path}/store"
    living.put(3)
    assert cli("snapshot", "save", url, "--dir", str(living.write(tmp_path / "d"))).code == 0
    done = cli(
        "snapshot", "restore", url, "--into", str(tmp_path / "new"), "--port", str(free_ports(1)[0]), "--to-time", "1970-01-01", "--json"
    )
    assert (done.code, "held nothing yet" in done.error["message"]) == (2, True)
    assert not (tmp_path / "new").exists()


def test_without_a_reservation_the_generation_is_named(url: str, tmp_path: Path, cli: Cli) -> None:
    """By whoever answers for it; the store is left as it is."""
    head = (tmp_path / "store" / "head").read_bytes()
    asked = ("snapshot", "restore", url, "--replicas", "1", "--port", str(free_ports(1)[0]), "--read-only", "--json", "--into")
    done = cli(*asked, str(tmp_path / "a"))
    assert (done.code, done.error["hint"]) == (2, "--generation N")
    done = cli(*asked, str(tmp_path / "b"), "--generation", "9")
    assert (done.code, done.json["generation"]) == (0, 9)
    assert (tmp_path / "store" / "head").read_bytes() == head


@pytest.mark.parametrize(
    "arguments",
    [
        ("restore", "URL"),
        ("restore", "URL", "--into", "x", "--config", "y"),
        ("restore", "URL", "--into", "x", "--id", "1"),
        ("restore", "URL", "--config", "y", "--port", "1"),
        ("restore", "URL", "--into", "x", "--to-time", "yesterday"),
        ("restore", "URL", "--into", "x", "--to-time", "2026-01-01", "--to-slot", "1"),
        ("restore", "file:///absent/store", "--into", "x"),
        ("verify", "URL", "--all", "--backup", "x"),
        ("verify", "URL", "--backup", "x"),
        ("inspect", "URL", "--slot", "1"),
        ("inspect", ".", "--backup", "1"),
        ("save", "ftp://x", "--dir", "."),
        ("ls", "file:///absent/store"),
    ],
)
def test_wrong_usage_is_told(url: str, cli: Cli, arguments: tuple[str, ...]) -> None:
    """Before anything is done."""
    done = cli("snapshot", *(url if each == "URL" else each for each in arguments), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError"), done.err
