"""up and down without processes: what is said, and what is waited for. With processes: test_end_to_end_together.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios import errors
from gaios.cli import local as cli_local
from gaios.client.status import CellStatus, ReplicaStatus
from gaios.server import control, local
from gaios.server.local import LocalCell
from tests.cli.conftest import FakeCell


@pytest.fixture
def made(tmp_path: Path) -> LocalCell:
    return local.create(tmp_path / "cell", local.founders(3, 7_420))


def test_the_lines_to_try_are_three_and_can_be_typed(made: LocalCell, capsys: pytest.CaptureFixture[str]) -> None:
    cli_local.show(made, json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "endpoints: 127.0.0.1:7420,127.0.0.1:7421,127.0.0.1:7422"
    tried = lines[lines.index("try:") + 1 :]
    assert len(tried) == 3
    # Not the default endpoints, for those are five: so they are named.
    assert all(line.startswith("  GAIOS_ENDPOINTS=127.0.0.1:7420,127.0.0.1:7421,127.0.0.1:7422 ") for line in tried)


def test_the_default_endpoints_need_not_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli_local.show(local.create(tmp_path / "cell", local.founders(5, 7_420)), json=False)
    assert "GAIOS_ENDPOINTS" not in capsys.readouterr().out


def test_json_has_exactly_the_names_of_the_interface(made: LocalCell, capsys: pytest.CaptureFixture[str]) -> None:
    cli_local.show(made, json=True)
    assert json.loads(capsys.readouterr().out) == {"dir": str(made.dir), "endpoints": made.endpoints, "replicas": [1, 2, 3]}


def test_the_command_is_shown_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` calls a command that is not on the path: a newcomer types what is shown."""
    script = tmp_path / ".venv" / "bin" / "gaios"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(script), "up"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli_local.command() == ".venv/bin/gaios"
    monkeypatch.chdir("/")
    assert cli_local.command() == str(script)[1:]
    monkeypatch.chdir(script.parent)
    assert cli_local.command() == "./gaios"
    monkeypatch.setenv("PATH", str(script.parent))
    assert cli_local.command() == "gaios"
    monkeypatch.setattr("sys.argv", ["-c"])
    assert cli_local.command() == "gaios"


async def test_acknowledged_leaves_no_trace(cell: FakeCell, made: LocalCell) -> None:
    """A user's first write has the first revision."""
    await cli_local.acknowledged(made)
    assert len(cell.sent) == 1
    assert cell.database.revision == 1
    assert cell.endpoints == made.endpoints


async def test_answering_waits_for_the_named_replicas_alone(cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    async def status() -> CellStatus:
        nonlocal looks
        looks += 1
        second = "replica" if looks > 2 else "unreachable"
        return CellStatus(replicas=tuple(ReplicaStatus(id=i, role=role) for i, role in ((1, "master"), (2, second), (3, "unreachable"))))

    monkeypatch.setattr(cell, "status", status)
    await cli_local.answering(made, {2})
    assert looks == 3
    monkeypatch.setattr(cli_local, "READY_S", 0.1)
    with pytest.raises(errors.Unavailable, match="replica 3 does not answer"):
        await cli_local.answering(made, {2, 3})


async def test_a_supervisor_that_gave_up_a_majority_ends_the_waiting(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute of silence would tell less than the reason does."""
    states = {"1": "failed", "2": "running", "3": "failed"}
    monkeypatch.setattr(control, "ask", lambda *_, **__: {"replicas": states})
    with pytest.raises(errors.StateMissing, match="2 of 3 replicas"):
        cli_local.check_hope(made)
    states["3"] = "waiting"
    cli_local.check_hope(made)

    def gone(*_: Any, **__: Any) -> Any:
        raise errors.Unavailable(waited_ms=1, reason="r")

    monkeypatch.setattr(control, "ask", gone)
    cli_local.check_hope(made)
    cell.failure = errors.Unavailable(waited_ms=30_000, reason="r")
    with pytest.raises(errors.Unavailable):
        await cli_local.supervised_until_acknowledged(made)
