"""Misspelt variables are told on standard error."""

import subprocess
import sys

import pytest

from gaios.cli.run import run
from gaios.cli.variables import warnings

LIKE = "nothing reads the variable GAIOS_ENDPOINT; did you mean GAIOS_ENDPOINTS?"
SETTINGS = {"GAIOS_LOG_LEVEL": "debug", "GAIOS_LOG_LEVLE": "debug", "GAIOS_SERVICE_PORT": "1", "GAIOS_ENDPOINTS": "h:1"}


def test_a_command_tells_of_what_it_might_have_read() -> None:
    assert warnings("get", SETTINGS | {"GAIOS_ENDPOINT": "h:1"}) == [LIKE]
    assert warnings("up", SETTINGS) == [
        "nothing reads the variable GAIOS_LOG_LEVLE; did you mean GAIOS_LOG_LEVEL?",
        "nothing reads the variable GAIOS_SERVICE_PORT",
    ]
    assert warnings("serve", SETTINGS) == [], "the replica's log tells"
    assert warnings("get", {"PATH": "/bin"}) == []


def test_a_warning_changes_neither_the_answer_nor_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAIOS_ENDPOINT", "127.0.0.1:1")
    assert run(["--version"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("gaios ")
    assert captured.err == f"gaios: {LIKE}\n"


def test_a_client_command_loads_no_server_for_it() -> None:
    program = (
        "import sys; from gaios.cli.variables import warnings; assert not warnings('get', {'GAIOS_LOG_LEVEL': ''}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "gaios.server" not in done.stdout.split()
