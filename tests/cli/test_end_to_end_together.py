"""Every command against five real processes, some of which die.  [INTERFACE]

One cell for all tests, which build on it in the order in which they stand: starting one for each would take minutes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.docs.conftest import free_port

PROGRAM = [sys.executable, "-c", "from gaios.cli import main; main()"]
SECONDS = 120
"""A bound for what hangs."""
ASKS = frozenset({"get", "put", "cas", "incr", "del", "ls", "txn", "compact", "watch", "bench"})


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        return json.loads(self.err.splitlines()[-1])["error"]


class Place:
    """A directory, ports, and the command line pointed at them."""

    def __init__(self, path: Path) -> None:
        self.dir, self.port = path, free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GAIOS_")}
        self.environment["GAIOS_ENDPOINTS"] = ",".join(f"127.0.0.1:{self.port + offset}" for offset in range(5))

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        patient = ["--timeout", "60"] if arguments[0] in ASKS and "failover" not in arguments and "--timeout" not in arguments else []
        done = subprocess.run(
            [*PROGRAM, *arguments, *patient],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**self.environment, **environment},
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)

    def status(self) -> Any:
        return self.run("status", "--json").json

    def until_up(self, count: int) -> Any:
        """The cell's state once so many replicas answer, one of them is master, and that one counts on all of these."""
        end = time.monotonic() + SECONDS
        while True:
            told = self.status()
            there = [replica for replica in told["replicas"] if replica["role"] != "unreachable"]
            if told["master"] and len(there) == count and all(replica["fit"] for replica in there):
                return told
            assert time.monotonic() < end, told
            time.sleep(0.1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("end") / "cell")
    yield made
    made.run("down", "--dir", str(made.dir))


