"""The supervisor: real processes started, adopted, restarted, left down.  [INTERFACE `up`, `down`; DESIGN §5]"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gaios import errors
from gaios.server import config, control, local, replacing, supervisor
from gaios.server.supervisor import Supervisor
from tests.server.parts import places
from tests.server.shells import get, quiet, until
from tests.servers import PATIENCE_S


def wait(holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[local.LocalCell]:
    """A cell of three, stopped at the end whatever happened to it."""
    made = local.create(tmp_path / "cell", places(3))
    yield made
    control.stop(made)
    assert not any(control.pid_of(made, replica) for replica in made.ids)


def pids(cell: local.LocalCell) -> dict[int, int]:
    return {replica: control.pid_of(cell, replica) for replica in cell.ids}


def states(cell: local.LocalCell) -> dict[str, str]:
    found: dict[str, str] = control.ask(cell, {"do": "state"})["replicas"]
    return found


def all_run(cell: local.LocalCell) -> bool:
    return all(pids(cell).values())


def kill_until_restarted(cell: local.LocalCell, replica: int) -> None:
    """Whatever was to be started before this one was killed has been started after it."""
    before = pids(cell)[replica]
    os.kill(before, signal.SIGKILL)
    wait(lambda: pids(cell)[replica] not in {0, before})


def test_replicas_are_started_restarted_stopped_and_started_again(cell: local.LocalCell) -> None:
    control.detach(cell)
    wait(lambda: all_run(cell))
    before = pids(cell)
    kill_until_restarted(cell, 2)
    assert control.stop(cell, [3]) == [3]
    assert control.stop(cell, [3]) == []
    assert states(cell)["3"] == "stopped"
    kill_until_restarted(cell, 2)
    assert pids(cell)[3] == 0
    assert control.start(cell, [1, 3]) == [3]
    wait(lambda: all_run(cell))
    assert pids(cell)[1] == before[1]
    assert control.stop(cell) == [1, 2, 3]
    assert not control.is_supervised(cell)
    assert control.stop(cell) == []


def test_replicas_outlive_their_supervisor_and_the_next_one_adopts_them(cell: local.LocalCell) -> None:
    """What `down --replica` stopped stays down, also under the next supervisor."""
    control.detach(cell)
    wait(lambda: all_run(cell))
    control.stop(cell, [1])
    before = pids(cell)
    os.kill(control.ask(cell, {"do": "state"})["supervisor"], signal.SIGKILL)
    wait(lambda: not control.is_supervised(cell))
    assert pids(cell) == before
    control.detach(cell)
    assert states(cell) == {"1": "stopped", "2": "running", "3": "running"}
    assert pids(cell) == before
    kill_until_restarted(cell, 2)
    assert control.stop(cell) == [2, 3]
    control.detach(cell)
    wait(lambda: all_run(cell))


def test_down_works_without_a_supervisor_and_on_paused_replicas(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    control.detach(cell)
    wait(lambda: all_run(cell))
    os.kill(control.ask(cell, {"do": "state"})["supervisor"], signal.SIGKILL)
    wait(lambda: not control.is_supervised(cell))
    os.kill(pids(cell)[1], signal.SIGSTOP)
    assert control.stop(cell, [1]) == [1]
    assert control.stop(cell) == [2, 3]


def test_up_of_one_replica_brings_a_supervisor_that_leaves_the_others_down(cell: local.LocalCell) -> None:
    assert control.start(cell, [2]) == [2]
    wait(lambda: pids(cell)[2])
    kill_until_restarted(cell, 2)
    assert pids(cell)[1] == pids(cell)[3] == 0


def test_a_replica_gets_the_settings_of_whoever_starts_it(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over those of the supervisor, and also when it is started again."""
    monkeypatch.setenv("GAIOS_SCRUB_MIB_S", "3")
    control.detach(cell)
    wait(lambda: all_run(cell))
    asked = {"do": "state"}
    assert control.ask(cell, asked)["settings"]["2"] == {"GAIOS_SCRUB_MIB_S": "3"}
    control.stop(cell, [2])
    monkeypatch.setenv("GAIOS_SCRUB_MIB_S", "4")
    monkeypatch.setenv("GAIOS_LOG_FORMAT", "json")
    assert control.start(cell, [1, 2]) == [2]
    wait(lambda: pids(cell)[2])
    kill_until_restarted(cell, 2)
    told = control.ask(cell, asked)["settings"]
    assert (told["1"], told["2"]) == ({"GAIOS_SCRUB_MIB_S": "3"}, {"GAIOS_SCRUB_MIB_S": "4", "GAIOS_LOG_FORMAT": "json"})
    environment = Path(f"/proc/{pids(cell)[2]}/environ").read_bytes().split(b"\0")
    assert {b"GAIOS_SCRUB_MIB_S=4", b"GAIOS_LOG_FORMAT=json"} <= {*environment}


