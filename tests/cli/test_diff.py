"""diff names the first slot where two replicas part, and the keys that differ.  [PML §6.2; SAFETY 25]"""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gaios import api
from gaios.backup.history import History
from gaios.cli.run import run
from gaios.server import evidence
from gaios.server.replica import Replica
from gaios.storage.disk import Directory
from tests.server.shells import FAST, lines, make, master_of, running, until

PUT = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))


async def diff(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, bytes, str]:
    """The command, in a thread, so that the replicas of this process can answer it."""
    capfdbinary.readouterr()
    code = await asyncio.to_thread(run, ["diff", *arguments])
    out, err = capfdbinary.readouterr()
    return code, out, err.decode()


def odd_one(replicas: list[Replica], master: Replica) -> Replica:
    return next(replica for replica in replicas if replica is not master)


def store(replica: Replica) -> Any:
    machine: Any = replica.node.replica.applier.machine
    return machine.database._store


def marked(directory: Path) -> int:
    with closing(Directory(directory)) as reader:
        return History(reader, str(directory)).reach().chosen


async def test_a_wrong_database_is_found_kept_rebuilt_and_compared(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    settings = make(tmp_path, 3, log=replace(FAST, check_ms=100))
    async with running(*settings) as replicas:
        master = await master_of(replicas)
        odd = odd_one(replicas, master)
        await master.submit(PUT)
        await until(lambda: odd.node.replica.applied == master.node.replica.applied)
        store(odd).put(b"stray", b"nobody put it")
        await master.submit(PUT)
        await until(lambda: odd.node.replica.doubt.quarantines == 1 and odd.node.replica.doubt.may_serve)
        await until(lambda: "evidence_kept" in lines(odd))
        assert "quarantined" in lines(odd)
        assert "quarantine_left" in lines(odd)
        assert odd.status()["repairing"] is False
        assert b"gaios_quarantines_total 1.0" in odd.render_metrics()
        assert store(odd).total == store(master).total

        directory = Path(odd.settings.dir)
        (path,) = (directory / evidence.DIRECTORY).iterdir()
        # What is chosen is marked so in the log a little later.
        await until(lambda: marked(Path(master.settings.dir)) >= odd.node.replica.applied)
        code, out, err = await diff(capfdbinary, str(path), master.settings.dir, "--json")
        assert code == 1, err
        told = json.loads(out)
        assert told["keys_differ"] == 2  # the stray one, and k, whose later revision it moved
        assert {"key": "stray", "one": {"value": "nobody put it", "mod_revision": 3}, "other": None} in told["keys"]
        assert told["logs_differ"] is False
        assert told["slot"] == told["differ"] or told["agree"] < told["slot"] <= told["differ"]
        assert any("put k=v" in entries for entries in told["entries"] if entries)
        code, out, _ = await diff(capfdbinary, str(path), master.settings.dir)
        assert code == 1
        assert b"stray: nobody put it (revision 3) | absent" in out

        code, out, err = await diff(capfdbinary, odd.settings.me.admin, master.settings.me.admin, "--json")
        assert code == 0, err
        assert json.loads(out)["keys"] is None
        code, out, _ = await diff(capfdbinary, odd.settings.me.admin, master.settings.dir)
        assert code == 0
        assert b"they agree through slot" in out
    code, out, _ = await diff(capfdbinary, settings[0].dir, settings[1].dir)
    assert code == 0
    assert b"0 keys differ" in out


async def test_logs_that_differ_are_compared_to_the_first_slot(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Two cells, that have nothing to do with each other: their logs part at once."""
    dirs = []
    for name in ("one", "other"):
        (settings,) = make(tmp_path / name)
        async with running(settings) as (replica,):
            await master_of([replica])
            await replica.submit(PUT if name == "one" else api.encode(api.MultiOp(then=(api.Put(b"k", b"w"),))))
        dirs.append(settings.dir)
    code, out, _ = await diff(capfdbinary, *dirs, "--json")
    told = json.loads(out)
    assert code == 1
    assert told["logs_differ"] is True
    assert (told["agree"], told["differ"], told["slot"]) == (0, 1, 1)
    code, out, _ = await diff(capfdbinary, *dirs)
    assert b"behind slot 1 other values were chosen" in out


async def test_what_cannot_be_compared_is_2(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"nothing")
    for argument in ("nonsense", str(tmp_path / "empty")):
        code, _, err = await diff(capfdbinary, argument, str(tmp_path / "empty"))
        assert code == 2, err
    code, _, err = await diff(capfdbinary, str(tmp_path / "file"), str(tmp_path / "file"))
    assert code == 3
    assert "not a file of evidence" in err


async def test_a_port_that_is_no_admin_port_is_told_to_be_none(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A client's port answers as well, and not in HTTP."""
    (settings,) = make(tmp_path)
    async with running(settings) as (replica,):
        await master_of([replica])
        code, _, err = await diff(capfdbinary, settings.me.client, settings.me.admin)
    assert code == 3
    assert f"{settings.me.client} is no replica's admin port (gaios status shows each replica's admin port)" in err


async def test_who_does_not_answer_is_3(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, _, err = await diff(capfdbinary, "127.0.0.1:1", "127.0.0.1:1")
    assert code == 3
    assert "127.0.0.1:1" in err