def test_up_creates_a_cell_that_acknowledges_writes(place: Place) -> None:
    done = place.run("up", "--dir", str(place.dir), "--existing", "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
    done = place.run("up", "--dir", str(place.dir), "--port", str(place.port), "--detach", "--json")
    assert done.code == 0, done.err
    endpoints = [f"127.0.0.1:{place.port + offset}" for offset in range(5)]
    assert done.json == {"dir": str(place.dir), "endpoints": endpoints, "replicas": [1, 2, 3, 4, 5]}
    assert place.run("put", "first", "1", "--json").json == {"revision": 2}


def test_a_second_up_prints_the_same_and_a_different_one_is_refused(place: Place) -> None:
    done = place.run("up", "--dir", str(place.dir))
    assert done.code == 0
    assert f"127.0.0.1:{place.port}" in done.out
    assert sum(" gaios " in line for line in done.out.splitlines()) == 3
    for wrong in (["--port", str(place.port + 1)], ["--replicas", "3"]):
        done = place.run("up", "--dir", str(place.dir), *wrong, "--json")
        assert (done.code, done.error["type"]) == (2, "ConfigurationError")


def test_a_taken_port_is_3(place: Place, tmp_path: Path) -> None:
    done = place.run("up", "--dir", str(tmp_path / "other"), "--port", str(place.port), "--json")
    assert (done.code, done.error["type"]) == (3, "PortTaken")


def test_status_tells_of_every_replica(place: Place) -> None:
    told = place.until_up(5)
    assert set(told) == {"cell", "master", "epoch", "ballot", "feature", "tolerates", "why", "replicas", "backup"}
    assert [replica["id"] for replica in told["replicas"]] == [1, 2, 3, 4, 5]
    assert [replica["admin"] for replica in told["replicas"]] == [f"127.0.0.1:{place.port + 200 + offset}" for offset in range(5)]
    assert told["tolerates"] == 2
    assert all(Path(f"/proc/{replica['pid']}").exists() for replica in told["replicas"])
    done = place.run("status")
    assert (done.code, len(done.out.splitlines())) == (0, 7)


def test_one_endpoint_is_enough(place: Place) -> None:
    for replica in place.status()["replicas"]:
        assert place.run("get", "first", "--endpoints", replica["client"]).out == "1\n"


def test_keys_and_values(place: Place) -> None:
    assert place.run("put", "a/1", "-", stdin="piped").code == 0
    assert place.run("get", "a/1").out == "piped\n"
    assert place.run("cas", "a/1", "x", "--expected", "piped", "--json").json["succeeded"]
    assert place.run("cas", "a/1", "y", "--absent").code == 1
    assert place.run("incr", "n", "--by", "41").out == "41\n"
    assert place.run("incr", "n", "--json").json["value"] == 42
    assert place.run("put", "a/2", "z").code == 0
    assert [entry["value"] for entry in place.run("get", "a/", "--prefix", "--json").lines] == ["x", "z"]
    assert place.run("ls", "a/").out == "a/1\na/2\n"
    assert place.run("get", "absent", "--json")[:2] == (1, "null\n")
    assert place.run("del", "a/2", "--json").json["deleted"] == 1
    assert place.run("del", "a/2").code == 1
    done = place.run("put", "k" * 1_025, "v", "--json")
    assert (done.code, done.error["type"]) == (2, "KeyTooLong")


def test_txn(place: Place, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(
        '{"guard": [{"key": "n", "field": "value", "op": "==", "to": "42"}], "then": [{"op": "increment", "key": "n"}]}'
    )
    done = place.run("txn", str(tmp_path / "t.json"), "--json")
    assert (done.code, done.json["succeeded"], done.json["results"]) == (0, True, [{"value": 43}])
    assert place.run("txn", "-", stdin=(tmp_path / "t.json").read_text()).code == 1
    done = place.run("txn", "-", "--json", stdin='{"then": [{"op": "put"}]}')
    assert (done.code, done.error["type"]) == (2, "InvalidCommand")


def test_watch_streams_until_it_is_interrupted(place: Place) -> None:
    began = place.run("put", "w/0", "before", "--json").json["revision"]
    with place.start("watch", "w/", "--prefix", "--from", str(began), "--json") as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["value"] == "before"
        # Through a pipe, and while it waits for more: every line leaves at once.
        place.run("put", "w/1", "during")
        assert json.loads(watch.stdout.readline()) == {"type": "put", "key": "w/1", "value": "during", "mod_revision": began + 1}
        place.run("del", "w/1")
        assert json.loads(watch.stdout.readline())["value"] is None
        watch.send_signal(signal.SIGINT)
        assert watch.wait(SECONDS) == 130
        assert watch.stderr is not None
        assert watch.stderr.read() == ""


def test_compaction_forgets(place: Place) -> None:
    revision = place.run("put", "first", "2", "--json").json["revision"]
    assert place.run("compact", str(revision), "--json").json == {"compacted": revision}
    done = place.run("get", "first", "--rev", "2", "--json")
    assert (done.code, done.error["type"]) == (1, "Compacted")
    done = place.run("watch", "first", "--from", "2", "--json")
    assert (done.code, done.error["type"]) == (1, "Compacted")


@pytest.mark.parametrize("what", ["put", "get"])
def test_bench_tells_latency_and_cpu(place: Place, what: str) -> None:
    command = ("bench", what, "--clients", "4", "--seconds", "2", "--json")
    done, tries = place.run(*command), 10
    while done.code == 0 and done.json["cpu_us_per_op"] is None and (tries := tries - 1):
        done = place.run(*command)  # a replica did not tell in time what it had used
    assert done.code == 0, done.err
    assert set(done.json) == {"ops_per_s", "p50_ms", "p90_ms", "p99_ms", "worst_ms", "cpu_us_per_op"}
    assert done.json["cpu_us_per_op"] > 0
    assert 0 < done.json["p50_ms"] <= done.json["p90_ms"] <= done.json["p99_ms"] <= done.json["worst_ms"]
    assert place.run("ls", "gaios-bench/").out == ""


def test_a_killed_master_is_survived_and_restarted(place: Place) -> None:
    told = place.until_up(5)
    master = next(replica for replica in told["replicas"] if replica["id"] == told["master"])
    os.kill(master["pid"], signal.SIGKILL)
    assert place.run("put", "after", "kill").code == 0
    assert place.run("get", "after").out == "kill\n"
    again = place.until_up(5)
    assert next(replica for replica in again["replicas"] if replica["id"] == master["id"])["pid"] != master["pid"]


def test_bench_failover_counts_its_trials(place: Place, tmp_path: Path) -> None:
    done = place.run("bench", "failover", "--dir", str(place.dir), "--trials", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["trials"] == 2
    assert 0 < done.json["p50_ms"] <= done.json["worst_ms"]
    assert done.err.count("\n") == 2
    assert place.run("ls", "gaios-bench/").out == ""
    done = place.run("bench", "failover", "--dir", str(tmp_path), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")


def test_named_replicas_stay_down_until_they_are_started(place: Place) -> None:
    place.until_up(5)
    assert place.run("down", "--dir", str(place.dir), "--replica", "4", "5", "--json").json == {"stopped": [4, 5]}
    assert place.run("down", "--dir", str(place.dir), "--replica", "4", "5", "--json").json == {"stopped": []}
    told = place.until_up(3)
    assert [replica["id"] for replica in told["replicas"] if replica["role"] == "unreachable"] == [4, 5]
    assert told["tolerates"] == 0
    assert place.run("put", "three", "of five").code == 0
    done = place.run("down", "--dir", str(place.dir), "--replica", "9", "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
    done = place.run("up", "--dir", str(place.dir), "--replica", "4", "5", "--json")
    assert (done.code, done.json["replicas"]) == (0, [1, 2, 3, 4, 5])
    place.until_up(5)


def test_verify_refuses_a_running_cell_and_finds_damage_in_a_stopped_one(place: Place) -> None:
    done = place.run("verify", str(place.dir), "--json")
    assert (done.code, done.error["type"]) == (2, "DirectoryInUse")
    assert place.run("down", "--dir", str(place.dir), "--json").json == {"stopped": [1, 2, 3, 4, 5]}
    assert place.run("down", "--dir", str(place.dir), "--json").json == {"stopped": []}
    done = place.run("verify", str(place.dir), "--json")
    assert (done.code, done.json) == (0, {"ok": True, "problems": []})
    assert place.run("verify", str(place.dir / "replica-3")).code == 0
    segment = min((place.dir / "replica-2" / "wal").iterdir())
    content = bytearray(segment.read_bytes())
    content[5_000] ^= 0xFF
    kept = segment.read_bytes()
    segment.write_bytes(content)
    done = place.run("verify", str(place.dir), "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert set(done.json["problems"][0]) == {"replica", "file", "offset", "kind", "detail"}
    assert done.json["problems"][0]["replica"] == 2
    segment.write_bytes(kept)


def test_a_stopped_cell_is_unavailable(place: Place) -> None:
    for command in (["get", "first"], ["put", "first", "3"], ["status"], ["watch", "first"], ["bench", "--seconds", "1"]):
        done = place.run(*command, "--timeout", "0.5", "--json")
        assert (done.code, done.out, done.error["type"]) == (3, "", "Unavailable"), command


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["interrupt", "SIGTERM"])
def test_up_in_the_foreground_stops_its_replicas_when_it_is_told_to(place: Place, number: int, code: int) -> None:
    with place.start("up", "--dir", str(place.dir), "--json") as up:
        assert up.stdout is not None
        assert json.loads(up.stdout.readline())["dir"] == str(place.dir)
        assert place.run("get", "three").out == "of five\n"
        up.send_signal(number)
        assert up.communicate(timeout=SECONDS)[0] == ""
        assert up.returncode == code
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", place.port)).close()


def test_replicas_outlive_a_killed_up_and_the_next_one_adopts_them(place: Place) -> None:
    with place.start("up", "--dir", str(place.dir), "--json") as up:
        assert up.stdout is not None
        up.stdout.readline()
        before = {replica["pid"] for replica in place.until_up(5)["replicas"]}
        up.kill()
    assert place.run("get", "three").out == "of five\n"
    assert place.run("up", "--dir", str(place.dir), "--detach").code == 0
    assert {replica["pid"] for replica in place.until_up(5)["replicas"]} == before


def test_down_without_a_cell_is_wrong_usage(place: Place, tmp_path: Path) -> None:
    done = place.run("down", "--dir", str(tmp_path), "--json")
    assert (done.code, done.error["type"]) == (2, "ConfigurationError")
