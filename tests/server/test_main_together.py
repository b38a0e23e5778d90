"""`python -m gaios.server`: its flags and its exit codes.  [INTERFACE]"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gaios import errors
from gaios.server.__main__ import exit_code, flags, main, serve
from gaios.server.logs import Logger
from tests.server.shells import make
from tests.servers import PATIENCE_S


def test_flags_are_keys_of_the_configuration() -> None:
    assert flags(["--id", "1", "--log-term-ms=500", "--insecure", "--dir", "d"]) == {
        "id": "1",
        "log_term_ms": "500",
        "insecure": True,
        "dir": "d",
    }
    assert flags(["--insecure", "false"]) == {"insecure": "false"}
    assert flags(["--insecure"]) == {"insecure": True}


@pytest.mark.parametrize("arguments", [["id"], ["--id"], ["--"], ["-i", "1"]])
def test_what_is_no_flag_is_refused(arguments: list[str]) -> None:
    with pytest.raises(errors.ConfigurationError):
        flags(arguments)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError(reason="r"), 2),
        (errors.AnotherCell(what="w", found="f", expected="e"), 2),
        (errors.DirectoryInUse(directory="d"), 2),
        (errors.PortTaken(address="h:1"), 3),
        (errors.StateMissing(directory="d", what="w"), 4),
        (errors.StateDamaged(file="f", offset=0, kind="k", detail="d"), 4),
        (errors.DiskFailed(file="f", operation="sync", reason="r"), 4),
        (errors.UnknownKind(slot=1, index=0, kind=9), 4),
        (errors.TooOld(what="w", reason="r"), 4),
        (errors.InvariantViolated(invariant="i", detail="d"), 4),
        (ZeroDivisionError(), 1),
    ],
)
def test_every_end_has_its_exit_code(error: Exception, code: int) -> None:
    """A supervisor starts nothing again that left with 2 or 4: a person has to look."""
    assert exit_code(error) == code


def test_a_mistake_is_one_line_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.toml")]) == 2
    assert main(["--idd", "1"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    assert "did you mean 'id'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_that_comes_with_the_word_started_is_a_clean_stop(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for that line and sends one at once must not kill it the hard way."""
    said: list[str] = []

    def line(_self: Logger, _level: str, event: str, _fields: dict[str, Any]) -> None:
        said.append(event)
        if event == "started":
            assert signal.getsignal(number) not in {signal.SIG_DFL, signal.default_int_handler}
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Logger, "_line", line)
    monkeypatch.setattr("gaios.server.__main__.quiet_collector", lambda: None)
    monkeypatch.setenv("GAIOS_LOG_LEVLE", "debug")
    (settings,) = make(tmp_path)
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await serve(settings) == number
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
    assert said[0] == "unknown_variable", "a misspelt one"
    assert "stopping" in said
    assert said[-1] == "stopped"
