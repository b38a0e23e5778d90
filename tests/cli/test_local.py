"""up and down without processes: what is said, and what is waited for. With processes: test_end_to_end_together.py."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gaios import errors
from gaios.cli import exits
from gaios.cli import local as cli_local
from gaios.client.status import CellStatus, ReplicaStatus
from gaios.server import control, failures, local
from gaios.server.failures import Failure, States
from gaios.server.local import LocalCell
from tests.cli.conftest import Done, FakeCell
from tests.docs.conftest import free_port


@pytest.fixture
def made(tmp_path: Path) -> LocalCell:
    cell = local.create(tmp_path / "cell", local.founders(3, 7_420))
    for replica in cell.ids:
        (cell.replica_dir(replica) / "log").touch()
    return cell


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


async def test_a_cell_that_does_not_come_to_write_says_what_it_lacks(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first replica answered to the write, that it is not the master, helps nobody."""
    cell.failure = errors.Unavailable(waited_ms=60_000, reason="127.0.0.1:7420 is not the master, and knows of none")
    rows = (ReplicaStatus(id=1, role="replica", why=("its disk is full",)), ReplicaStatus(id=2, role="replica"))

    async def status() -> CellStatus:
        return CellStatus(why="2 of 3 replicas answer", replicas=rows)

    monkeypatch.setattr(cell, "status", status)
    with pytest.raises(errors.Unavailable, match=r"within 60000 ms: 2 of 3 replicas answer; replica 1: its disk is full$"):
        await cli_local.acknowledged(made)
    statuses(cell, monkeypatch, "refused")
    with pytest.raises(errors.Unavailable, match="is not the master"):
        await cli_local.acknowledged(made)


def statuses(cell: FakeCell, monkeypatch: pytest.MonkeyPatch, *looks: str) -> list[int]:
    """Each look finds these roles, the last one again and again; how many looks there were."""
    looked = [0]

    async def status() -> CellStatus:
        if looks[min(looked[0], len(looks) - 1)] == "refused":
            looked[0] += 1
            raise errors.Unavailable(waited_ms=0, reason="connection refused")
        roles = looks[min(looked[0], len(looks) - 1)].split()
        looked[0] += 1
        return CellStatus(why="because", replicas=tuple(ReplicaStatus(id=i, role=role) for i, role in enumerate(roles, 1)))

    monkeypatch.setattr(cell, "status", status)
    return looked


def supervised(monkeypatch: pytest.MonkeyPatch, states: str, **failed: tuple[int, str]) -> None:
    """What the supervisor says: the state of each replica, and `r2=(code, reason)` of those that failed."""
    told = States(dict(enumerate(states.split(), 1)), {int(name[1:]): Failure(*failure) for name, failure in failed.items()})
    monkeypatch.setattr(failures, "ask", lambda _: told)


