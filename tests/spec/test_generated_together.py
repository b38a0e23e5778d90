"""The committed files are what the committed texts say; the commands that write and check them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gaios.spec import __main__ as command
from gaios.spec import read_specification
from gaios.spec.source import Text, core_texts

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted(command.generated()), ids=lambda path: path.name)
def test_a_committed_file_is_what_the_compiler_makes_of_the_text(path: Path) -> None:
    """The golden file of the compiler: a change of either shows as a difference that a person reads."""
    assert path.read_text(encoding="utf-8") == command.generated()[path](read_specification(core_texts())), "make fix"


def test_generated_files_are_formatted_and_linted_as_all_others(tmp_path: Path) -> None:
    """The compiler and the formatter must not undo each other's work, with and without instruments."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.fail("ruff is not installed beside this Python: make fix")
    files = [str(path) for path in command.generated() if path.suffix == ".py"]
    for arguments in (["format", "--check", *files], ["check", *files]):
        done = subprocess.run([ruff, *arguments, "--cache-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_check_names_the_file_that_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate says what to mend; compiling mends it."""
    stale = tmp_path / "core.py"
    monkeypatch.setattr(command, "generated", lambda: {stale: lambda _: "new\n"})
    assert command.main(["check"]) == 1
    assert f"{stale} is stale" in capsys.readouterr().out
    assert command.main(["compile"]) == 0
    assert stale.read_text() == "new\n"
    assert command.main(["check"]) == 0


def test_table_prints_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """For a terminal, without opening the docs."""
    assert command.main(["table"]) == 0
    assert "| P1a: " in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["build"], ["check", "now"]], ids=repr)
def test_wrong_usage_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the three words."""
    assert command.main(arguments) == 2
    assert "compile | check | table" in capsys.readouterr().err


def test_a_bad_text_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a slip of the pen."""
    texts = core_texts()
    broken = (Text(texts[0].name, "x = 1\n"),)
    monkeypatch.setattr(command, "core_texts", lambda: broken)
    assert command.main(["check"]) == 2
    assert capsys.readouterr().err.startswith("ballots.spec.py:1:1: a text declares")
