"""What callers give, as the cell takes it: refused here, before anything is sent, with the error that the cell would give."""

from gaios import api
from gaios.errors import ConfigurationError, InvalidCommand

Key = str | bytes
Value = str | bytes


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
