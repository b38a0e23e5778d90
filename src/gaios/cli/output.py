"""How answers and errors leave the process.  [INTERFACE]

Rule 1. With --json, standard output holds one JSON object, or one a line for a stream, and nothing else.
Rule 2. Bytes in JSON are text where they are UTF-8, and `{"b64": "…"}` where not.
Rule 3. For people, keys and values leave as they are where a program reads them; on a terminal whatever could steer it is escaped
(the one value that `get KEY` was asked for keeps its lines and tabs). In JSON no control character stands as it is.
Rule 4. Everything is flushed when it is written: a stream's reader never waits for a buffer to fill.
Rule 5. An error is one line on standard error.
"""

import contextlib
import io
import re
import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from gaios.api import Entry
from gaios.cli.exits import OutputFailed, Report

if TYPE_CHECKING:
    from rich.text import Text

_encode = msgspec.json.Encoder().encode
_STEERING = re.compile(rb"\x7f|\xc2[\x80-\x9f]")


def text(data: bytes) -> str | dict[str, str]:
    """Bytes as JSON holds them."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": b64encode(data).decode("ascii")}


def entry(found: Entry) -> dict[str, Any]:
    """An entry as JSON holds it."""
    return {
        "key": text(found.key),
        "value": text(found.value),
        "version": found.version,
        "create_revision": found.create_revision,
        "mod_revision": found.mod_revision,
    }


def write_json(value: object) -> None:
    """One JSON value on a line of its own."""
    # The encoder escapes what JSON demands. DEL and the C1 controls (U+0080 to U+009F; C2 begins no other text) steer a terminal too.
    write(_STEERING.sub(lambda found: b"\\u00%02x" % found[0][-1], _encode(value)) + b"\n")


def write_line(line: str) -> None:
    """One line for people."""
    write(line.encode("utf-8", "surrogateescape") + b"\n")


def write_table(columns: Mapping[str, str], rows: "Iterable[Sequence[str | Text]]") -> None:
    """A table for people. `columns`: each one's name, as JSON has it, and whether it is aligned `left` or `right`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, side in columns.items():
        table.add_column(column.upper(), justify="right" if side == "right" else "left", no_wrap=True)
    for cells in rows:
        table.add_row(*(Text(each) if isinstance(each, str) else each for each in cells))
    text = io.StringIO()
    # Wide enough for its content: a table that is cut in a pipe or a narrow window is of no use to anyone.
    Console(file=text, width=200, force_terminal=is_terminal(), highlight=False).print(table)
    for line in text.getvalue().splitlines():
        write_line(line.rstrip())


def write(data: bytes) -> None:
    """Bytes as they are, flushed.

    Raises:
        BrokenPipeError: nobody reads any more.
        OutputFailed: they could not be written; what the command did is done all the same.
    """
    if sys.stdout is None:
        raise OutputFailed("it is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(error.strerror or str(error)) from None


def shown(data: bytes, *, keep: str = "") -> bytes:
    """A key or value for people: as it is, or escaped on a terminal, but for the characters in `keep`."""
    return escaped(data, keep=keep).encode() if is_terminal() else data


def is_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def escaped(data: bytes, *, keep: str = "") -> str:
    """Text without anything that could steer a terminal or break a line, but for what is in `keep`."""
    characters = data.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in characters)


def write_error(failure: Report, *, json: bool) -> None:
    """One line on standard error."""
    # An argument that is not UTF-8 may be quoted in it.
    message, hint = (part.encode("utf-8", "backslashreplace").decode() for part in (failure.message, failure.hint))
    if json:
        line = _encode({"error": {"type": failure.type, "message": message, "hint": hint}}).decode()
    else:
        line = "gaios: " + " ".join((f"{message} ({hint})" if hint else message).split())
    _write_stderr(line)


def note(line: str) -> None:
    """Progress of long work, for people, on standard error."""
    _write_stderr(f"gaios: {line}")


def note_if_watched(line: str) -> None:
    """Progress that only a person who waits for it wants to see."""
    if sys.stderr is not None and sys.stderr.isatty():
        note(line)


def _write_stderr(line: str) -> None:
    # Where standard error is closed there is nobody to tell; the exit code remains.
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def write_answer(answer: Mapping[str, Any], line: str, *, json: bool) -> None:
    """One answer, in the form that was asked for."""
    if json:
        write_json(answer)
    else:
        write_line(line)
