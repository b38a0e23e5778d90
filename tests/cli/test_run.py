"""Nothing escapes the command line but one line and one of six exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaios.cli import exits
from gaios.cli.parameters import STDIN
from gaios.cli.run import mark_stdin, run, wants_json
from tests.servers import PATIENCE_S

PROGRAM = [sys.executable, "-c", "from gaios.cli import main; main()"]
NOWHERE = ["--endpoints", "127.0.0.1:1", "--timeout", "0.2"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["putt"], "there is no command 'putt'; did you mean 'put'?"),
        (["xyz"], "there is no command 'xyz'"),
        (["--bogus"], "unknown option: --bogus"),
        (["-x", "put", "k", "v"], "unknown option: -x"),
        (["put"], "gaios put needs KEY"),
        (["put", "k"], "gaios put needs VALUE"),
        (["put", "k", "v", "w"], "gaios put does not take 'w'"),
        (["put", "k", "v", "--tiemout", "3"], "unknown option: --tiemout. Did you mean --timeout?"),
        (["put", "k", "v", "--timeout"], "--timeout requires an argument"),
        (["put", "k", "v", "--timeout", "soon"], "invalid value for --timeout: 'soon' is not a number of seconds"),
        (["put", "k", "v", "--endpoints", "here"], "invalid value for --endpoints: 'here' is not HOST:PORT"),
        (["put", "k", "-v"], "unknown option: -v"),
        (["compact", "-"], "REV: '-' is not a whole number"),
        (["compact", "0"], "REV: 0 is not between 1"),
        (["get", "k", "--rev", "1.5"], "invalid value for --rev: '1.5' is not a whole number"),
        (["incr", "k", "--by", "9223372036854775808"], "invalid value for --by: 9223372036854775808 is not between"),
        (["cas", "k", "v"], "gaios cas needs exactly one of"),
        (["cas", "k", "v", "--absent", "--rev", "3"], "gaios cas needs exactly one of"),
        (["bench", "locks"], "gaios bench does not take 'locks'"),
        (["lock", "k"], "gaios lock needs a command to run"),
        (["completion", "tcsh"], '"tcsh"'),
        (["up"], "gaios up needs --dir"),
        (["up", "--dir", "x", "--replica"], "gaios up needs something behind --replica"),
        (["down", "--dir", "x", "--replica"], "gaios down needs something behind --replica"),
        (["snapshot", "status"], "there is no command 'snapshot status'"),
        (["snapshot", "inspct"], "there is no command 'snapshot inspct'; did you mean 'snapshot inspect'?"),
        (["txn", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["verify", "/no/such/directory"], "/no/such/directory is not a directory"),
        (["sim", "--scenarios", "x"], "unknown option: --scenarios"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [False, True], ids=["people", "json"])
def test_wrong_usage_is_told_with_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, as_json: bool) -> None:
    """Also in JSON, although the command line could not be read."""
    code, out, err = told(capsys, *arguments, *(["--json"] if as_json else []))
    assert code == exits.USAGE
    assert out == ""
    if as_json:
        error = json.loads(err)["error"]
        assert set(error) == {"type", "message", "hint"}
        assert error["type"] == "ConfigurationError"
        assert message in error["message"]
        assert error["hint"]
    else:
        assert err.count("\n") == 1
        assert message in err
        assert err.startswith("gaios: ")


def test_an_argument_that_is_not_utf8_is_told_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "put", "k", "v", "\udcff", "--json")
    assert code == exits.USAGE
    assert "\\udcff" in json.loads(err)["error"]["message"]


def test_help_and_version_are_answers(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "--version")
    assert (code, out) == (0, "gaios 0.1.0\n")
    for arguments in ([], ["--help"], ["put", "--help"], ["bench", "--help"]):
        code, out, err = told(capsys, *arguments)
        assert code == 0
        assert "Usage: gaios" in out
        assert not err


def test_json_is_asked_for_wherever_the_flag_stands() -> None:
    assert wants_json(["put", "--json", "k"])
    assert wants_json(["--json=true"])
    assert not wants_json(["put", "--", "--json"])


def test_an_option_alone_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """--json belongs behind a command, and the error is told in the form that it asks for."""
    code, _, err = told(capsys, "--json")
    error = json.loads(err)["error"]
    assert (code, error["message"]) == (exits.USAGE, "unknown option: --json")
    assert "gaios COMMAND --json" in error["hint"]


def test_a_dash_before_the_double_dash_is_standard_input() -> None:
    assert mark_stdin(["put", "-", "-", "--", "-"]) == ["put", STDIN, STDIN, "--", "-"]
    assert mark_stdin(["put", "-k"]) == ["put", "-k"]


def test_our_own_fault_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("gaios.cli.txn.parse", broken)
    code, _, err = told(capsys, "txn", "/dev/null")
    assert code == exits.UNAVAILABLE
    assert err.startswith("gaios: gaios itself failed: ZeroDivisionError: division by zero (please report this")
    assert "Traceback" not in err
    monkeypatch.setenv("GAIOS_DEBUG", "1")
    code, _, err = told(capsys, "txn", "/dev/null")
    assert "Traceback" in err
    assert "in broken" in err


def test_a_fault_while_telling_a_fault_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("gaios.cli.run.usage", broken)
    code, _, err = told(capsys, "putt")
    assert code == exits.UNAVAILABLE
    assert "ZeroDivisionError" in err


def test_a_reader_that_went_away_is_no_failure(tmp_path: Path) -> None:
    """`gaios … | head -1` must not end in a message about a broken pipe."""
    source = """
import gaios.cli.completion
from gaios.cli import main, output

def endless(self, **_):
    for _ in range(100_000):
        output.write_line("x" * 100)
    return "never reached"

gaios.cli.completion.make_app = lambda: type("App", (), {"generate_completion": endless})()
main()
"""
    done = subprocess.run(
        f'{sys.executable} -c "$PROGRAM" completion bash | head -1 > {tmp_path}/out; echo ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "PROGRAM": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"
    assert done.stderr == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupt_is_silent_and_130(as_json: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(PATIENCE_S)
        endpoint = f"127.0.0.1:{mute.getsockname()[1]}"
        command = [*PROGRAM, "get", "k", "--endpoints", endpoint, "--timeout", "600", *(["--json"] if as_json else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            mute.accept()[0].close()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (exits.INTERRUPTED, b"", b"")


def test_a_cell_that_nobody_runs_is_unavailable() -> None:
    done = subprocess.run([*PROGRAM, "get", "k", *NOWHERE, "--json"], capture_output=True, check=False)
    assert done.returncode == exits.UNAVAILABLE
    assert done.stdout == b""
    assert json.loads(done.stderr)["error"]["type"] == "Unavailable"


@pytest.mark.parametrize("arguments", [["completion", "bash"], ["--version"], ["put", "--help"], []], ids=" ".join)
def test_an_output_that_takes_no_more_is_told_as_that(arguments: list[str]) -> None:
    """Nothing is unknown of what was asked for, so the exit code is not 3."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (exits.USAGE, 1)
    assert done.stderr.startswith("gaios: cannot write to standard output: No space left on device")
