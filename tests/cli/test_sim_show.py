"""`gaios sim show SEED` leaves one page that is whole, or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios.cli.run import run
from tests.museum.exhibits import EXHIBITS

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


def test_a_violation_is_code_1_and_stands_in_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.name == "a watch is not told of deletes")
    page = tmp_path / "run.html"
    with exhibit.plant():
        codes = [run(["sim", "show", str(seed), "--only", "watchers", "--output", str(page)]) for seed in range(3)]
    assert 1 in codes
    assert "violated: watch completeness: " in capsys.readouterr().out


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
