"""explain, against real processes that are killed and stopped: the chain is the one that happened.  [SAFETY 20, 21, 22]"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_end_to_end_together import SECONDS, Done, Place

HOLDER = """
import asyncio, gaios, os, sys
async def main():
    async with gaios.connect(os.environ["GAIOS_ENDPOINTS"]) as cell:
        try:
            async with cell.session(lease=float(sys.argv[2]), client="holder").lock(sys.argv[1], lock_delay=0.5) as held:
                print(held.sequencer, flush=True)
                await asyncio.sleep(600)
        except gaios.Error as error:
            print(type(error).__name__, error.hint, flush=True)
asyncio.run(main())
"""
WRITER = """
import asyncio, gaios, os, sys
async def main():
    async with gaios.connect(os.environ["GAIOS_ENDPOINTS"]) as cell:
        await cell.put("before", "it")
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            await cell.put("doubtful", "it", timeout=0.5)
            print("done", flush=True)
        except gaios.Error as error:
            print(type(error).__name__, error.hint, flush=True)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("explain") / "cell")
    done = made.run("up", "--dir", str(made.dir), "--port", str(made.port), "--replicas", "3", "--detach")
    assert done.code == 0, done.err
    yield made
    made.run("down", "--dir", str(made.dir))


@contextlib.contextmanager
def program(place: Place, text: str, *arguments: str) -> Iterator[Any]:
    """A Python program that talks to the cell; killed at the end."""
    command = [sys.executable, "-c", text, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=place.environment) as process:
        try:
            yield process
        finally:
            process.kill()


def session_of(place: Place) -> int:
    (found,) = [each["session"] for each in place.run("session", "ls", "--json").lines if each["client"] == "holder"]
    assert isinstance(found, int)
    return found


def until_somebody_waits(place: Place, holder: int) -> None:
    """Another session has a handle. A command that is begun when the holder is dead may take longer to start than the lease lasts."""
    end = time.monotonic() + SECONDS
    while not any(each["handles"] for each in place.run("session", "ls", "--json").lines if each["session"] != holder):
        assert time.monotonic() < end


def same_from_the_disk(place: Place, *asked: str) -> Done:
    """What the running cell tells; and once that is marked as chosen on a disk in use, it tells the same."""
    end = time.monotonic() + SECONDS
    while True:
        told, read = place.run("explain", *asked, "--json"), place.run("explain", *asked, "--json", "--dir", str(place.dir))
        assert told.code == read.code == 0, told.err + read.err
        if told.json == read.json:
            return told
        assert time.monotonic() < end, (told.json, read.json)


def test_a_holder_that_was_killed(place: Place) -> None:
    with program(place, HOLDER, "killed", "1") as holder:
        sequencer = holder.stdout.readline().strip()
        session = session_of(place)
        with place.start("lock", "killed", "--", "true") as waiting:
            try:
                until_somebody_waits(place, session)
                holder.kill()
                assert waiting.wait(SECONDS) == 0
            finally:
                waiting.kill()
    told = same_from_the_disk(place, "--session", str(session)).json
    assert told["verdict"].startswith(f"session {session} expired in slot")
    said = [each["what"] for each in told["chain"]]
    assert [each["slot"] for each in told["chain"]] == sorted(each["slot"] for each in told["chain"])
    assert f"session {session} (holder) is opened with a lease of 1000 ms" in said[:2]
    assert sum(f"lists session {session}: its lease counts from" in each for each in said) == 1
    assert any("more than 1000 ms" in each for each in said)
    assert "nobody gets it: a lock-delay" in said[-1]
    told = same_from_the_disk(place, "--lock", "killed", "--sequencer", sequencer).json
    assert told["verdict"].endswith(f"session {session} expired")
    assert "gets the lock /ls/local/locks/killed" in told["chain"][-2]["what"]
    assert place.run("explain", "--lock", "killed").out.startswith("the lock /ls/local/locks/killed is free\n")


def test_a_holder_that_was_stopped_through_a_fail_over(place: Place) -> None:
    """The new master's reign stands in the chain; when the holder wakes it is told what to type."""
    with program(place, HOLDER, "stopped", "6") as holder:
        holder.stdout.readline()
        session = session_of(place)
        end = time.monotonic() + SECONDS
        while "its lease counts from" not in place.run("explain", "--session", str(session)).out:
            assert time.monotonic() < end
            time.sleep(0.1)
        before = place.until_up(3)
        holder.send_signal(signal.SIGSTOP)
        os.kill(next(each["pid"] for each in before["replicas"] if each["id"] == before["master"]), signal.SIGKILL)
        assert place.run("lock", "stopped", "--", "true").code == 0
        holder.send_signal(signal.SIGCONT)
        kind, _, hint = holder.stdout.readline().partition(" ")
    assert kind == "LockLost"
    done = place.run(*shlex.split(hint.partition(": ")[2])[1:])
    assert done.code == 0
    assert f"session {session} expired" in done.out.splitlines()[0]
    assert "is master from here on: epoch" in done.out
    told = same_from_the_disk(place, "--session", str(session)).json
    reigns = [each["epoch"] for each in told["chain"] if "is master from here on" in each["what"]]
    assert len(reigns) >= 2
    assert told["chain"][0]["epoch"] == reigns[0] < reigns[-1] == told["chain"][-1]["epoch"]
    assert any("the first of its reign, charges 0 ms" in each["what"] for each in told["chain"])


def test_an_operation_of_unknown_outcome(place: Place) -> None:
    """What the log says became of it is what the database shows.  [SAFETY 20]"""
    replicas = place.until_up(3)["replicas"]
    with program(place, WRITER) as writer:
        assert writer.stdout.readline() == "ready\n"
        for replica in replicas:
            os.kill(replica["pid"], signal.SIGSTOP)
        try:
            writer.stdin.write("go\n")
            writer.stdin.flush()
            kind, _, hint = writer.stdout.readline().partition(" ")
        finally:
            for replica in replicas:
                os.kill(replica["pid"], signal.SIGCONT)
        assert kind == "Unknown"
    typed = shlex.split(hint.rpartition(": ")[2].strip())
    assert typed[:2] == ["gaios", "explain"]
    assert typed[-1] == "DIR"
    end = time.monotonic() + SECONDS
    while True:
        # A write that comes after it in the log, if it is there at all.
        done = place.run("put", "after", "it", "--json")
        assert done.code == 0, done.err
        told = place.run(*typed[1:-1], str(place.dir), "--json")
        found = place.run("get", "doubtful")
        verdict = json.loads(told.out)["verdict"]
        if (told.code, found.code) in {(0, 0), (1, 1)}:
            break
        assert time.monotonic() < end, (verdict, found)
    assert ("was carried out in slot" if found.code == 0 else "is not in this log through slot") in verdict


def test_a_directory_that_is_none(place: Place, tmp_path: Path) -> None:
    done = place.run("explain", "--session", "1", "--dir", str(tmp_path), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
