"""`gaios sim show SEED` leaves one page that is whole, or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios.cli.run import run
from gaios.sim.museum.exhibits import pins

pytestmark = pytest.mark.timeout(300)

QUICK = ["--clients", "1", "--operations", "5", "--until-ms", "500", "--only", "crash"]


def test_a_page_is_written_and_its_trace_is_that_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "run.html"
    assert run(["sim", "show", "7", *QUICK, "--output", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["sim", "--seed", "7", *QUICK, "--json"]) == 0
    assert told["trace_hash"] == json.loads(capsys.readouterr().out)["trace_hash"]
    assert told["file"] == str(page)
    assert told["bytes"] == len(page.read_bytes())
    assert told["events"] > 100
    assert "gaios sim --seed 7 --only crash" in page.read_text()
    assert list(tmp_path.iterdir()) == [page]


def test_without_a_name_it_is_called_after_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sim", "show", "3", *QUICK]) == 0
    assert (tmp_path / "sim-3.html").stat().st_mode & 0o777 == 0o644
    assert capsys.readouterr().out.startswith("sim-3.html: ")


def test_a_planted_bug_is_code_1_and_its_violation_stands_in_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, page = "a watch is not told of deletes", tmp_path / "run.html"
    arguments = ["--exhibit", name, "--output", str(page)]
    assert 1 in [run(["sim", "show", str(seed), *arguments]) for seed in pins()[name]]
    assert "violated: watch completeness: " in capsys.readouterr().out
    assert f"--exhibit '{name}'" in page.read_text()


def test_a_scenario_is_the_world_and_stands_in_the_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "run.html"
    assert run(["sim", "show", "7", "--scenario", "quiet", *QUICK, "--output", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["sim", "--seed", "7", "--scenario", "quiet", *QUICK, "--json"]) == 0
    assert told["trace_hash"] == json.loads(capsys.readouterr().out)["trace_hash"]
    assert "gaios sim --seed 7 --scenario quiet --only crash" in page.read_text()


def test_the_same_run_is_the_same_page(tmp_path: Path) -> None:
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        run(["sim", "show", "5", *QUICK, "--output", str(page)])
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "needs SEED"),
        (["x"], "'x' is not a whole number"),
        (["-1"], "-1 is not between"),
        (["1", "--only", "rain"], "'rain' is no fault"),
        (["1", "--exhibit", "no such bug"], "the museum has no 'no such bug'"),
        (["1", "--exhibit", "cached now", "--scenario", "quiet"], "--exhibit brings its own world"),
        (["1", "--scenario", "/no/such"], "the scenario /no/such cannot be read"),
        (["1", "--output", "/no/such/place/run.html"], "/no/such/place/run.html: No such file or directory"),
        (["1", "--output", "/"], "/: Is a directory"),
    ],
)
def test_nonsense_is_refused_before_anything_runs(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr("gaios.sim.run", nobody)
    assert run(["sim", "show", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_run_that_fails_leaves_the_old_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    page = tmp_path / "run.html"
    page.write_text("old")
    monkeypatch.setattr("gaios.sim.run", broken)
    assert run(["sim", "show", "1", "--output", str(page)]) == 3
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]
