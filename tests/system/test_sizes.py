"""A cell of real processes grows from one to seven, one member at a time, and shrinks to another one, under load.  [PML §5.4; SAFETY 18]"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaios.server import control, local
from tests.docs.conftest import free_port
from tests.system.test_kill import Writers, check

MOST = 7


async def gaios(*words: str) -> None:
    """One command."""
    process = await asyncio.create_subprocess_exec(str(Path(sys.executable).parent / "gaios"), *words, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError(f"gaios {' '.join(words)} ended with {process.returncode}")


async def resized(cell: local.LocalCell, writers: Writers, turn: int = 0) -> local.LocalCell:
    """One member after the other comes, up to `MOST`, and goes, down to one; `turn` chooses who. After each step writes go on."""
    for what, sizes in (("add", range(2, MOST + 1)), ("remove", range(MOST - 1, 0, -1))):
        for size in sizes:
            gone = [str(cell.ids[turn % len(cell.ids)])] if what == "remove" else []
            began, before = time.monotonic(), writers.counted
            await gaios("member", what, *gone, "--dir", str(cell.dir), "--timeout", "300")
            took_s, counted = time.monotonic() - began, writers.counted - before
            again_s = await writers.go_on()
            cell = local.find(cell.dir) or cell
            assert len(cell.ids) == size
            told = f"{' '.join((what, *gone))}: {size} after {took_s:.1f} s, with {counted} increments"
            print(f"{told}; the next {again_s:.2f} s later", flush=True)
    return cell


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[local.LocalCell]:
    """A supervised cell of one, stopped at the end whatever became of it."""
    made = local.create(tmp_path / "cell", local.founders(1, free_port()))
    control.detach(made)
    yield made
    control.stop(local.find(made.dir) or made)


async def test_from_one_to_seven_and_back_nothing_is_lost_or_done_twice(cell: local.LocalCell) -> None:
    async with Writers(cell) as writers:
        await writers.go_on()
        after = await resized(cell, writers)
    assert after.ids != cell.ids, "another one than the first"
    await check(after, writers)
