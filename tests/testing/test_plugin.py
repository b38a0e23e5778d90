"""The pytest plugin, as the tests of another project find it: in a process of its own, in a directory of its own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Write a test file, run pytest on it with some arguments; its exit code, and what it printed."""

    def once(text: str, *arguments: str, configuration: str = "") -> tuple[int, str]:
        (tmp_path / "test_it.py").write_text(f"import asyncio\nimport pytest\nimport gaios\n{text}")
        (tmp_path / "pytest.ini").write_text(f"[pytest]\nstrict = true\nfilterwarnings = error\n{configuration}\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return once


SIMPLE = """
async def test_it(gaios_cell):
    async with gaios_cell.connect() as client:
        await client.put("k", "v")
        await asyncio.sleep(100)
        assert type(asyncio.get_running_loop()).__name__ == "SimulatedLoop"
"""


@pytest.mark.parametrize(
    ("arguments", "configuration"),
    [
        ([], "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"),
        ([], "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function"),
        (["-p", "no:asyncio"], ""),
    ],
    ids=["asyncio automatic", "asyncio strict", "no asyncio"],
)
def test_an_async_test_runs_in_its_world_whatever_else_is_installed(run: Run, arguments: list[str], configuration: str) -> None:
    code, told = run(SIMPLE, *arguments, configuration=configuration)
    assert code == 0, told
    assert "1 passed" in told


SEEDED = """
@pytest.mark.gaios(seeds=4, replicas=3)
class TestSeeds:
    @pytest.mark.parametrize("x", ["a b"])
    async def test_it(self, gaios_cell, x, gaios_seed):
        assert len(gaios_cell.replicas) == 3
        assert gaios_cell.seed == gaios_seed
        assert gaios_seed != 2, "two"

    @pytest.mark.gaios(seed=9)
    def test_one(self, gaios_cell):
        assert gaios_cell.seed == 9
"""
QUIET = ("-p", "no:asyncio")


def test_each_seed_is_a_run_and_a_failure_says_how_to_see_it_again(run: Run) -> None:
    code, told = run(SEEDED, *QUIET)
    assert code == 1
    assert "1 failed, 4 passed" in told
    (line,) = [line for line in told.splitlines() if line.startswith("reproduce: ")]
    assert line.startswith("reproduce: pytest 'test_it.py::TestSeeds::test_it[")
    assert line.endswith("]' --gaios-seed 2")
    code, told = run(SEEDED, *QUIET, *shlex.split(line)[2:])
    assert code == 1, told
    assert "1 failed" in told
    assert "passed" not in told


def test_the_command_line_has_the_last_word_on_seeds(run: Run) -> None:
    code, told = run(SEEDED, *QUIET, "--gaios-seeds", "2", "-k", "not test_one")
    assert code == 0, told
    assert "2 passed" in told
    code, told = run(SEEDED, *QUIET, "--gaios-seed", "1", "-k", "not test_one")
    assert code == 0
    assert "1 passed" in told
    code, told = run(SEEDED, *QUIET, "--gaios-seeds", "0")
    assert code != 0
    assert "0 seeds are none" in told


def test_a_mark_that_says_what_nobody_knows_is_refused(run: Run) -> None:
    code, told = run("@pytest.mark.gaios(replica=3)\nasync def test_it(gaios_cell): pass\n", *QUIET)
    assert code != 0
    assert "not ['replica']" in told


def test_a_cell_that_did_wrong_fails_the_test_and_nothing_is_left_open(run: Run) -> None:
    """Tasks, loops and programs that a failing test leaves behind end with it: warnings are errors here."""
    text = """
@pytest.fixture
def unused(gaios_cell):
    return gaios_cell

async def test_it(unused):
    async def program():
        async with unused.connect() as client, client.lock("l"):
            await asyncio.sleep(1_000)
    unused.pause(unused.program(program(), "p"), 400)
    asyncio.create_task(asyncio.sleep(1_000))
    await asyncio.sleep(1)
    raise RuntimeError("its own")

def test_not_run(unused):
    pass
"""
    code, told = run(text, *QUIET)
    assert code == 1
    assert "RuntimeError: its own" in told
    assert "1 failed, 1 passed" in told
    assert "warning" not in told.lower()


def test_loading_the_plugin_loads_no_simulator(run: Run) -> None:
    """Every run of pytest loads it, wherever gaios is installed."""
    text = """
import sys

def test_it():
    assert "gaios.testing.plugin" in sys.modules
    assert not [name for name in sys.modules if name.startswith(("gaios.sim", "gaios.client", "gaios.server"))]
"""
    code, told = run(text, *QUIET)
    assert code == 0, told
