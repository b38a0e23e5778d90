"""Commands that change members are killed half-way and given again: with real processes.  [SAFETY 1, 18]"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaios.server import control, local
from tests.cli.test_end_to_end_together import Place
from tests.servers import PATIENCE_S

DIE = "import os, signal\ndef die(*_):\n    os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "cell")
    del made.environment["GAIOS_ENDPOINTS"]
    assert made.run("up", "--dir", str(made.dir), "--replicas", "3", "--port", str(made.port), "--detach").code == 0
    yield made
    made.run("down", "--dir", str(made.dir))


def killed(place: Place, *words: str, where: str) -> None:
    """Give a command that is killed where this function is called."""
    module, _, name = where.rpartition(".")
    program = f"{DIE}import {module}\n{module}.{name} = die\nfrom gaios.cli import main\nmain()\n"
    command = [sys.executable, "-c", program, "member", *words, "--dir", str(place.dir), "--timeout", "90"]
    assert subprocess.run(command, capture_output=True, env=place.environment, check=False).returncode == -9


def again(place: Place, *words: str) -> dict[int, int]:
    """Give it again; who the members are then: all of them vote and run."""
    done = place.run("member", *words, "--dir", str(place.dir), "--timeout", "90")
    assert done.code == 0, done.err
    rows = place.run("member", "ls", "--dir", str(place.dir), "--json").json["members"]
    assert all(row["votes"] for row in rows)
    members = {row["replica"]: row["member"] for row in rows}
    told = place.run("status", "--json", "--endpoints", ",".join(row["client"] for row in rows)).json
    assert {row["id"]: row["member"] for row in told["replicas"]} == members
    until = time.monotonic() + PATIENCE_S  # who votes since a moment may be one that the master counts on only at the next sign of life
    while not all(row["role"] in {"master", "replica"} and row["fit"] for row in told["replicas"]):
        assert time.monotonic() < until, told["why"]
        time.sleep(0.1)
        told = place.run("status", "--json", "--endpoints", ",".join(row["client"] for row in rows)).json
    assert place.run("verify", str(place.dir)).code == 2, "the replicas run"
    assert not list(place.dir.glob("changing-*"))
    return members


def test_what_was_cut_short_goes_on_and_nobody_comes_or_goes_twice(place: Place) -> None:
    killed(place, "add", where="gaios.server.control.reload")
    assert again(place, "add") == {1: 1, 2: 2, 3: 3, 4: 4}
    killed(place, "replace", "3", where="gaios.cli.member_here.end")  # it votes by then
    assert again(place, "replace", "3") == {1: 1, 2: 2, 3: 5, 4: 4}
    assert again(place, "replace", "3", "--member", "3") == {1: 1, 2: 2, 3: 5, 4: 4}, "member 3 has gone, and its successor stays"
    killed(place, "replace", "3", where="gaios.cli.member_here.enter")
    assert again(place, "replace", "3") == {1: 1, 2: 2, 3: 6, 4: 4}
    killed(place, "remove", "4", where="gaios.cli.member_here.leave")
    assert again(place, "remove", "4") == {1: 1, 2: 2, 3: 6}
    assert again(place, "add") == {1: 1, 2: 2, 3: 6, 4: 7}
    killed(place, "remove", "4", where="gaios.cli.member_here.end")  # the manifest does not list it any more
    assert again(place, "remove", "4") == {1: 1, 2: 2, 3: 6}
    assert place.run("member", "remove", "4", "--dir", str(place.dir)).code == 2, "nobody is there to be removed"
    assert place.run("down", "--dir", str(place.dir)).code == 0
    checked = place.run("verify", str(place.dir), "--json")
    assert checked.json["ok"], checked.out
    assert sorted(path.name for path in place.dir.glob("left-*")) == [
        "left-replica-3-member-3",
        "left-replica-3-member-5",
        "left-replica-4-member-4",
        "left-replica-4-member-7",
    ]


def test_an_addition_beside_a_supervisor_that_is_paused_says_what_was_done(place: Place) -> None:
    """The word Unavailable would say that nothing was.  [SAFETY 20]"""
    cell = local.find(place.dir)
    assert cell is not None
    paused = control.ask(cell, {"do": "state"})["supervisor"]
    os.kill(paused, signal.SIGSTOP)
    told = place.run("member", "add", "--dir", str(place.dir), "--timeout", "90", "--json")
    assert told.code == 3
    assert told.error["type"] == "Unknown"
    assert "member 4 (replica 4) is a member: configuration 1 is chosen; what it needs on this machine is not" in told.error["message"]
    assert "kill -9" in told.error["hint"]
    os.kill(paused, signal.SIGKILL)
    until = time.monotonic() + PATIENCE_S
    while control.is_supervised(cell):  # who was killed holds its lock until the kernel has taken it away
        assert time.monotonic() < until
        time.sleep(0.01)
    assert place.run("up", "--dir", str(place.dir), "--detach").code == 0
    assert again(place, "add") == {1: 1, 2: 2, 3: 3, 4: 4}
