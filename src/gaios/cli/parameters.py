"""What can be written on the command line, and how it is read.

Rule 1. A number is a whole number in a stated range, or the command is refused; nothing is rounded.
Rule 2. Keys and values are the bytes that the shell passed, UTF-8 or not.
Rule 3. A bare `-` before `--` means standard input where a value or a file is expected, and is an ordinary word elsewhere; `run` marks
it by `STDIN`, which no argument can contain, so that behind `--` a `-` is the word itself.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cyclopts import Parameter, Token

from gaios.api import NUMBER_MAX

STDIN: Final = "\x00-"
"""What stands for a bare `-`; an argument of a process cannot hold a zero byte."""
ENDPOINTS_DEFAULT: Final = ",".join(f"127.0.0.1:{port}" for port in range(7420, 7425))
TIMEOUT_DEFAULT_S: Final = 10.0
TIMEOUT_MAX_S: Final = 86_400.0


def word(token: str) -> str:
    """An argument as it was written."""
    return "-" if token == STDIN else token


def _text(_: Any, tokens: Sequence[Token]) -> str:  # noqa: ANN401 (the seam of the argument parser)
    return word(tokens[0].value)


def _folder(_: Any, tokens: Sequence[Token]) -> str:  # noqa: ANN401
    if not (written := word(tokens[0].value)):
        message = "an empty word names no directory; . is the present one"
        raise ValueError(message)
    return written


def _key(_: Any, tokens: Sequence[Token]) -> bytes:  # noqa: ANN401
    return os.fsencode(word(tokens[0].value))


def whole(minimum: int, maximum: int) -> Callable[[Any, Sequence[Token]], int]:
    """A converter for whole numbers of a range."""

    def convert(_: Any, tokens: Sequence[Token]) -> int:  # noqa: ANN401
        written = tokens[0].value
        digits = written.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 40):
            message = f"{word(written)!r} is not a whole number"
            raise ValueError(message)
        if not minimum <= int(written) <= maximum:
            message = f"{written} is not between {minimum} and {maximum}"
            raise ValueError(message)
        return int(written)

    return convert


def each(convert: Callable[[Any, Sequence[Token]], int]) -> Callable[[Any, Sequence[Token]], tuple[int, ...]]:
    """A converter for several of what `convert` reads."""

    def convert_all(type_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:  # noqa: ANN401
        return tuple(convert(type_, (token,)) for token in tokens)

    return convert_all


def seconds(maximum: float, *, zero: bool = False) -> Callable[[Any, Sequence[Token]], float]:
    """A converter for a time in seconds, above 0, or from 0 on."""

    def convert(_: Any, tokens: Sequence[Token]) -> float:  # noqa: ANN401
        written = word(tokens[0].value)
        try:
            number = float(written)
        except ValueError:
            message = f"{written!r} is not a number of seconds"
            raise ValueError(message) from None
        if not (math.isfinite(number) and 0 <= number <= maximum and (number or zero)):
            message = f"{written} is not a time {'from 0 on' if zero else 'above 0'} and at most {maximum:.12g} seconds"
            raise ValueError(message)
        return number

    return convert


def _endpoints(_: Any, tokens: Sequence[Token]) -> str:  # noqa: ANN401
    written = word(tokens[0].value).strip()
    if not written and tokens[0].source != "cli":
        # An empty variable is an unset one, as for every tool of a shell.
        return ENDPOINTS_DEFAULT
    for part in written.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
            message = f"{part.strip()!r} is not HOST:PORT"
            raise ValueError(message)
    return written


Key = Annotated[bytes, Parameter(converter=_key, help="1 to 1,024 bytes.")]
KeyOrPrefix = Annotated[bytes, Parameter(converter=_key, help="A key, or with --prefix the beginning of keys (may be empty).")]
Value = Annotated[str, Parameter(help="At most 1 MiB; - reads standard input.")]
Prefix = Annotated[bool, Parameter(help="Every key that begins with KEY.")]
Text = Annotated[str, Parameter(converter=_text)]
Folder = Annotated[str, Parameter(converter=_folder)]
Revision = Annotated[int, Parameter(converter=whole(1, NUMBER_MAX))]
Count = Annotated[int, Parameter(converter=whole(1, NUMBER_MAX))]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Form:
    """How a command answers."""

    json: Annotated[bool, Parameter(help="Answer in JSON: one object, or one a line.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Client(Form):
    """What every command takes that talks to a cell."""

    endpoints: Annotated[
        str,
        Parameter(converter=_endpoints, env_var="GAIOS_ENDPOINTS", help="HOST:PORT,… of any of the cell's replicas."),
    ] = ENDPOINTS_DEFAULT
    timeout: Annotated[
        float,
        Parameter(converter=seconds(TIMEOUT_MAX_S), help="Seconds to wait for an answer; for watch, lock, elect and bench, to connect."),
    ] = TIMEOUT_DEFAULT_S


FORM: Final = Form()
CLIENT: Final = Client()