async def test_answering_waits_for_the_named_replicas_alone(cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = statuses(cell, monkeypatch, "refused", "master unreachable unreachable", "master replica unreachable")
    assert (await cli_local.answering(made, {2})).why == "because"
    assert looked == [3]
    monkeypatch.setattr(cli_local, "READY_S", 0.1)
    with pytest.raises(errors.Unavailable, match="replica 3 does not answer"):
        await cli_local.answering(made, {2, 3})
    supervised(monkeypatch, "running running waiting", r3=(3, "cannot listen"))
    with pytest.raises(errors.Unavailable, match="replica 3 does not answer: cannot listen"):
        await cli_local.answering(made, {2, 3})


async def test_a_replica_that_refuses_to_start_ends_the_waiting(cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own exit code and reason, at once: it is not tried again."""
    statuses(cell, monkeypatch, "master unreachable unreachable")
    supervised(monkeypatch, "running failed stopped", r2=(4, "promise-1 is missing"))
    with pytest.raises(errors.ReplicaFailed, match="replica 2 did not start: promise-1 is missing") as raised:
        await cli_local.answering(made, {2})
    assert exits.report(raised.value).code == exits.STATE
    supervised(monkeypatch, "running failed stopped", r2=(2, "another cell"))
    with pytest.raises(errors.ConfigurationError, match="another cell") as other:
        await cli_local.answering(made, {2})
    assert exits.report(other.value).code == exits.USAGE


async def test_a_replica_that_answers_is_waited_for_until_it_is_counted_on(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a moment one that the others are about to refuse answers, too; and one that has just begun does not count yet."""
    looks = [(False, ()), (True, ("takes no part yet",)), (True, ())]
    looked = [0]

    async def status() -> CellStatus:
        fit, why = looks[min(looked[0], len(looks) - 1)]
        looked[0] += 1
        rows = (ReplicaStatus(id=1, role="master", fit=True), ReplicaStatus(id=2, role="replica", fit=fit, why=why))
        return CellStatus(tolerates=1, why=f"look {looked[0]}", replicas=rows)

    monkeypatch.setattr(cell, "status", status)
    supervised(monkeypatch, "running running running")
    assert (await cli_local.answering(made, {2})).why == "look 3"
    looks[:], looked[0] = [(False, ())], 0
    supervised(monkeypatch, "running failed running", r2=(4, "it is a copy of an older state"))
    with pytest.raises(errors.ReplicaFailed, match="replica 2 did not start: it is a copy"):
        await cli_local.answering(made, {2})
    supervised(monkeypatch, "running running running")
    monkeypatch.setattr(cli_local, "TAKE_PART_S", 0.1)
    assert (await cli_local.answering(made, {2})).replicas[1].fit is False
    looks[:] = [(True, ("only 1 of 2 others have recorded its boot",))]
    monkeypatch.setattr(cli_local, "TAKE_PART_S", 60.0)
    monkeypatch.setattr(cli_local, "SETTLE_S", 0.1)
    assert (await cli_local.answering(made, {2})).replicas[1].fit


async def test_a_replica_that_is_about_to_be_refused_is_waited_for_without_a_master_too(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as somebody else answers, who may refuse it; one that is alone nobody refuses, and nobody counts on."""
    others = ["replica", "unreachable"]

    async def status() -> CellStatus:
        rows = [ReplicaStatus(id=2, role="replica", why=("takes no part yet",))]
        return CellStatus(replicas=(*rows, *(ReplicaStatus(id=3 * i, role=role) for i, role in enumerate(others, 1))))

    monkeypatch.setattr(cell, "status", status)
    asked = [0]

    def told(_: LocalCell) -> States:
        asked[0] += 1
        refused = {2: Failure(4, "it is a copy of an older state")} if asked[0] > 2 else {}
        return States({1: "stopped", 2: "failed" if refused else "running", 3: "running"}, refused)

    monkeypatch.setattr(failures, "ask", told)
    with pytest.raises(errors.ReplicaFailed, match="replica 2 did not start: it is a copy"):
        await cli_local.answering(made, {2})
    others[0], asked[0] = "unreachable", 0
    assert (await cli_local.answering(made, {2})).replicas[0].why == ("takes no part yet",)
    assert asked == [1]


async def test_up_warns_of_each_replica_that_a_write_did_not_need(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell that writes and tolerates nothing any more must not look whole."""
    monkeypatch.setattr(cli_local, "SETTLE_S", 0.1)
    statuses(cell, monkeypatch, "master replica replica")
    supervised(monkeypatch, "running running running")
    await cli_local.warn(made)
    assert capsys.readouterr().err == ""
    statuses(cell, monkeypatch, "unreachable replica master")
    supervised(monkeypatch, "failed running running", r1=(4, "promise-1 is missing"))
    await cli_local.warn(made)
    assert capsys.readouterr().err == f"gaios: replica 1 did not start: promise-1 is missing; see {made.replica_dir(1) / 'log'}\n"
    supervised(monkeypatch, "running running running")
    await cli_local.warn(made)
    assert capsys.readouterr().err == f"gaios: replica 1 does not answer yet; see {made.replica_dir(1) / 'log'}\n"
    control.mark_down(made, 1, down=True)
    await cli_local.warn(made)
    up = f"gaios up --dir {made.dir} --replica 1"
    assert capsys.readouterr().err == f"gaios: replica 1 stays down, as `gaios down --replica` left it; {up} starts it\n"


def test_one_replica_that_answers_is_no_cell_that_writes(made: LocalCell, capsys: pytest.CaptureFixture[str]) -> None:
    cli_local.show_replicas(made, (2,), CellStatus(why="1 of 3 replicas answer, 2 are needed"), json=False)
    assert capsys.readouterr().out == "replica 2 answers\n1 of 3 replicas answer, 2 are needed\n"
    rows = (ReplicaStatus(id=1, role="master", why=("of no interest",)), ReplicaStatus(id=2, role="replica", why=("takes no part yet",)))
    cli_local.show_replicas(made, (2,), CellStatus(why="because", replicas=rows), json=False)
    assert capsys.readouterr().out == "replica 2 answers\nbecause\nreplica 2: takes no part yet\n"
    cli_local.show_replicas(made, (3, 2), CellStatus(), json=True)
    assert json.loads(capsys.readouterr().out)["endpoints"] == made.endpoints


def test_a_taken_port_is_found_before_anything_is_created(tmp_path: Path, cli: Callable[..., Done]) -> None:
    """The hint, another port, would be refused in a directory that was created with this one."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 101)):
        done = cli("up", "--dir", str(tmp_path / "cell"), "--port", str(port), "--json")
    assert (done.code, done.error["type"]) == (3, "PortTaken")
    assert "--port" in done.error["hint"]
    assert not (tmp_path / "cell").exists()


def test_settings_that_no_replica_could_start_with_are_refused_once(
    tmp_path: Path, made: LocalCell, cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is created or started: each replica would say the same."""
    monkeypatch.setenv("GAIOS_LOG_KEEP_HOURS", "0")
    for where in (tmp_path / "new", made.dir):
        done = cli("up", "--dir", str(where), "--detach", "--json")
        assert (done.code, done.error["message"]) == (2, "keep_hours must be at least 1: GAIOS_LOG_KEEP_HOURS=0")
    assert not (tmp_path / "new").exists()
    assert not (made.dir / control.LOCK).exists()


def test_settings_of_a_cell_that_runs_already_are_not_ignored_silently(
    made: LocalCell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control, "ignored", lambda cell, ids: {("GAIOS_LOG_LEVEL", "GAIOS_RECORD"): [*ids]})
    cli_local.tell_ignored(made, [2, 3])
    assert capsys.readouterr().err.startswith(
        "gaios: replicas 2, 3 ran already, and not with GAIOS_LOG_LEVEL, GAIOS_RECORD of this environment;"
    )


def test_replicas_that_down_stopped_leave_no_cell_to_wait_for(made: LocalCell, cli: Callable[..., Done]) -> None:
    for replica in (1, 3):
        control.mark_down(made, replica, down=True)
    done = cli("up", "--dir", str(made.dir), "--json")
    assert (done.code, done.error["type"]) == (3, "Unavailable")
    assert done.error["message"].startswith("replicas 1, 3 of 3 were stopped by `gaios down --replica`")
    assert f"--dir {made.dir} --replica 1 3" in done.error["hint"]


def test_the_hint_to_leave_existing_away_is_for_those_who_gave_it(tmp_path: Path, cli: Callable[..., Done]) -> None:
    assert "--existing" in cli("up", "--dir", str(tmp_path), "--existing", "--json").error["hint"]
    done = cli("up", "--dir", str(tmp_path), "--replica", "1", "--json")
    assert (done.code, "--existing" in done.error["hint"]) == (2, False)


def test_the_bounds_of_replicas_are_those_of_a_cell(tmp_path: Path, cli: Callable[..., Done]) -> None:
    done = cli("up", "--dir", str(tmp_path), "--replicas", "33", "--json")
    assert (done.code, "33 is not between 1 and 32" in done.error["message"]) == (2, True)


async def test_a_supervisor_that_gave_up_a_majority_ends_the_waiting(
    cell: FakeCell, made: LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute of silence would tell less than the reason does."""
    supervised(monkeypatch, "failed running failed", r1=(4, "gone"), r3=(4, "gone"))
    with pytest.raises(errors.ReplicaFailed, match="2 of 3 replicas"):
        cli_local.check_hope(made)
    supervised(monkeypatch, "failed running waiting", r1=(4, "gone"))
    cli_local.check_hope(made)
    monkeypatch.setattr(failures, "ask", lambda _: None)
    cli_local.check_hope(made)
    cell.failure = errors.Unavailable(waited_ms=30_000, reason="r")
    with pytest.raises(errors.Unavailable):
        await cli_local.supervised_until_acknowledged(made)


def test_recording_is_handed_to_the_replicas_that_are_started(made: LocalCell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They inherit the variable; a relative path would be another one where they run."""
    monkeypatch.setenv(cli_local.RECORD, "")
    monkeypatch.chdir(tmp_path)
    cli_local.record_into(made, "recordings")
    assert os.environ[cli_local.RECORD] == str(tmp_path / "recordings")


def test_a_cell_that_runs_is_not_recorded_from_the_middle(made: LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its replicas would go on without."""
    monkeypatch.setenv(cli_local.RECORD, "")
    monkeypatch.setattr(control, "pid_of", lambda cell, replica: 4_711 if replica == 2 else 0)
    with pytest.raises(errors.ConfigurationError, match="runs already"):
        cli_local.record_into(made, "recordings")
    assert os.environ[cli_local.RECORD] == ""


def test_a_variable_does_not_keep_a_second_up_from_doing_nothing(made: LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """[INTERFACE `up`]: the replicas that run may have inherited it."""
    monkeypatch.setenv(cli_local.RECORD, "/recordings")
    monkeypatch.setattr(control, "pid_of", lambda cell, replica: 4_711)
    cli_local.record_into(made, "/recordings")
    assert os.environ[cli_local.RECORD] == "/recordings"
