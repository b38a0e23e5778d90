"""Log lines: one for each change of state, none for each request.

Rule 1. A line is an event's name and fields; `replica` is bound once, `ballot` and `slot` whenever they are known.
Rule 2. On the console it reads `12:00:00.123 info  became_master  replica=1 ballot=65537`; as JSON it is one object a line.
Rule 3. Logging never fails and never waits for a reader: what cannot be written is dropped.

Why not a library: structlog is the ecosystem's choice and imports in 100 ms, a third of what a whole replica may spend on its start.
"""

import sys
import time
from typing import Any, Final, TextIO

import msgspec

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Logger:
    """Where one replica's log lines go."""

    __slots__ = ("_bound", "_json", "_level", "_stream")

    def __init__(self, *, level: str = "info", format: str = "console", stream: TextIO | None = None, **bound: Any) -> None:  # noqa: A002, ANN401
        self._level = LEVELS[level]
        self._json = format == "json"
        self._stream = stream
        self._bound = bound

    def bind(self, **fields: Any) -> "Logger":  # noqa: ANN401
        """A logger whose lines carry these fields too."""
        made = Logger(stream=self._stream, **{**self._bound, **fields})
        made._level, made._json = self._level, self._json
        return made

    def debug(self, event: str, **fields: Any) -> None:  # noqa: ANN401
        """What only a developer wants to see."""
        self._line("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:  # noqa: ANN401
        """A change of state."""
        self._line("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:  # noqa: ANN401
        """Something that an operator may have to look at."""
        self._line("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:  # noqa: ANN401
        """Something that stops this replica."""
        self._line("error", event, fields)

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] < self._level:
            return
        at = time.time()
        everything = {**self._bound, **fields}
        if self._json:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1_000) % 1_000:03d}Z"
            text = msgspec.json.encode({"timestamp": stamp, "level": level, "event": event, **everything}, enc_hook=str).decode()
        else:
            stamp = time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1_000) % 1_000:03d}"
            text = " ".join([stamp, f"{level:<7}", f"{event:<24}", *(f"{key}={_shown(value)}" for key, value in everything.items())])
        try:
            print(text.rstrip(), file=self._stream or sys.stderr, flush=True)
        except (OSError, ValueError):
            return


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(character.isspace() or character in "\"'=" for character in text) else text
