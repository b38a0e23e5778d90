"""`gaios sim museum` shows that each known bug is caught, and how fast."""

import json
from collections.abc import Iterable

import pytest

from gaios.cli.run import run
from gaios.sim.museum import Exhibit
from gaios.sim.museum.exhibits import EXHIBITS


def test_the_list_names_every_bug_with_its_layer_and_plants_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gaios.sim.museum.search", None)
    assert run(["sim", "museum", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["layer"]) for row in rows] == [(exhibit.name, exhibit.layer) for exhibit in EXHIBITS]
    assert all(row["caught"] is True and 1 <= row["seeds"] <= 150 for row in rows)
    assert run(["sim", "museum", "--list"]) == 0
    assert f"{len(rows)} of {len(rows)} bugs caught; median " in capsys.readouterr().out


def test_a_bug_is_planted_and_caught(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "museum", "--name", "state depends on the replica"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("db        SAFETY 27 the state depends on the replica: caught in ")
    assert "\n1 of 1 bugs caught; median " in out


def test_a_bug_that_is_not_caught_is_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def nothing(_: Exhibit, seeds: Iterable[int], enough: int) -> list[int]:
        assert (len(list(seeds)), enough) == (4, 1)
        return []

    monkeypatch.setattr("gaios.sim.museum.search", nothing)
    assert run(["sim", "museum", "--name", "state depends", "--seeds", "4"]) == 1
    assert "NOT caught in 4 seeds" in capsys.readouterr().out


def test_a_name_that_no_bug_has_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "museum", "--name", "no such thing"]) == 2
    assert "no bug's name holds 'no such thing'" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--seeds", "0"], ["--seeds", "many"], ["--what"]])
def test_nonsense_is_wrong_usage(wrong: list[str]) -> None:
    assert run(["sim", "museum", *wrong]) == 2
