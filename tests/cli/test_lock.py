"""lock runs a command while it holds a lock, and ends it when the lock is lost.  [INTERFACE `lock`]"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import gaios
from gaios.cli import lock
from gaios.cli.lock import end, run
from gaios.client.held import Held
from gaios.client.sync import connect
from gaios.errors import LockLost
from tests.cli.conftest import Done
from tests.client.cellar import Cellar, wait
from tests.client.clocks import Clock, ring
from tests.servers import PATIENCE_S

Cli = Callable[..., Done]
SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('up', 'w').close(); time.sleep(600)",
)


def test_the_command_finds_its_sequencer_and_its_code_comes_back(cellar: Cellar, cli: Cli) -> None:
    done = cli("lock", "job", "--", "sh", "-c", "echo $GAIOS_SEQUENCER; exit 7")
    assert done.code == 7
    generation, _, revision = done.out.decode().strip().partition(".")
    assert generation == "0"
    assert int(revision) > 0
    with connect(cellar.fake.endpoints) as cell:
        assert not cell.check(done.out.decode().strip(), "job")


def test_it_is_held_while_the_command_runs(cellar: Cellar, cli: Cli) -> None:
    tried = f"{Path(sys.executable).with_name('gaios')} lock job --wait 0 -- true; echo $?"
    done = cli("lock", "job", "--", "sh", "-c", tried)
    assert (done.code, done.out) == (0, b"124\n")
    assert "is not free" in done.err


def test_what_is_not_free_in_time_is_124(cellar: Cellar, cli: Cli) -> None:
    with connect(cellar.fake.endpoints) as cell, cell.lock("job", shared=True):
        for wait_s in ("0", "0.1"):
            done = cli("lock", "job", "--wait", wait_s, "--json", "--", "false")
            assert (done.code, done.out, done.error["type"]) == (124, b"", "NotAcquired")
        assert cli("lock", "job", "--shared", "--wait", "0", "--", "true").code == 0


def test_where_there_is_no_cell_it_is_125(cli: Cli, cellar: Cellar) -> None:
    done = cli("lock", "job", "--endpoints", "127.0.0.1:1", "--timeout", "0.2", "--json", "--", "true")
    assert (done.code, done.error["type"]) == (125, "Unavailable")


@pytest.mark.parametrize("words", [("job",), ("job", "--"), ("/job", "--", "true"), ("job", "--wait", "-1", "--", "true"), ()], ids=str)
def test_wrong_usage_is_2(cli: Cli, cellar: Cellar, words: tuple[str, ...]) -> None:
    done = cli("lock", *words)
    assert (done.code, done.out) == (2, b"")
    assert done.err


def test_a_command_that_cannot_be_started_is_126_or_127(cli: Cli, cellar: Cellar, tmp_path: Path) -> None:
    """As in a shell."""
    done = cli("lock", "job", "--", "no-such-command-anywhere")
    assert (done.code, done.err) == (127, "gaios: no-such-command-anywhere: not found\n")
    plain = tmp_path / "plain"
    plain.write_text("")
    done = cli("lock", "job", "--", str(plain))
    assert done.code == 126
    assert done.err.endswith("permission denied\n")


def test_a_command_that_a_signal_ends_is_128_and_its_number(cli: Cli, cellar: Cellar) -> None:
    assert cli("lock", "job", "--", "sh", "-c", "kill -9 $$").code == 128 + signal.SIGKILL


def test_words_behind_the_dashes_are_the_commands(cli: Cli, cellar: Cellar) -> None:
    done = cli("lock", "job", "--", "echo", "--json", "-", "--wait")
    assert (done.code, done.out) == (0, b"--json - --wait\n")


def test_a_signal_to_end_is_handed_on(cli: Cli, cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is held until the command has ended, by what it makes of it."""
    wanted = "trap 'echo ended; exit 3' TERM; echo up >&2; while :; do sleep 0.05; done"
    index = cellar.fake.machine._index
    shell = ("sh", "-c", wanted)

    def kill_when_held() -> None:
        wait(lambda: "/locks/job" in index.nodes and index.nodes["/locks/job"].holders)
        wait(lambda: signal.getsignal(signal.SIGTERM) not in {signal.SIG_DFL, None})
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(lock, "_HANDED_ON", (signal.SIGTERM,))
    killer = threading.Thread(target=kill_when_held)
    killer.start()
    done = cli("lock", "job", "--", *shell)
    killer.join(PATIENCE_S)
    assert done.code in {3, 128 + signal.SIGTERM}  # before or after the shell had set its trap


async def test_a_command_whose_lock_is_lost_is_ended(cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 22]"""
    clock = Clock(monkeypatch)
    ended: list[int] = []

    async def noted(process: asyncio.subprocess.Process) -> None:
        await end(process)
        ended.append(process.returncode or 0)

    monkeypatch.setattr(lock, "end", noted)
    async with gaios.connect(cellar.fake.endpoints) as cell:

        async def hold() -> None:
            async with cell.lock("job") as held:
                started.append(held)
                await run(SLEEPER, held)

        started: list[Held] = []
        holding = asyncio.ensure_future(hold())
        while not started:  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0.005)
        clock.sleep(13)
        ring(cell)
        with pytest.raises(LockLost):
            await asyncio.wait_for(holding, PATIENCE_S)
    # Cancelled before it was there, it was not started.
    assert ended in ([], [-signal.SIGTERM])


async def test_a_command_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "KILL_AFTER_S", 0.1)
    process = await asyncio.create_subprocess_exec(*STUBBORN, cwd=tmp_path)
    async with asyncio.timeout(PATIENCE_S):
        while not (tmp_path / "up").exists():  # noqa: ASYNC110 (another process makes it)
            await asyncio.sleep(0.01)
        await end(process)
    assert process.returncode == -signal.SIGKILL
    await end(process)
