"""`gaios sim campaign`: many seeds, what failed with its replay, and a ledger that survives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gaios.cli import sim_campaign
from gaios.cli.run import run
from gaios.sim.attempt import Outcome

pytestmark = pytest.mark.timeout(300)
QUICK = ["--clients", "1", "--operations", "5", "--until-ms", "500", "--only", "crash"]
Runner = Callable[..., Iterator[Outcome]]


def in_this_process(job: Callable[[int], Outcome], seeds: Iterable[int], workers: int) -> Iterator[Outcome]:
    for seed in seeds:
        violations = ["agreement: slot 1 chose a and b"] if seed == 13 else []
        yield Outcome(seed=seed, violations=violations, simulated_ms=3_600_000, seen={"a replica crashed": 2, "fault crash": 1})


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.sim.on_cores.on_cores", in_this_process)


@pytest.mark.usefixtures("seeds")
def test_seeds_without_violations_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "campaign", "--seeds", "10", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seeds"] == 10
    assert told["failures"] == []
    assert told["simulated_hours"] == 10
    assert told["coverage"] == {"a replica crashed": 10, "fault crash": 10}
    assert "loss" in told["never"]
    assert "crash" not in told["never"]


@pytest.mark.usefixtures("seeds")
def test_a_violation_is_code_1_and_comes_with_its_replay(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "campaign", "--seeds", "3", "--first", "12", "--clients", "2", "--shrink", "0"]) == 1
    out = capsys.readouterr().out
    assert "seed 13 fails: agreement: slot 1 chose a and b\n    again: gaios sim --seed 13 --clients 2\n" in out
    assert "3 seeds from 12: 1 failed; 3.0 cell-hours simulated" in out
    assert "        3  a replica crashed\n" in out
    assert "    never  fault loss\n" in out


@pytest.mark.usefixtures("seeds")
def test_failures_go_to_standard_error_where_the_answer_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "campaign", "--seeds", "1", "--first", "13", "--json", "--shrink", "0"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["failures"] == [
        {"seed": 13, "violations": ["agreement: slot 1 chose a and b"], "replay": "gaios sim --seed 13", "shrunk": False}
    ]
    assert "again: gaios sim --seed 13" in captured.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--seeds"),
        (["--seeds", "0"], "0 is not between 1 and"),
        (["--seeds", "x"], "'x' is not a whole number"),
        (["--seeds", "2", "--first", str((1 << 63) - 1)], "the last seed would be 9223372036854775808"),
        (["--seeds", "2", "--on", "moon"], "'moon' is none of cores, ray, ray://HOST:PORT"),
        (["--seeds", "2", "--on", "ray://here"], "'ray://here' is none of"),
        (["--seeds", "2", "--on", "ray", "--cores", "1"], "--cores is about this machine"),
        (["--seeds", "2", "--only", "crashes"], "'crashes' is no fault; there are slow, failing,"),
        (["--seeds", "2", "--cores", "0"], "0 is not between 1 and"),
        (["--seeds", "2", "--scenario", "/no/such"], "the scenario /no/such cannot be read"),
        (["--seeds", "2", "--ledger", "/no/such/place"], "/no/such/place: No such file or directory"),
        (["--seeds", "2", "--ledger", "/"], "/: Is a directory"),
    ],
)
def test_nonsense_is_refused_before_anything_runs(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(sim_campaign, "_runner", nobody)
    assert run(["sim", "campaign", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("seeds")
def test_a_ledger_of_another_configuration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = ["--ledger", str(tmp_path / "ledger")]
    assert run(["sim", "campaign", "--seeds", "2", *ledger]) == 0
    assert run(["sim", "campaign", "--seeds", "2", "--clients", "3", *ledger]) == 2
    assert "its configuration is 'without flags', and this campaign's '--clients 3'" in capsys.readouterr().err


@pytest.mark.usefixtures("seeds")
def test_a_scenario_stands_in_the_replay_and_a_ledger_remembers_what_it_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "my world.toml"
    scenario.write_text('description = "Three."\n[plan]\nreplicas = 3\n')
    command = ["sim", "campaign", "--seeds", "1", "--first", "13", "--shrink", "0", "--scenario", str(scenario)]
    command += ["--ledger", str(tmp_path / "ledger")]
    assert run(command) == 1
    assert f"again: gaios sim --seed 13 --scenario '{scenario}'\n" in capsys.readouterr().out
    scenario.write_text('description = "Five."\n[plan]\nreplicas = 5\n')
    assert run(command) == 2
    assert "its configuration is" in capsys.readouterr().err


@pytest.mark.usefixtures("seeds")
def test_who_watches_sees_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["sim", "campaign", "--seeds", "4", "--first", "12", "--shrink", "0"]) == 1
    err = capsys.readouterr().err
    assert "4/4" in err
    assert "1 failed" in err


@pytest.mark.usefixtures("seeds")
def test_who_reads_later_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sim_campaign, "NOTE_EVERY_S", 0.0)
    assert run(["sim", "campaign", "--seeds", "2"]) == 0
    assert "gaios: 1 of 2 seeds done, 0 failed; " in capsys.readouterr().err


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from gaios.cli import main; main()", "sim", "campaign", *QUICK, "--seeds", "100000", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_written(ledger: Path, lines: int) -> None:
    end = time.monotonic() + 120
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < end
        time.sleep(0.01)


def seeds_of(ledger: Path) -> list[int]:
    whole = ledger.read_bytes().rpartition(b"\n")[0]
    return [json.loads(line)["seed"] for line in whole.splitlines()[1:]]


def test_a_campaign_that_was_killed_goes_on_and_repeats_no_finished_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = tmp_path / "ledger"
    first = started("--ledger", str(ledger))
    until_written(ledger, 5)
    workers = children(first.pid)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert workers
    until_gone(workers)
    before = seeds_of(ledger)
    assert run(["sim", "campaign", *QUICK, "--seeds", str(max(before) + 4), "--ledger", str(ledger), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["resumed"] == len(before) >= 4
    assert sorted(seeds_of(ledger)) == list(range(max(before) + 4)), "each once"


def test_an_interrupt_is_code_130_and_leaves_a_whole_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    campaign = started("--ledger", str(ledger))
    until_written(ledger, 3)
    workers = children(campaign.pid)
    campaign.send_signal(signal.SIGINT)
    out, err = campaign.communicate(timeout=120)
    assert campaign.returncode == 130
    assert "seeds done, 0 failed; the same command goes on from" in err
    assert out == ""
    assert all(line.startswith("gaios: ") for line in err.splitlines()), err
    until_gone(workers)
    assert ledger.read_bytes().endswith(b"\n")
    assert len(set(seeds_of(ledger))) == len(seeds_of(ledger))


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def until_gone(processes: list[int]) -> None:
    """No worker outlives its campaign."""
    end = time.monotonic() + 120
    for process in processes:
        while is_alive(process):
            assert time.monotonic() < end
            time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