def test_a_replica_without_its_directory_is_not_started_again(cell: local.LocalCell) -> None:
    """[SAFETY 2]: exit code 4, and a person has to look; the others go on."""
    (cell.replica_dir(2) / "promise-1").unlink()
    (cell.replica_dir(2) / "promise-2").unlink()
    cell.replica_dir(3).rename(cell.dir / "elsewhere")
    control.detach(cell)
    wait(lambda: states(cell)["2"] == "failed")
    assert states(cell) == {"1": "running", "2": "failed", "3": "failed"}
    assert "promise-1" in (cell.replica_dir(2) / "log").read_text()
    failed = control.ask(cell, {"do": "state"})["failed"]
    assert [failed[replica]["code"] for replica in ("2", "3")] == [4, 4]
    assert "promise-1" in failed["2"]["reason"]
    assert str(cell.replica_dir(3)) in failed["3"]["reason"]


def test_a_directory_that_is_back_is_started_and_its_replica_not_replaced(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a disk is mounted late: nobody has to start it, and its member stays."""
    elsewhere = cell.dir / "elsewhere"
    cell.replica_dir(2).rename(elsewhere)
    monkeypatch.setenv(replacing.VARIABLE, "2")
    control.detach(cell)
    wait(lambda: states(cell)["2"] == "failed")
    elsewhere.rename(cell.replica_dir(2))
    wait(lambda: all_run(cell) and "lost_is_back" in (cell.dir / control.LOG).read_text("utf-8"))
    assert local.member_in(cell.replica_dir(2)) == 2
    assert not (cell.dir / "changing-2").exists()


def test_what_the_disk_of_one_replica_refuses_is_nobody_elses_failure(cell: local.LocalCell) -> None:
    """Nor does it keep that replica from being started, stopped and left down: without a log of its own it speaks in the supervisor's."""
    (cell.replica_dir(3) / "log").mkdir()  # where nothing can be appended, as on a file system that is read-only
    for name in ("promise-1", "promise-2"):
        (cell.replica_dir(3) / name).unlink()
    (cell.replica_dir(2) / "log").mkdir()
    control.detach(cell)
    wait(lambda: states(cell) == {"1": "running", "2": "running", "3": "failed"})
    failed = control.ask(cell, {"do": "state"})["failed"]["3"]
    assert failed == {"code": 4, "reason": f"{cell.replica_dir(3) / 'log'}: Is a directory (exit code 4)"}
    said = (cell.dir / control.LOG).read_text()
    assert "promise-1" in said
    assert "Traceback" not in said
    wait(lambda: all(pid for replica, pid in pids(cell).items() if replica != 3))
    assert control.stop(cell, [2, 3]) == [2]
    assert control.start(cell, [2, 3]) == [2, 3]
    wait(lambda: states(cell)["3"] == "failed")
    assert control.stop(cell) == [1, 2]


def test_why_a_replica_ended_whose_directory_was_deleted_is_known(cell: local.LocalCell) -> None:
    """Its log went with it."""
    control.detach(cell)
    asyncio.run(healthy(cell, 2))
    shutil.rmtree(cell.replica_dir(2))
    wait(lambda: states(cell)["2"] == "failed")
    reason = control.ask(cell, {"do": "state"})["failed"]["2"]["reason"]
    assert reason.endswith("this replica stops")
    (line,) = [line for line in (cell.dir / control.LOG).read_text().splitlines() if "replica_failed" in line]
    assert line.endswith(f"see={cell.dir / control.LOG}")
    assert control.stop(cell) == [1, 3]


async def test_a_majority_that_cannot_start_ends_the_wait(cell: local.LocalCell) -> None:
    for replica in (1, 2):
        for name in ("promise-1", "promise-2"):
            (cell.replica_dir(replica) / name).unlink()

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(errors.ReplicaFailed, match=r"2 of 3 .* replica 1: .*promise-1 .*; replica 2: .*promise-1"):
        async with asyncio.timeout(PATIENCE_S):
            await Supervisor(cell, log=quiet()).run(never)
    assert not any(pids(cell).values())


async def test_a_supervisor_whose_cell_was_deleted_ends(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its replicas, and touches nothing of what was put in its place."""
    monkeypatch.setattr(supervisor, "LOOK_S", 0.05)
    running = asyncio.ensure_future(Supervisor(cell, log=quiet()).run())
    async with asyncio.timeout(3 * PATIENCE_S):
        await until(lambda: all_run(cell))
        before = pids(cell)
        cell.dir.rename(cell.dir.with_name("moved"))
        cell.dir.mkdir()
        (cell.dir / control.SOCKET).touch()
        with pytest.raises(errors.ConfigurationError, match="was deleted, moved or replaced"):
            await running
    for pid in before.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert (cell.dir / control.SOCKET).exists()


def test_a_supervisor_whose_files_were_deleted_makes_them_anew(cell: local.LocalCell) -> None:
    """`down` stopped the replicas, said so, and the supervisor, who could not be told, started all of them again."""
    control.detach(cell)
    wait(lambda: all_run(cell))
    for name in (control.SOCKET, control.LOCK):
        (cell.dir / name).unlink()
        wait(lambda name=name: (cell.dir / name).exists())  # type: ignore[misc]
        assert control.is_supervised(cell)
        assert control.stop(cell, [3]) == [3]
        assert states(cell)["3"] == "stopped"
        assert control.start(cell, [3]) == [3]
        wait(lambda: all_run(cell))
    (cell.dir / control.SOCKET).unlink()
    assert control.stop(cell) == [1, 2, 3]
    assert not control.is_supervised(cell)


def test_a_supervisor_that_is_replaced_leaves_the_replicas_to_the_other(cell: local.LocalCell) -> None:
    control.detach(cell)
    wait(lambda: all_run(cell))
    first = control.ask(cell, {"do": "state"})["supervisor"]
    before = pids(cell)
    os.kill(first, signal.SIGSTOP)
    for name in (control.SOCKET, control.LOCK):
        (cell.dir / name).unlink()
    control.detach(cell)
    os.kill(first, signal.SIGCONT)
    wait(lambda: not Path(f"/proc/{first}").exists() or "Z" in Path(f"/proc/{first}/stat").read_text().split()[2])
    assert pids(cell) == before
    assert control.ask(cell, {"do": "state"})["supervisor"] != first


def test_a_down_whose_supervisor_hangs_does_not_say_that_it_is_done(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is paused is found out, and not waited for: an hour would be too long for this test."""
    monkeypatch.setattr(control.ask, "__kwdefaults__", {"timeout_s": 3_600})
    control.detach(cell)
    wait(lambda: all_run(cell))
    hanging = control.ask(cell, {"do": "state"})["supervisor"]
    os.kill(hanging, signal.SIGSTOP)
    try:
        with pytest.raises(errors.Unavailable, match=r"1, 2, 3 stopped; their supervisor .* does not answer") as told:
            control.stop(cell)
        assert "kill -9" in told.value.hint
    finally:
        os.kill(hanging, signal.SIGKILL)
    assert not any(pids(cell).values())


def test_a_down_beside_a_supervisor_that_dies_is_done(cell: local.LocalCell) -> None:
    """Whoever was killed holds its lock a little longer than it answers."""
    held = control.hold(cell)
    with socket.socket(socket.AF_UNIX) as listening, control.socket_path(cell) as path:
        listening.bind(path)
    dying = threading.Timer(0.2, os.close, [held])
    dying.start()
    try:
        assert control.stop(cell) == []
    finally:
        dying.join()


async def test_two_supervisors_of_one_cell_are_one_too_many(cell: local.LocalCell) -> None:
    held = control.hold(cell)
    try:
        with pytest.raises(errors.DirectoryInUse):
            await Supervisor(cell, log=quiet()).run()
    finally:
        os.close(held)


async def healthy(cell: local.LocalCell, replica: int) -> None:
    """Until a replica serves, and so stops cleanly when it is told to."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError):
                if (await get(cell.founders[replica - 1].admin, "/healthz"))[0] == 200:
                    return
            await asyncio.sleep(0.02)


async def test_a_signal_to_up_stops_the_replicas(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STOP_S", PATIENCE_S)
    told = asyncio.Event()

    async def ready() -> None:
        for replica in cell.ids:
            await healthy(cell, replica)
        told.set()

    run = Supervisor(cell, log=quiet())
    running = asyncio.ensure_future(run.run(ready))
    async with asyncio.timeout(3 * PATIENCE_S):
        await told.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert run.signal == signal.SIGTERM
    assert not any(pids(cell).values())
    for replica in cell.ids:
        assert "stopped" in (cell.replica_dir(replica) / "log").read_text().splitlines()[-1]


async def test_an_error_of_what_runs_beside_ends_the_supervision(cell: local.LocalCell) -> None:
    async def ready() -> None:
        raise errors.Unavailable(waited_ms=1, reason="nobody answered")

    with pytest.raises(errors.Unavailable):
        await Supervisor(cell, log=quiet()).run(ready)
    assert not any(pids(cell).values())


async def test_one_replica_in_the_foreground_serves_and_leaves_cleanly(cell: local.LocalCell) -> None:
    """SIGTERM: exit code 0; a second one on the same directory: 2; its port taken: 3; state missing: 4."""
    home = cell.replica_dir(1)
    command = [sys.executable, "-m", "gaios.server", "--config", str(cell.manifest), "--id", "1", "--dir", str(home)]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    async with asyncio.timeout(3 * PATIENCE_S):
        await until(lambda: control.pid_of(cell, 1) == process.pid)
        await healthy(cell, 1)
        second = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        assert (await second.wait(), b"in use" in (await second.communicate())[1]) == (2, True)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    await process.communicate()
    for more, code in ((["--listen-client", cell.founders[1].client], 3), (["--idle", "3"], 2), (["--dir", str(home / "none")], 4)):
        with socket.create_server(config.address(cell.founders[1].client)):
            async with asyncio.timeout(PATIENCE_S):
                process = await asyncio.create_subprocess_exec(*command, *more, stderr=subprocess.PIPE)
                _, said = await process.communicate()
        assert process.returncode == code, said
        assert b"Traceback" not in said
