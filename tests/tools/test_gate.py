"""The gate says what it ran, what failed and what it could not run."""

import time
from pathlib import Path

import pytest

from tools import gate
from tools.gate import Stage


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of tools: one that passes, one that fails; neither takes any time."""
    for name, code in (("good", 0), ("bad", 3)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(gate, "BIN", tmp_path)
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    return tmp_path


def stages(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(gate, "STAGES", tuple(Stage(f"stage {name}", name, (), "mend it") for name in names))


@pytest.mark.usefixtures("tools")
def test_every_stage_runs_also_after_one_failed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """One run shows everything that is wrong."""
    stages(monkeypatch, "bad", "good", "good")
    assert gate.main() == 1
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("==>")][1:3] == [
        "==> stage good: good ",
        "==> before the tests, 0.0 min: 1 passed, 1 failed (stage bad), 0 skipped",
    ]
    assert "    stage bad failed with exit code 3 after 0.0 min; mend it" in lines


@pytest.mark.usefixtures("tools")
def test_a_check_whose_tool_is_missing_is_named_and_counted(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A developer without a tool is not stopped, but told."""
    stages(monkeypatch, "absent", "good", "good")
    assert gate.main() == 0
    out = capfd.readouterr().out
    assert "==> stage absent: skipped, absent is not installed" in out
    assert "1 passed, 0 failed, 1 skipped (stage absent)" in out


@pytest.mark.usefixtures("tools")
def test_a_program_that_a_check_needs_besides_is_looked_for_too(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The model checker is ours, Spin and the C compiler are the system's."""
    both = (Stage("model", "good", (), "", ("sh", "no-such-spin", "no-such-gcc")), Stage("shell", "good", (), "", ("sh",)))
    monkeypatch.setattr(gate, "STAGES", (*both, Stage("last", "good", ())))
    assert gate.main() == 0
    out = capfd.readouterr().out
    assert "==> model: skipped, no-such-spin and no-such-gcc are not installed" in out
    assert "1 passed, 0 failed, 1 skipped (model)" in out


@pytest.mark.usefixtures("tools")
def test_in_ci_a_skip_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lost its tools must not be green."""
    stages(monkeypatch, "absent", "good")
    monkeypatch.setenv("CI", "true")
    assert gate.main() == 1


@pytest.mark.usefixtures("tools")
def test_nothing_follows_the_last_stage(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The output ends on the tests' own summary."""
    stages(monkeypatch, "good", "bad")
    assert gate.main() == 1
    assert capfd.readouterr().out.splitlines()[-1] == "==> stage bad: bad "


def test_the_tests_come_last() -> None:
    """Rule 4."""
    assert gate.STAGES[-1].tool == "pytest"


def test_what_runs_beside_the_tests_is_waited_for_and_told_before_their_last_line(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Rules 4 and 5: it may take longer than they do, and it may fail."""
    for name, code in (("slow", 7), ("tests", 0)):
        (tools / name).write_text(
            f"#!/bin/sh\necho {name} began\n{'sleep 0.3' if name == 'slow' else ''}\necho {name} ended\nexit {code}\n"
        )
        (tools / name).chmod(0o755)
    monkeypatch.setattr(gate, "STAGES", (Stage("model", "slow", (), "mend it", is_beside=True), Stage("all tests", "tests", ())))
    assert gate.main() == 1
    assert capfd.readouterr().out.splitlines() == [
        "==> model: slow ",
        "    model goes on beside the others",
        "==> before the tests, 0.0 min: 0 passed, 0 failed, 0 skipped",
        "==> all tests: tests ",
        "tests began",
        "slow began",
        "slow ended",
        "    model failed with exit code 7 after 0.0 min; mend it",
        "tests ended",
    ]
