"""`gaios sim --seed N` is what a failing test tells a reader to type: it must run that seed, and say what was wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios.cli.run import run
from gaios.sim import Report


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
