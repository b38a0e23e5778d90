"""init and serve: flags, variables and file make one configuration, and nothing starts that is not sure who it is.  [SAFETY 2]"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gaios import errors
from gaios.cli.serve import Flags, sentences
from gaios.log.options import Options
from gaios.server import config
from tests.cli.conftest import Done

Cli = Callable[..., Done]
CELL = "0123456789abcdef0123456789abcdef"
FILE = f"""
[cell]
id = "{CELL}"
[[replica]]
id = 1
client = "127.0.0.1:29001"
peer = "127.0.0.1:29101"
admin = "127.0.0.1:29201"
[[replica]]
id = 2
client = "127.0.0.1:29002"
peer = "127.0.0.1:29102"
admin = "127.0.0.1:29202"
[log]
term_ms = 500
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for key in config.KEYS:
        monkeypatch.delenv(config.ENVIRONMENT + key.upper(), raising=False)
    (tmp_path / "cell.toml").write_text(FILE)
    return str(tmp_path / "cell.toml")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[config.Settings]:
    """What would have been served."""
    made: list[config.Settings] = []

    def run(settings: config.Settings) -> int:
        made.append(settings)
        return signal.SIGTERM

    monkeypatch.setattr("gaios.server.__main__.run", run)
    return made


def test_every_key_is_a_flag_with_a_sentence() -> None:
    names = {field.name for field in msgspec.structs.fields(config.Settings)} - {"cell", "place", "replica", "log", "backup"}
    inner = {f"log_{field.name}" for field in msgspec.structs.fields(Options)}
    inner |= {f"backup_{field.name}" for field in msgspec.structs.fields(config.Backup)}
    assert names | inner == set(config.KEYS)
    flags: Any = Flags()
    assert all(getattr(flags, key) is None for key in config.KEYS)
    assert sentences(Options)["beat_ms"].startswith("Between heartbeats")


def test_init_creates_a_directory_once(file: str, tmp_path: Path, cli: Cli) -> None:
    where = str(tmp_path / "two")
    done = cli("init", "--config", file, "--id", "2", "--dir", where, "--json")
    assert (done.code, done.json) == (0, {"cell": CELL, "id": 2, "member": 2})
    assert cli("verify", where).code == 0
    done = cli("init", "--config", file, "--id", "2", "--dir", where, "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")


def test_a_flag_beats_a_variable_and_a_variable_the_file(
    file: str, tmp_path: Path, cli: Cli, served: list[config.Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["serve", "--config", file, "--id", "1", "--dir", str(tmp_path)]
    assert cli(*common).code == 0
    monkeypatch.setenv("GAIOS_LOG_TERM_MS", "550")
    monkeypatch.setenv("GAIOS_LOG_LEVEL", "error")
    assert cli(*common).code == 0
    assert cli(*common, "--log-term-ms", "650", "--json").code == 0
    assert [settings.log.term_ms for settings in served] == [500, 550, 650]
    assert [settings.log_level for settings in served] == ["info", "error", "error"]
    assert [settings.log_format for settings in served] == ["console", "console", "json"]


def test_a_variable_can_name_the_file(
    file: str, tmp_path: Path, cli: Cli, served: list[config.Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIOS_CONFIG", file)
    monkeypatch.setenv("GAIOS_ID", "2")
    monkeypatch.setenv("GAIOS_DIR", str(tmp_path))
    assert cli("serve").code == 0
    assert (served[0].id, served[0].dir) == (2, str(tmp_path))


def test_a_directory_says_which_cell_it_belongs_to(file: str, tmp_path: Path, cli: Cli, served: list[config.Settings]) -> None:
    where = str(tmp_path / "two")
    cli("init", "--config", file, "--id", "2", "--dir", where)
    assert cli("serve", "--dir", where).code == 0
    assert (served[0].id, served[0].cell.id, served[0].dir, len(served[0].replica)) == (2, CELL, where, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve"], "nothing says which cell this is"),
        (["serve", "--dir", "/no/such/directory"], "nothing says which cell this is"),
        (["init"], "gaios init needs --config"),
        (["serve", "--config", "/no/such/file"], "cannot read /no/such/file"),
        (["serve", "--config", "FILE", "--id", "3", "--dir", "d"], "id is 3, but the replicas are 1, 2"),
        (["serve", "--config", "FILE", "--id", "one", "--dir", "d"], "id: 'one' is not a whole number"),
        (["serve", "--config", "FILE", "--id", "1", "--dir", "d", "--log-level", "loud"], "log_level"),
        (["serve", "--config", "FILE", "--id", "1", "--dir", "d", "--listen-client", "0.0.0.0:1"], "can be reached from other machines"),
        (["serve", "--log-trem-ms", "3"], "unknown option: --log-trem-ms. Did you mean --log-term-ms?"),
    ],
)
def test_a_bad_configuration_is_told_and_2(file: str, cli: Cli, served: list[config.Settings], arguments: list[str], message: str) -> None:
    done = cli(*(file if word == "FILE" else word for word in arguments), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
    assert message in done.error["message"]
    assert served == []


def test_an_interrupt_is_told_from_a_stop(file: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are clean; but whoever pressed Ctrl-C in a script means the script."""
    monkeypatch.setattr("gaios.server.__main__.run", lambda settings: signal.SIGINT)
    assert cli("serve", "--config", file, "--id", "1", "--dir", str(tmp_path)).code == 130


def test_what_stops_a_replica_becomes_its_exit_code(file: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor does not restart 2 and 4."""

    def stop(settings: config.Settings) -> None:
        raise errors.StateMissing(directory=settings.dir, what="promise-1")

    monkeypatch.setattr("gaios.server.__main__.run", stop)
    done = cli("serve", "--config", file, "--id", "1", "--dir", str(tmp_path), "--json")
    assert (done.code, done.error["type"]) == (4, "StateMissing")
    assert "gaios init" not in done.error["hint"]


def test_whoever_starts_a_replica_that_nobody_created_is_told_how_that_is_done(
    file: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer, who has lost nothing. Where anything of a replica is left, that would undo what it promised."""

    def stop(settings: config.Settings) -> None:
        raise errors.StateMissing(directory=settings.dir, what="the directory")

    monkeypatch.setattr("gaios.server.__main__.run", stop)
    home = tmp_path / "home"
    arguments = ("serve", "--config", file, "--id", "1", "--dir", str(home), "--json")
    assert cli(*arguments).error["hint"].startswith("if this replica was never created, as of a new cell: gaios init")
    home.mkdir()
    assert "gaios init" in cli(*arguments).error["hint"]
    (home / "wal").mkdir()
    assert "gaios init" not in cli(*arguments).error["hint"]
