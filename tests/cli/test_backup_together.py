"""A cell is lost with all its disks, and made anew from its backup: with real processes, on the same ports."""

import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import gaios.sync
from gaios.errors import Error
from tests.cli.test_end_to_end_together import Place

REPLICAS = 3


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "cell")
    ends = [f"127.0.0.1:{made.port + offset}" for offset in range(REPLICAS)]
    made.environment["GAIOS_ENDPOINTS"] = ",".join(ends)
    yield made
    for each in ("cell", "new"):
        made.run("down", "--dir", str(tmp_path / each))


def sequencer(place: Place) -> tuple[int, int]:
    """Of a grant that somebody gets now."""
    done = place.run("lock", "job", "--wait", "60", "--", sys.executable, "-c", "import os; print(os.environ['GAIOS_SEQUENCER'])")
    assert done.code == 0, done.err
    generation, _, revision = done.out.strip().partition(".")
    return int(generation), int(revision)


def test_a_lost_cell_comes_back_as_a_new_one(place: Place, tmp_path: Path) -> None:
    """[SAFETY 2, 23] With all that its backup had; sequencers are above all old ones, and clients of the old cell are told."""
    url = (tmp_path / "store").as_uri()
    ports = ("--replicas", str(REPLICAS), "--port", str(place.port))
    assert place.run("up", "--dir", str(place.dir), *ports, "--detach").code == 0
    assert place.run("put", "kept", "before").code == 0
    old = sequencer(place)
    for number in range(20):
        place.run("put", f"k{number}", "x")
    saved = place.run("snapshot", "save", url, "--dir", str(place.dir), "--json")  # while it runs
    assert saved.code == 0, saved.err
    assert saved.json["fresh"]
    place.run("put", "kept", "after")
    later = sequencer(place)
    endpoints = place.environment["GAIOS_ENDPOINTS"]
    with gaios.sync.connect(endpoints) as client:
        entry = client.get("kept")
        assert entry is not None
        assert entry.value == b"after"
        assert place.run("down", "--dir", str(place.dir)).code == 0
        shutil.rmtree(place.dir)
        made = place.run("snapshot", "restore", url, "--into", str(tmp_path / "new"), *ports, "--json")
        assert made.code == 0, made.err
        assert made.json["generation"] == 1
        up = place.run("up", "--dir", str(tmp_path / "new"), "--detach")
        assert up.code == 0, up.err
        with pytest.raises(Error) as refused:
            client.get("kept")
        assert "belongs to" in str(refused.value)
    assert place.run("get", "kept", "--json").json["value"] == "before"
    new = sequencer(place)
    assert new > later > old
    assert new[0] == 1
    assert place.run("put", "kept", "again").code == 0
    status = place.status()
    assert status["cell"] == made.json["cell"] != saved.json.get("cell")
    # The new cell's backups have no place among the old one's.
    done = place.run("snapshot", "save", url, "--dir", str(tmp_path / "new"), "--json")
    assert (done.code, done.error["type"]) == (2, "AnotherCell")


def test_the_master_backs_up_when_it_is_told_to(place: Place, tmp_path: Path) -> None:
    """By an option of up; status says how old the newest is, and metrics say when it was made."""
    url = (tmp_path / "store").as_uri()
    ports = ("--replicas", str(REPLICAS), "--port", str(place.port))
    done = place.run("up", "--dir", str(place.dir), *ports, "--detach", "--backup-url", url, GAIOS_BACKUP_EVERY_S="1")
    assert done.code == 0, done.err
    assert place.run("put", "kept", "before").code == 0
    slot, told = 0, place.status()["backup"]
    for _ in range(600):
        told = place.status()["backup"]
        assert told["url"] == url
        if told["slot"] and slot and told["slot"] > slot:
            break
        slot = slot or told["slot"] or 0
        place.run("put", "k", "x")
    else:
        raise AssertionError(told)
    assert told["problem"] == ""
    assert "proved through slot" in place.run("status").out
    assert place.run("snapshot", "verify", url, "--all").code == 0
    master = next(replica for replica in place.status()["replicas"] if replica["role"] == "master")
    with urllib.request.urlopen(f"http://{master['admin']}/metrics") as answer:
        text = answer.read().decode()
    assert "gaios_backup_timestamp_seconds" in text
    done = place.run("up", "--dir", str(place.dir), "--backup-url", url + "2", "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
