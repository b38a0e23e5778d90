"""Full, failing, slow and vanished disks under real processes.  [SAFETY 5, 7, 9, 28]"""

import asyncio
import errno
import shutil
from pathlib import Path
from typing import Any

import msgspec

import gaios
from gaios import errors
from gaios.client import Cell
from gaios.server import control, failures
from gaios.server.local import LocalCell
from tests.server.shells import get, until
from tests.servers import PATIENCE_S
from tests.system.faulty import Fault, faulty_cell

VALUE = bytes(200_000)


async def put_until_refused(client: Cell, written: dict[bytes, bytes]) -> errors.DiskFull:
    """Write until the cell says that there is no room."""
    async with asyncio.timeout(PATIENCE_S):
        for number in range(10_000):
            key = b"k%d" % number
            try:
                await client.put(key, VALUE)
            except errors.DiskFull as error:
                return error
            written[key] = VALUE
            await asyncio.sleep(0.01)
    raise AssertionError("nothing was refused")


async def facts(cell: LocalCell, replica: int) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((await get(cell.founders[replica - 1].admin, "/status"))[1])
    return found


async def master_of(client: Cell) -> int:
    """Once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while not (told := await client.status()).master:  # noqa: ASYNC110 (processes have no event)
            await asyncio.sleep(0.05)
    return int(told.master)


def failed(cell: LocalCell) -> dict[int, failures.Failure]:
    told = failures.ask(cell)
    assert told is not None
    return told.failures


async def test_when_all_disks_are_full_the_cell_goes_on_and_recovers_by_itself(tmp_path: Path) -> None:
    """What grows is refused, for certain; reads, sessions, deletes and compactions go on; nothing that was acknowledged is lost."""
    written: dict[bytes, bytes] = {}
    with faulty_cell(tmp_path) as (cell, faults):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            await client.put("before", b"1")
            async with client.session(lease=5) as session, session.lock("job") as held:
                faults.set(Fault.FULL, errno.ENOSPC, *cell.ids)
                refused = await put_until_refused(client, written)
                assert refused.definite
                for replica in cell.ids:
                    assert "is full" in " ".join((await facts(cell, replica))["why"])
                assert (await client.get("before")).value == b"1"  # type: ignore[union-attr]
                gone = written.popitem()[0]
                assert (await client.delete(gone)).deleted == 1
                await client.compact((await client.delete("absent")).revision)
                await asyncio.sleep(6)
                held.check()
                faults.set(Fault.FULL, 0, *cell.ids)
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        try:
                            await client.put("after", b"2")
                            break
                        except errors.DiskFull:
                            await asyncio.sleep(0.1)
                held.check()
            await until(lambda: not failed(cell))
            found = {entry.key: entry.value for entry in await client.range(prefix="k")}
            assert found == written


async def test_one_full_disk_is_not_noticed_and_is_no_masters(tmp_path: Path) -> None:
    """The master hands over to a replica with room, and the cell does not stop."""
    with faulty_cell(tmp_path) as (cell, faults):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            await client.put("k", b"1")
            first = await master_of(client)
            faults.set(Fault.FULL, errno.ENOSPC, first)
            for number in range(100):
                await client.put(b"k%d" % number, VALUE)
            await until_async(client.status, lambda told: told.master not in {None, first})
            assert failed(cell) == {}
            faults.set(Fault.FULL, 0, first)
            await until_async(lambda: facts(cell, first), lambda found: not found["why"] and found["applied"] >= 100)


async def test_a_failed_sync_stops_the_replica_for_good_and_loses_nothing(tmp_path: Path) -> None:
    """Exit code 4, not started again by itself; started by an operator it has everything again."""
    with faulty_cell(tmp_path) as (cell, faults):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            for number in range(20):
                await client.put(b"k%d" % number, b"%d" % number)
            first = await master_of(client)
            faults.set(Fault.SYNC, errno.EIO, first)
            for number in range(20, 40):
                await client.put(b"k%d" % number, b"%d" % number)
            await until(lambda: failed(cell))
            assert failed(cell)[first].code == 4
            assert "Input/output error" in failed(cell)[first].reason
            faults.set(Fault.SYNC, 0, first)
            await asyncio.sleep(1)
            assert not control.pid_of(cell, first), "nobody starts it again by himself"
            control.start(cell, [first])
            other = next(replica for replica in cell.ids if replica != first)
            control.stop(cell, [other])
            found = {entry.key: entry.value for entry in await client.range(prefix="k")}
            assert found == {b"k%d" % number: b"%d" % number for number in range(40)}


async def test_a_file_system_that_turns_read_only_stops_the_replica(tmp_path: Path) -> None:
    with faulty_cell(tmp_path) as (cell, faults):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            await client.put("k", b"1")
            first = await master_of(client)
            faults.set(Fault.WRITE, errno.EROFS, first)
            await client.put("k", b"2")
            await until(lambda: failed(cell))
            assert failed(cell)[first].code == 4
            assert "Read-only file system" in failed(cell)[first].reason


async def test_a_directory_that_is_deleted_under_an_idle_replica_is_noticed(tmp_path: Path) -> None:
    with faulty_cell(tmp_path) as (cell, _):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            await client.put("k", b"1")
            shutil.move(cell.replica_dir(2), tmp_path / "elsewhere")
            await until(lambda: failed(cell))
            assert failed(cell)[2].code == 4
            assert (await client.get("k")).value == b"1"  # type: ignore[union-attr]


async def test_a_slow_disk_is_no_masters(tmp_path: Path) -> None:
    """Among quick ones: the master hands over before anybody waits for it, and does not take it back."""
    with faulty_cell(tmp_path) as (cell, faults):
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            await client.put("k", b"1")
            first = await master_of(client)
            faults.set(Fault.DELAY, 150_000, first)
            async with asyncio.timeout(PATIENCE_S):
                while await master_of(client) == first:
                    await client.put("k", b"2")
            for number in range(100):
                await client.put("k", b"%d" % number)
            assert await master_of(client) != first
            assert failed(cell) == {}


async def until_async(ask: Any, holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(await ask()):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.1)
