"""How often this process was forked from one that had loaded gaios: a client belongs to the process that opened it."""

import os

from gaios.errors import ConfigurationError, Error

count = 0


def error() -> Error:
    """Why a client does nothing in a forked child."""
    return ConfigurationError(reason="this client was made before a fork", hint="open a client in each process, after it was forked")


def _forked() -> None:
    global count  # noqa: PLW0603 (one number a process)
    count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
