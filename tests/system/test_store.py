"""Real processes whose snapshots rot, all of them: the cell goes on from its store of backups.  [PML §5.5; SAFETY 15, 26]"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

import gaios
from gaios.backup.stores import DirectoryStore
from gaios.backup.supply import Supply
from gaios.errors import Error
from gaios.server import control, local
from gaios.storage.snapshot import slots
from tests.server.parts import places
from tests.server.shells import get
from tests.servers import PATIENCE_S

SETTINGS = {"LOG_SNAPSHOT_SLOTS": "30", "LOG_SNAPSHOT_STAGGER_MS": "10", "LOG_KEEP_BYTES": "1", "SEGMENT_MIB": "1", "BACKUP_EVERY_S": "1"}


def kept(cell: local.LocalCell) -> list[list[int]]:
    """The slots of the snapshots of each replica."""
    return [slots([f"snap/{path.name}" for path in (cell.dir / f"replica-{replica}/snap").iterdir()]) for replica in cell.ids]


def is_backed_up(store: DirectoryStore, cell: local.LocalCell) -> bool:
    """Whether all have given up the beginning of the log, and a backup begins with the newest snapshot of all."""
    found = kept(cell)
    if not all(len(each) == 2 and each == found[0] for each in found):
        return False
    try:
        return Supply(store, cell.cell.id).newest(found[0][-1]) is not None
    except Error:
        return False


async def facts(cell: local.LocalCell, replica: int) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((await get(cell.founders[replica - 1].admin, "/status"))[1])
    return found


async def test_a_cell_whose_snapshots_all_rotted_heals_from_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No peer has one, and the log begins behind them. Nothing that was acknowledged is lost; status and events say where it came from."""
    monkeypatch.setenv("GAIOS_BACKUP_URL", (tmp_path / "store").as_uri())
    for name, setting in SETTINGS.items():
        monkeypatch.setenv(f"GAIOS_{name}", setting)
    cell, store = local.create(tmp_path / "cell", places(3)), DirectoryStore(tmp_path / "store")
    written = {b"k%d" % number: b"%d" % number for number in range(100)}
    control.detach(cell)
    try:
        async with gaios.connect(cell.endpoints, timeout=60) as client, asyncio.timeout(PATIENCE_S):
            for key, value in written.items():
                await client.put(key, value)
            while not is_backed_up(store, cell):  # noqa: ASYNC110 (processes have no event)
                await asyncio.sleep(0.2)
        control.stop(cell)
        for path in cell.dir.glob("replica-*/snap/*"):
            rotten = bytearray(path.read_bytes())
            rotten[100] ^= 255
            path.write_bytes(rotten)
        control.detach(cell)
        async with gaios.connect(cell.endpoints, timeout=60) as client:
            found = {entry.key: entry.value for entry in await client.range(prefix="k")}
            assert found == written
            await client.put("after", b"1")
        told = [(await facts(cell, replica))["fetched"] for replica in cell.ids]
        assert any(each is not None and each["store"] > 0 for each in told)
    finally:
        control.stop(cell)
    lines = "".join((cell.dir / f"replica-{replica}/log").read_text() for replica in cell.ids)
    assert "snapshot_fetched" in lines
    assert "parts_from_store=2" in lines
