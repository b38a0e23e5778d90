"""What scripts read: [INTERFACE] states it, these tests hold it."""

import io
import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from gaios import api
from gaios.cli import exits, output


def test_bytes_are_text_where_they_are_utf8_and_base64_where_not() -> None:
    assert output.text("häfen".encode()) == "häfen"
    assert output.text(b"\xff\x00") == {"b64": "/wA="}
    assert output.text(b"") == ""


def test_an_entry_has_exactly_the_names_of_the_interface() -> None:
    made = output.entry(api.Entry(b"k", b"\xff", 2, 3, 4))
    assert made == {"key": "k", "value": {"b64": "/w=="}, "version": 2, "create_revision": 3, "mod_revision": 4}


def test_json_is_one_line_whatever_it_holds(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output.write_json({"key": "a\nb"})
    assert capfdbinary.readouterr().out == b'{"key":"a\\nb"}\n'


def test_json_holds_no_control_character_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """U+009B begins an escape sequence like ESC [ does; what is not a control character stays readable."""
    value = "\x1b[2J \x7f \x80\x9b2J \x9f \xa0é"
    output.write_json({"value": value})
    written = capfdbinary.readouterr().out
    assert json.loads(written) == {"value": value}
    assert written.decode() == '{"value":"\\u001b[2J \\u007f \\u0080\\u009b2J \\u009f \xa0é"}\n'


def test_an_error_is_one_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_error(exits.Report("Unknown", "two\nlines", "do\nthis", 3), json=False)
    assert capsys.readouterr().err == "gaios: two lines (do this)\n"


def test_an_error_is_one_object_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_error(exits.Report("Unknown", "bad \udcff argument", "", 3), json=True)
    assert json.loads(capsys.readouterr().err) == {"error": {"type": "Unknown", "message": "bad \\udcff argument", "hint": ""}}


def test_a_terminal_is_never_steered_by_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key can hold an escape sequence that renames a window or hides a line; in a pipe it is the caller's own bytes."""
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    assert output.shown(b"a\x1b[2Jb\n\xff") == b"a\\x1b[2Jb\\n\\xff"
    assert output.shown("a\x1b\x9b\tb\nc".encode(), keep="\n\t") == b"a\\x1b\\x9b\tb\nc"
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: False))
    assert output.shown(b"a\x1b[2Jb\n\xff") == b"a\x1b[2Jb\n\xff"


class Full(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raise OSError(28, os.strerror(28))


def test_a_full_disk_under_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command has taken effect, or was a read: only the answer is lost, and nothing is unknown."""
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=Full()))
    with pytest.raises(exits.OutputFailed, match="cannot write to standard output: No space left"):
        output.write(b"x")
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(exits.OutputFailed, match="closed"):
        output.write(b"x")


def test_progress_is_for_whoever_watches(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A log file or a test that reads standard error gets errors alone."""
    output.note_if_watched("waiting …")
    assert capsys.readouterr().err == ""
    output.note("trial 1")
    assert capsys.readouterr().err == "gaios: trial 1\n"
    written: list[str] = []
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None))
    output.note_if_watched("waiting …")
    assert written == ["gaios: waiting …\n"]


def test_a_closed_standard_error_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    output.write_error(exits.Report("Unknown", "m", "h", 3), json=False)
    output.note_if_watched("waiting …")
