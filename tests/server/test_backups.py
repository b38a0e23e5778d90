"""A master backs up in time, once, and says what went wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gaios.backup.save import save
from gaios.backup.stores import DirectoryStore
from gaios.server import backups
from gaios.server.backups import Backups
from gaios.server.config import Backup
from gaios.server.logs import Logger
from tests.backup.parts import NOW_MS, OFTEN, Living, head_of
from tests.servers import until

EVERY_S = 86_400


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A replica's directory."""
    living = Living(OFTEN)
    living.put(30)
    return living.write(tmp_path / "replica")


class Master:
    """Whether it is."""

    def __init__(self) -> None:
        self.serves = True

    def __call__(self) -> bool:
        return self.serves


@pytest.fixture
async def made(tmp_path: Path, where: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Backups, Master]]:
    """What makes backups for a master."""
    monkeypatch.setattr(backups, "LOOK_S", 0.01)
    master = Master()
    settings = Backup(url=(tmp_path / "store").as_uri(), every_s=EVERY_S)
    found = Backups(settings, str(where), master, Logger(level="error"))
    yield found, master
    await found.stop()


async def test_a_master_makes_one_and_no_second_before_its_time(made: tuple[Backups, Master], tmp_path: Path) -> None:
    """Status tells of it; a new reign finds that it is young."""
    found, master = made
    found.start()
    await until(lambda: found.made)
    entry = head_of(DirectoryStore(tmp_path / "store")).backups[-1]
    assert (found.facts["id"], found.facts["slot"], found.facts["problem"]) == (entry.id, entry.slot, "")
    found.facts["id"] = None
    master.serves = False
    await asyncio.sleep(0.1)
    master.serves = True
    await until(lambda: found.facts["id"] == entry.id)
    assert (found.made, found.failed) == (1, 0)


async def test_who_is_no_master_makes_none(made: tuple[Backups, Master], tmp_path: Path) -> None:
    """It does not even look."""
    found, master = made
    master.serves = False
    found.start()
    await asyncio.sleep(0.2)
    assert (found.made, found.facts["id"]) == (0, None)
    assert not (tmp_path / "store").exists()


async def test_an_old_backup_has_a_successor(made: tuple[Backups, Master], tmp_path: Path, where: Path) -> None:
    """Or, where nothing is new, stays the newest."""
    found, _ = made
    saved = save(DirectoryStore(tmp_path / "store"), where, now_ms=NOW_MS)
    found.start()
    await until(lambda: found.facts["id"])
    assert (found.facts["id"], found.made) == (saved.entry.id, 0)


async def test_a_failure_is_told_until_one_succeeds(made: tuple[Backups, Master], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And tried again."""
    monkeypatch.setattr(backups, "RETRY_S", 0.05)
    found, _ = made
    (tmp_path / "store").write_bytes(b"a file, where a directory should be")
    found.start()
    await until(lambda: found.failed)
    assert "the last backup failed: cannot" in found.facts["problem"]
    (tmp_path / "store").unlink()
    await until(lambda: found.made)
    assert found.facts["problem"] == ""


async def test_a_process_that_breaks_is_a_failure(made: tuple[Backups, Master], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it leaves behind."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    found, _ = made
    found.start()
    await until(lambda: found.failed)
    assert "ended with 1" in found.facts["problem"]


async def test_one_that_hangs_is_ended(made: tuple[Backups, Master], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a stop does not wait for it."""
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    found, _ = made
    answer = await found._ask(0.2)
    assert "did not end within" in answer["reason"]
    found.start()
    await asyncio.sleep(0.2)
    await found.stop()
