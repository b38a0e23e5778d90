"""`gaios sim --seed N` is what a failing test tells a reader to type: it must run that seed, and say what was wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios.cli.run import run
from gaios.sim import Report
from tests.museum.exhibits import EXHIBITS

QUIET = ["--only", "watchers", "--clients", "3"]


def report(seed: int, violations: list[str]) -> Report:
    return Report(seed=seed, trace_hash="abc", violations=violations, statistics={"calls": 3}, sometimes={}, lines=[])


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []

    def fake(seed: int, *_: Any) -> Report:
        asked.append(seed)
        return report(seed, ["agreement: slot 1 chose a and b"] if seed == 13 else [])

    monkeypatch.setattr("gaios.sim.run", fake)
    return asked


def test_a_run_without_violations_is_done(seeds: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--seed", "7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"seed": 7, "trace_hash": "abc", "violations": []}
    assert seeds == [7]


def test_a_violation_is_code_1_and_says_how_to_see_it_again(seeds: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--seed", "13"]) == 1
    out = capsys.readouterr().out
    assert "violated: agreement: slot 1 chose a and b\n" in out
    assert "again: gaios sim --seed 13\n" in out


def test_a_seed_that_is_not_given_is_drawn_and_told(seeds: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == seeds[0]
    run(["sim", "--json"])
    assert seeds[0] != seeds[1]


def test_the_real_simulator_runs() -> None:
    assert run(["sim", "--seed", "1", "--json"]) == 0


def test_a_recorded_run_is_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recording changes nothing, and an earlier run's recordings are not mixed with it."""
    assert run(["sim", "--seed", "1", "--json"]) == 0
    told = capsys.readouterr().out
    where = str(tmp_path / "recordings")
    assert run(["sim", "--seed", "1", "--json", "--record", where]) == 0
    assert capsys.readouterr().out == told
    assert run(["spec", "trace", where]) == 0
    assert run(["sim", "--seed", "1", "--record", where]) == 2
    assert "there are recordings in" in capsys.readouterr().err


def test_what_is_left_out_stands_in_the_replay(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--only", "crash,loss", "--replicas", "3", "--clients", "1", "--operations", "4", "--until-ms", "300"]
    assert run(["sim", "--seed", "5", *flags]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"again: gaios sim --seed 5 {' '.join(flags)}\n")
    assert run(out.rpartition("again: gaios ")[2].split()) == 0
    assert capsys.readouterr().out == out


@pytest.mark.timeout(300)
def test_a_failure_is_shrunk_on_demand_and_its_replay_fails_too(capsys: pytest.CaptureFixture[str]) -> None:
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.name == "a watch is not told of deletes")
    with exhibit.plant():
        seed = next(seed for seed in range(40) if simulate_seed(seed, capsys)["violations"])
        whole = ["sim", "--seed", str(seed), *QUIET, "--shrink", "--tries", "10"]
        assert run([*whole, "--json"]) == 1
        shrunk = json.loads(capsys.readouterr().out)["shrunk"]
        assert shrunk["tries"] <= 10
        assert shrunk["replay"].startswith(f"gaios sim --seed {seed} --")
        assert run(whole) == 1
        assert f"again: {shrunk['replay']}\n" in capsys.readouterr().out
        assert run([*shrunk["replay"].split()[1:], "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["trace_hash"] == shrunk["trace_hash"]


def simulate_seed(seed: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    run(["sim", "--seed", str(seed), *QUIET, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "crash,crashes"], "'crashes' is no fault; there are slow, failing, "),
        (["--only", ""], "'' is no fault"),
        (["--only", "none,crash"], "'none' is no fault"),
        (["--replicas", "0"], "0 is not between 1 and 7"),
        (["--clients", "many"], "'many' is not a whole number"),
        (["--until-ms", "-1"], "-1 is not between 1 and"),
        (["--seed", "9223372036854775808"], "is not between 0 and 9223372036854775807"),
        (["--tries", "0"], "0 is not between 1 and"),
    ],
)
def test_nonsense_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_scenario_stands_instead_of_what_the_seed_draws_and_is_said_in_the_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a quiet one.toml"
    path.write_text("[plan]\nreplicas = 1\n[workload]\noperations = 5\n[faults.disk]\n", "utf-8")
    assert run(["sim", "--seed", "3", "--scenario", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"again: gaios sim --seed 3 --scenario '{path}'\n")
    assert run(["sim", "--seed", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trace_hash"] not in out


def test_a_wrong_scenario_is_wrong_usage_with_the_keys_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[plan]\nreplica = 1\n", "utf-8")
    assert run(["sim", "--scenario", str(path)]) == 2
    assert "plan.replica is not known; [plan] has replicas" in capsys.readouterr().err
    assert run(["sim", "--scenario", str(tmp_path / "none.toml"), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "ConfigurationError"
