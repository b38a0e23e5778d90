"""A directory from when a replica was alone is put back into the cell that has grown from it: with real processes.  [SAFETY 3, 8, 18]"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_end_to_end_together import Place
from tests.servers import PATIENCE_S

UNAVAILABLE = 3


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "cell")
    assert made.run("up", "--dir", str(made.dir), "--replicas", "1", "--port", str(made.port), "--detach").code == 0
    yield made
    made.run("down", "--dir", str(made.dir))


def test_an_only_voters_older_copy_never_serves_beside_the_cell_that_grew(place: Place) -> None:
    """It knows of nobody else, needs nobody's record of its boot, and clients find it first."""
    where, one = str(place.dir), place.dir / "replica-1"
    assert place.run("put", "who", "alone").code == 0
    assert place.run("down", "--dir", where).code == 0
    shutil.copytree(one, place.dir.parent / "kept")
    assert place.run("up", "--dir", where, "--detach").code == 0
    for _ in range(2):
        added = place.run("member", "add", "--dir", where, "--timeout", "60")
        assert added.code == 0, added.err
    assert place.run("put", "who", "three").code == 0
    assert place.run("down", "--dir", where, "--replica", "1").code == 0
    shutil.rmtree(one)
    shutil.copytree(place.dir.parent / "kept", one)
    place.run("up", "--dir", where, "--replica", "1")
    until = time.monotonic() + PATIENCE_S
    while "error=StateLost" not in (one / "log").read_text("utf-8"):
        assert time.monotonic() < until, place.status()
        served = place.run("get", "who", "--endpoints", f"127.0.0.1:{place.port}", "--timeout", "1")
        assert (served.code, served.out) in {(0, "three\n"), (UNAVAILABLE, "")}, served
    for number in range(3):
        assert place.run("put", f"key-{number}", "kept").code == 0
    others = f"127.0.0.1:{place.port + 1},127.0.0.1:{place.port + 2}"
    found = place.run("get", "key-", "--prefix", "--json", "--endpoints", others).lines
    assert [row["key"] for row in found] == ["key-0", "key-1", "key-2"]
