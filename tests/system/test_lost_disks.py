"""Directories of a running cell that are wiped, cloned, put back and rolled back: each is recognised, none votes, nothing is lost.

[SAFETY 2, 3, 8]
"""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gaios.client import connect
from gaios.errors import Error
from gaios.server import config, control, local
from tests.server.parts import free_ports, places
from tests.server.shells import get
from tests.servers import PATIENCE_S
from tests.system.test_kill import Writers, kill, master

REFUSED = 4
TOLD_S = 1.0
"""Meanwhile a master has told the others what it acknowledged itself, were the victim one after all: it does so every `mark_ms`."""


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[local.LocalCell]:
    """A supervised cell of five, stopped at the end whatever happened to it."""
    made = local.create(tmp_path / "cell", places(5))
    control.detach(made)
    yield made
    control.stop(made)


class Process:
    """A replica that nobody supervises."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def serve(cls, manifest: Path, replica: int, where: Path) -> "Process":
        told = ("--config", str(manifest), "--id", str(replica), "--dir", str(where))
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(sys.executable, "-P", "-m", "gaios.server", *told, stdout=pipe, stderr=pipe))

    async def refused(self) -> str:
        """It stops, with exit code 4; what it says."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = b"".join(await self.process.communicate()).decode()
        finally:
            if self.process.returncode is None:
                self.process.kill()
        assert self.process.returncode == REFUSED, said
        return said


async def follower(cell: local.LocalCell) -> int:
    """Some replica that is not the master."""
    return await master(cell) % 5 + 1


async def votes(cell: local.LocalCell, replica: int) -> None:
    """Until its boot is registered with a majority of the others."""
    admin = next(each.admin for each in cell.founders if each.id == replica)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                if not msgspec.json.decode((await get(admin, "/status"))[1])["why"]:
                    return
            await asyncio.sleep(0.05)


def elsewhere(cell: local.LocalCell, replica: int, where: Path) -> Path:
    """The cell's manifest, with other addresses for this replica: so its second process can listen on this machine."""
    founder = next(each for each in cell.founders if each.id == replica)
    text = cell.manifest.read_text("utf-8")
    for address, port in zip((founder.client, founder.peer, founder.admin), free_ports(3), strict=True):
        text = text.replace(address, f"{config.address(address)[0]}:{port}")
    where.write_text(text, "utf-8")
    return where


@pytest.mark.timeout(300)
async def test_a_wiped_directory_is_not_started_empty(cell: local.LocalCell) -> None:
    async with Writers(cell) as writers:
        await writers.go_on()
        victim = await follower(cell)
        control.stop(cell, [victim])
        shutil.rmtree(cell.replica_dir(victim))
        said = await (await Process.serve(cell.manifest, victim, cell.replica_dir(victim))).refused()
        assert "StateMissing" in said or "is missing" in said
        assert str(cell.replica_dir(victim)) in said
        await writers.go_on()


@pytest.mark.timeout(300)
async def test_directories_that_are_deleted_in_use_are_replaced_by_new_members_by_itself(tmp_path: Path) -> None:
    """Two of five at once, the master's among them; the two new members vote, and nothing is lost."""
    cell = local.create(tmp_path / "cell", places(5))
    up = (sys.executable, "-P", "-m", "gaios", "up", "--dir", str(cell.dir), "--detach", "--replace-lost", "1")
    assert await (await asyncio.create_subprocess_exec(*up, stdout=asyncio.subprocess.DEVNULL)).wait() == 0
    try:
        async with Writers(cell) as writers:
            await writers.go_on()
            victims = {await master(cell), await follower(cell)}
            for victim in victims:
                shutil.rmtree(cell.replica_dir(victim))
            async with asyncio.timeout(4 * PATIENCE_S), connect(cell.endpoints) as connected:
                while True:
                    with contextlib.suppress(Error):
                        voting = {each.id: each.member for each in (await connected.members()).members if each.votes}
                        if {*voting} == {*cell.ids} and all(voting[victim] != victim for victim in victims):
                            break
                    await asyncio.sleep(0.1)
            await writers.go_on()
    finally:
        control.stop(local.find(cell.dir) or cell)


@pytest.mark.timeout(300)
async def test_an_older_copy_is_refused_each_time_that_it_is_started(cell: local.LocalCell, tmp_path: Path) -> None:
    async with Writers(cell) as writers:
        await writers.go_on()
        victim = await follower(cell)
        where = cell.replica_dir(victim)
        control.stop(cell, [victim])
        shutil.copytree(where, tmp_path / "kept")
        for _ in range(2):
            control.start(cell, [victim])
            await votes(cell, victim)
            control.stop(cell, [victim])
        shutil.rmtree(where)
        shutil.copytree(tmp_path / "kept", where)
        for _ in range(3):
            said = await (await Process.serve(cell.manifest, victim, where)).refused()
            assert "copy" in said
            assert str(where) in said
        await writers.go_on()


@pytest.mark.timeout(300)
async def test_what_a_replica_acknowledged_after_a_copy_was_taken_shows_that_it_was_rolled_back(
    cell: local.LocalCell, tmp_path: Path
) -> None:
    """Within one boot: `cp -a` of a running directory, run on, restore."""
    async with Writers(cell) as writers:
        await writers.go_on()
        victim = await follower(cell)
        where = cell.replica_dir(victim)
        shutil.copytree(where, tmp_path / "kept")
        await writers.go_on()
        await asyncio.sleep(TOLD_S)
        kill(cell, victim)
        control.stop(cell, [victim])
        shutil.rmtree(where)
        shutil.copytree(tmp_path / "kept", where)
        said = await (await Process.serve(cell.manifest, victim, where)).refused()
        assert "rolled back" in said or "copy" in said
        await writers.go_on()


@pytest.mark.timeout(300)
async def test_of_two_processes_on_two_copies_the_one_that_others_recorded_goes_on(cell: local.LocalCell, tmp_path: Path) -> None:
    """Both begin the same boot, each with a nonce of its own; the clone has other addresses. However often it is started, it stops."""
    async with Writers(cell) as writers:
        await writers.go_on()
        victim = await follower(cell)
        where, clone = cell.replica_dir(victim), tmp_path / "clone"
        control.stop(cell, [victim])
        shutil.copytree(where, clone)
        original = await Process.serve(cell.manifest, victim, where)
        try:
            await votes(cell, victim)
            for _ in range(2):
                second = await Process.serve(elsewhere(cell, victim, tmp_path / "clone.toml"), victim, clone)
                said = await second.refused()
                assert str(clone) in said
                assert "copy of" in said or "was seen" in said or "another directory" in said, said
            await writers.go_on()
            assert original.process.returncode is None
            await votes(cell, victim)
        finally:
            with contextlib.suppress(ProcessLookupError):
                original.process.kill()
            await original.process.communicate()
