"""What a client reads from the world around it: a clock, dice, and its name. A simulated program has others in its context."""

import os
import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, NamedTuple


class Outside(NamedTuple):
    """One process's."""

    boottime_ns: Callable[[], int]
    """Nanoseconds of a clock that also runs while the machine is suspended, so that a deadline means what it says."""
    random_bytes: Callable[[int], bytes]
    """So many bytes that nobody can guess."""
    name: Callable[[], str]
    """What people are shown of this process."""


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


_REAL: Final = Outside(lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME), os.urandom, _name)
OUTSIDE: Final[ContextVar[Outside]] = ContextVar("OUTSIDE", default=_REAL)


def boottime_ns() -> int:
    """Nanoseconds of a clock that also runs while the machine is suspended."""
    return OUTSIDE.get().boottime_ns()
