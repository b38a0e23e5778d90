"""What callers give, as the cell takes it: refused here, before anything is sent, with the error that the cell would give."""

from typing import TypeVar

import msgspec

from gaios import api
from gaios.errors import ConfigurationError, InvalidCommand

Key = str | bytes
Value = str | bytes
Noun = TypeVar("Noun", bound=api.Test | api.Operation)


def as_bytes(text: Key) -> bytes:
    """A key or value as bytes. Raises `InvalidCommand`: it is neither text nor bytes."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise InvalidCommand(reason=str(error)) from None
    raise InvalidCommand(reason=f"keys and values are str or bytes, not {type(text).__name__}")


def test(given: object) -> api.Test:
    """A MultiOp's test, whose key and value may be text as everywhere. Raises `InvalidCommand`: it is none."""
    if not isinstance(given, api.Test):
        raise InvalidCommand(reason=f"a guard is made of gaios.Test, not of {type(given).__name__}")
    to: object = given.to
    return _encoded(given, ("key", "end", "to") if isinstance(to, str) else ("key", "end"))


def operation(given: object) -> api.Operation:
    """A MultiOp's operation, whose key and value may be text as everywhere. Raises `InvalidCommand`: it is none."""
    if isinstance(given, api.Put):
        return _encoded(given, ("key", "value"))
    if isinstance(given, api.Increment):
        return _encoded(api.Increment(given.key, whole(given.by)), ("key",))
    if isinstance(given, api.Get | api.Delete):
        return _encoded(given, ("key", "end"))
    kinds = "gaios.Put, Get, Delete and Increment"
    raise InvalidCommand(reason=f"`then` and `otherwise` are made of {kinds}, not of {type(given).__name__}")


def _encoded(noun: Noun, names: tuple[str, ...]) -> Noun:
    text = {name: given for name in names if not isinstance(given := getattr(noun, name), bytes) and (given is not None or name != "end")}
    return msgspec.structs.replace(noun, **{name: as_bytes(given) for name, given in text.items()}) if text else noun


def whole(number: object) -> int:
    """What is added to a counter. Raises `InvalidCommand`: it is no whole number."""
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidCommand(reason=f"an increment is by a whole number, not by {number!r}")
    return number


def span(key: Key, end: Key | None, *, prefix: bool) -> tuple[bytes, bytes | None]:
    """The range of `key`, `[key, end)`, or of a prefix. Raises `InvalidCommand`."""
    start = as_bytes(key)
    if not prefix:
        return start, None if end is None else as_bytes(end)
    if end is not None:
        raise InvalidCommand(reason="give `end` or `prefix`, not both")
    return start, api.prefix_end(start)


def ends(start: Key | None, end: Key | None, prefix: Key | None) -> tuple[bytes, bytes]:
    """The range `[start, end)`, or of a prefix. Raises `InvalidCommand`."""
    if prefix is None:
        return as_bytes(start or b""), as_bytes(end or b"")
    if start is not None or end is not None:
        raise InvalidCommand(reason="give `prefix`, or `start` and `end`, not both")
    key = as_bytes(prefix)
    return key, api.prefix_end(key)


def seconds(timeout: float) -> float:
    """A time-out. Raises `ConfigurationError`: it makes no sense."""
    if not isinstance(timeout, int | float) or not 0 <= timeout <= 1e9:  # type: ignore[redundant-expr]  # not everybody checks types
        raise ConfigurationError(reason=f"a time-out is a number of seconds from 0 on, not {timeout!r}")
    return timeout
