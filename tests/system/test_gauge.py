"""The misspelt replica: it runs, answers whoever asks it, and never takes part. Its master says so within seconds.  [PML §6.3]"""

import asyncio
from pathlib import Path

import gaios
from gaios.client import CellStatus
from gaios.client.aio import Cell
from gaios.server import config, local
from tests.server.parts import free_ports, places
from tests.server.shells import get
from tests.servers import PATIENCE_S
from tests.system.test_lost_disks import Process

MISSPELT = 3


def misspell(cell: local.LocalCell, where: Path) -> Path:
    """The cell's manifest, with a peer address of one replica at which nobody listens."""
    founder = next(each for each in cell.founders if each.id == MISSPELT)
    wrong = f"{config.address(founder.peer)[0]}:{free_ports(1)[0]}"
    where.write_text(cell.manifest.read_text("utf-8").replace(founder.peer, wrong), "utf-8")
    return where


async def test_a_misspelt_replica_raises_an_alarm_although_it_answers(tmp_path: Path) -> None:
    cell = local.create(tmp_path / "cell", places(3))
    wrong = misspell(cell, tmp_path / "wrong.toml")
    processes = [
        await Process.serve(cell.manifest if replica == MISSPELT else wrong, replica, cell.replica_dir(replica)) for replica in cell.ids
    ]
    try:
        async with gaios.connect(cell.endpoints, timeout=PATIENCE_S) as client, asyncio.timeout(PATIENCE_S):
            await client.put("k", b"v")
            told = await status(client, f"replica {MISSPELT} has not followed the master for")
            assert told.tolerates == 0
            assert [row.fit for row in told.replicas] == [True, True, False]
            assert [row.role for row in told.replicas].count("replica") == 2, "it answers"
            assert told.replicas[2].why == ("takes no part yet: 0 of 2 others have recorded its boot",)
            told = await status(client, "refused")  # why its address does not do
            assert told.master is not None
            await check_metrics(cell, told.master)
            said, pipe = b"", processes[told.master - 1].process.stderr
            while b"member_missing" not in said:
                assert pipe is not None
                said = await pipe.readline()
            assert f"peer={MISSPELT}" in said.decode()
    finally:
        for each in processes:
            each.process.kill()
            await each.process.communicate()


async def status(client: Cell, words: str) -> CellStatus:
    """The cell's, once it says that."""
    while words not in (told := await client.status()).why:  # noqa: ASYNC110 (processes have no event)
        await asyncio.sleep(0.1)
    return told


async def check_metrics(cell: local.LocalCell, master: int) -> None:
    """The master's have it, too."""
    admin = next(each.admin for each in cell.founders if each.id == master)
    text = (await get(admin, "/metrics"))[1].decode().splitlines()
    assert "gaios_tolerates 0.0" in text
    assert [line for line in text if line.startswith("gaios_member_fit{")] == [
        f'gaios_member_fit{{peer="{replica}"}} {float(replica != MISSPELT)}' for replica in cell.ids
    ]
