"""`gaios spec check`: what it prints, and the code with which it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from gaios.cli.run import run
from gaios.errors import ConfigurationError
from gaios.spec.check import ConfigurationResult, MutationResult, Outcome


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []

    def fake(scope: str, *, jobs: int, progress: Any) -> Outcome:
        calls.append((scope, jobs))
        progress("[1/1] one-slot: 7 states")
        if scope == "large":
            raise ConfigurationError(reason="spin not found: the model checker needs Spin and a C compiler", hint="apt-get install spin")
        outcome = Outcome(
            scope, [ConfigurationResult("one-slot", states=7)], [MutationResult("a bug", "one-slot", 3, 0.1, "agreement")], seconds=1.0
        )
        if scope == "ci":
            outcome.configurations[0].violated = "agreement"
            outcome.configurations[0].transcript, outcome.configurations[0].diagram = "step by step", "● ▶"
            outcome.configurations[0].mermaid = "sequenceDiagram"
            outcome.problems = ["configuration one-slot: agreement is violated"]
        return outcome

    monkeypatch.setattr("gaios.spec.check.check", fake)
    return calls


def test_a_sound_specification_is_done(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "check", "--scope", "small", "--jobs", "3"]) == 0
    assert asked == [("small", 3)]
    told = capsys.readouterr()
    assert told.out == "1 configurations, 7 states; 1 of 1 planted changes caught; 0 violations; 1 s\n"
    assert told.err == "gaios: [1/1] one-slot: 7 states\n"


def test_json_is_one_object(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """[INTERFACE]: states, seconds, violations, mutations."""
    assert run(["spec", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["states"], told["seconds"], told["violations"]) == (7, 1.0, [])
    assert told["mutations"] == [{"name": "a bug", "configuration": "one-slot", "caught": "agreement", "states": 3, "seconds": 0.1}]


def test_a_violation_is_code_1_and_is_told(asked: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["spec", "check", "--scope", "ci", "--diagrams", str(tmp_path / "new")]) == 1
    out = capsys.readouterr().out
    assert "step by step\n● ▶\n" in out
    assert "violated: configuration one-slot: agreement is violated\n" in out
    assert (tmp_path / "new" / "one-slot.txt").read_text() == "step by step\n● ▶"
    assert (tmp_path / "new" / "one-slot.mmd").read_text() == "sequenceDiagram"


@pytest.mark.parametrize("arguments", [["--scope", "huge"], ["--jobs", "0"], ["--jobs", "many"], ["small"]])
def test_nonsense_is_wrong_usage(arguments: list[str], asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "check", *arguments]) == 2
    assert asked == []
    assert capsys.readouterr().err.startswith("gaios: ")


def test_a_missing_tool_is_told(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec", "check", "--scope", "large", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["message"].startswith("spin not found")


def test_spec_alone_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spec"]) == 0
    assert "check" in capsys.readouterr().out
