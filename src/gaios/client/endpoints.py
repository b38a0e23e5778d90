"""Addresses as people write them."""

from collections.abc import Iterable

from gaios.errors import ConfigurationError

EXAMPLE = "write them as HOST:PORT,HOST:PORT, for example 127.0.0.1:7420,127.0.0.1:7421"


def parse(endpoints: str | Iterable[str]) -> list[str]:
    """Endpoints from `HOST:PORT,HOST:PORT` or a list of such, each once, in order.

    Raises:
        ConfigurationError: there is none, or one is no `HOST:PORT`.
    """
    if not isinstance(endpoints, Iterable):  # a variable that is not set, say
        raise ConfigurationError(reason=f"endpoints are text or a list of texts, not {type(endpoints).__name__}", hint=EXAMPLE)
    parts = endpoints.split(",") if isinstance(endpoints, str) else list(endpoints)
    found: dict[str, None] = {}
    for part in parts:
        if not isinstance(part, str):
            raise ConfigurationError(reason=f"an endpoint is text, not {type(part).__name__}", hint=EXAMPLE)
        text = part.strip()
        if text:
            split(text)
            found[text] = None
    if not found:
        raise ConfigurationError(reason="no endpoints were given", hint=EXAMPLE)
    return list(found)


def split(endpoint: str) -> tuple[str, int]:
    """An endpoint's host and port; an IPv6 address stands in brackets.

    Raises:
        ConfigurationError: it is no `HOST:PORT`.
    """
    host, colon, port = endpoint.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigurationError(reason=f"{endpoint!r} is not HOST:PORT", hint=EXAMPLE)
    return bare, int(port)
