"""The keeper of one replica: what it does about starts that fail and lives that are short."""

import asyncio
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gaios.server import config, control, local
from gaios.server.keeper import Keeper
from tests.server.parts import places
from tests.server.shells import quiet


@pytest.fixture
def cell(tmp_path: Path) -> local.LocalCell:
    """Of three that nobody starts."""
    return local.create(tmp_path / "cell", places(3))


async def test_a_process_that_cannot_be_made_is_tried_again(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    def popen(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", popen)
    changes: list[str] = []
    keeper = Keeper(cell, 1, lambda: changes.append("changed"), quiet())
    keeper.begin()
    assert (keeper.state, keeper.code, changes) == ("waiting", 3, ["changed"])
    assert os.strerror(errno.EAGAIN) in keeper.reason
    keeper.leave()


async def test_a_disk_that_does_not_let_itself_be_looked_at_fails_its_own_replica(
    cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = cell.replica_dir(2)
    look = os.stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        if broken in {path, path.parent}:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return look(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    keeper = Keeper(cell, 2, lambda: None, quiet())
    keeper.begin()
    assert (keeper.state, keeper.code, keeper.reason) == ("failed", 4, f"{broken}: Input/output error")


async def test_one_that_is_about_to_stop_is_not_adopted(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`down`, and a change of the members meanwhile: it was watched twice, and its end was told without end."""
    made: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen
    slow = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.1), sys.exit(0))); print(flush=True); time.sleep(20)"

    def make(*_: object, **__: object) -> "subprocess.Popen[bytes]":
        made.append(popen([sys.executable, "-c", slow], stdout=subprocess.PIPE))
        assert made[-1].stdout is not None
        made[-1].stdout.readline()
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", make)
    monkeypatch.setattr(control, "pid_of", lambda *_: made[-1].pid if made and made[-1].poll() is None else 0)
    ended, changes = asyncio.Event(), []

    def changed() -> None:
        changes.append("changed")
        ended.set()

    keeper = Keeper(cell, 1, changed, quiet())
    keeper.begin()
    assert keeper.stop()
    keeper.begin()
    assert keeper.state == "stopping"
    await asyncio.wait_for(ended.wait(), 10)
    await asyncio.sleep(0.05)
    assert (keeper.state, changes, len(made)) == ("stopped", ["changed"], 1)
    made[0].communicate()


async def test_where_a_log_takes_nothing_any_more_that_is_said_instead_of_its_last_words(
    cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(cell, 2, lambda: None, quiet())
    path, keeper.code = cell.replica_dir(2) / "log", 4
    keeper._open_log(path)
    assert keeper._last_words() == ("exit code 4", "")
    monkeypatch.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, os.strerror(errno.EROFS))))
    assert keeper._last_words() == (f"{path}: Read-only file system (exit code 4)", "")
    keeper.leave()


def test_early_deaths_are_answered_later_and_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """0.2 s, twice as late each time up to 2 s; after a life of ten seconds 0.2 s again."""
    delays: list[float] = []

    class Loop:
        def call_later(self, delay: float, *_: object) -> None:
            delays.append(delay)

    now = [100.0]
    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    cell = local.LocalCell(tmp_path, config.Cell(id="a" * 32), places(1))
    keeper = Keeper(cell, 1, lambda: None, quiet())
    for lived in (1, 1, 1, 1, 1, 1, 10, 1):
        keeper.state, keeper._began = "running", now[0]
        now[0] += lived
        keeper._ended()
    assert delays == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 0.2, 0.4]


def test_lost_is_whose_state_is_lost_and_whose_directory_was_deleted_in_use(cell: local.LocalCell) -> None:
    """A disk that failed is for a person to look at, and a version that is too old lost nothing."""
    keeper = Keeper(cell, 2, lambda: None, quiet())
    keeper.state = "failed"
    lost = {}
    for error in ("StateMissing", "StateLost", "StateDamaged", "DiskFailed", "TooOld", "InvariantViolated", "ConfigurationError", ""):
        keeper.error = error
        lost[error] = keeper.is_lost
    assert [error for error, is_lost in lost.items() if is_lost] == ["StateMissing", "StateLost", "StateDamaged"]
    keeper.error = "StateLost"
    assert not keeper.is_lost_by_itself, "the peers who know may be down at another start"
    keeper.error = "DiskFailed"
    cell.replica_dir(2).rename(cell.dir / "elsewhere")
    assert keeper.is_lost
    keeper.state = "stopped"
    assert not keeper.is_lost
