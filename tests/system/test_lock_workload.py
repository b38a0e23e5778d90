"""Jepsen's lock workload, in the form that says the same every time; campaigns are `python -m tests.system.lock_workload`'s."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers import PATIENCE_S
from tests.system.lock_workload import ADDERS, FILE, ROOT, STOP, Found, Harbour, judge, run


@contextlib.asynccontextmanager
async def adder(harbour: Harbour, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """An adder whose thinking is done here."""
    words = harbour.adder(name, by_hand=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def has_read(process: asyncio.subprocess.Process) -> None:
    """It holds the lock, has read the file, and thinks."""
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) == b"read\n"


async def goes_on(process: asyncio.subprocess.Process) -> None:
    """It has thought, and writes."""
    assert process.stdin is not None
    process.stdin.write(b"\n")


async def ends(process: asyncio.subprocess.Process) -> None:
    """Its line was acknowledged, and somebody has made the file `stop`."""
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


def whose(line: str) -> str:
    """A line's adder. Its number is above 1 where a slow machine cost an adder its lease before it began."""
    return line.rpartition("-")[0]


async def overtaken(directory: Path, *, fenced: bool) -> Found:
    """The first adder is stopped in its thoughts, until its lease is over and the second has read and written."""
    async with (
        Harbour.open(directory, fenced=fenced, seed=0) as harbour,
        adder(harbour, "first") as first,
        contextlib.AsyncExitStack() as stack,
    ):
        await has_read(first)
        os.kill(first.pid, signal.SIGSTOP)
        second = await stack.enter_async_context(adder(harbour, "second"))
        await has_read(second)
        (directory / STOP).touch()
        await goes_on(second)
        await ends(second)
        assert (directory / FILE).read_text().startswith("second-")
        os.kill(first.pid, signal.SIGCONT)
        await goes_on(first)
        if fenced:  # it is refused, and takes the lock again
            await has_read(first)
            await goes_on(first)
        await ends(first)
        return judge(directory)


async def test_a_holder_that_is_paused_undoes_what_the_next_one_wrote_where_nobody_checks(tmp_path: Path) -> None:
    """The test bites: without fencing an acknowledged line is lost, although the holder looked whether it holds the lock [SAFETY 22]."""
    found = await overtaken(tmp_path, fenced=False)
    assert sorted(map(whose, found.acknowledged)) == ["first", "second"]
    assert list(map(whose, found.lost)) == ["second"]


async def test_a_file_that_checks_sequencers_refuses_it(tmp_path: Path) -> None:
    """[SAFETY 23]"""
    found = await overtaken(tmp_path, fenced=True)
    assert sorted(map(whose, found.acknowledged)) == ["first", "second"]
    assert not found.lost
    assert not found.wrong
    assert found.errors["Fenced"] == 1


@pytest.mark.seeds(1)
async def test_no_acknowledged_line_is_lost_while_everybody_is_paused_cut_off_and_killed(tmp_path: Path, seed: int) -> None:
    found, troubles = await run(tmp_path, fenced=True, seconds=10, seed=seed)
    assert not found.lost
    assert not found.wrong
    assert len({whose(line) for line in found.acknowledged}) >= ADDERS, "each went on once the trouble was over"
    assert troubles


def test_a_judge_sees_what_is_lost_twice_there_from_nobody_and_out_of_order(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("tried a-1\nacknowledged a-1\ntried a-2\nacknowledged a-2\ntried a-3\nFenced a-3\n")
    (tmp_path / FILE).write_text("a-1 0.9\na-1 0.9\nb-1 0.5\n")
    found = judge(tmp_path)
    assert found.acknowledged == ["a-1", "a-2"]
    assert found.lost == ["a-2"]
    assert sorted(found.wrong) == ["a-1 is there 2 times", "b-1 was written by nobody", "sequencers fall"]
    assert found.errors == {"Fenced": 1}
