"""The sessions that a charge lists, in order: LEB128 of the first, then of each difference."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from gaios.errors import InvalidCommand
from gaios.lock_api import SESSIONS_MAX

NUMBER_BITS_MAX: Final = 63
"""Of a session's number, which is a revision."""


def encode(sessions: Sequence[int]) -> bytes:
    """A charge's list of these numbers, which rise."""
    out = bytearray()
    before = 0
    for session in sessions:
        step, before = session - before, session
        while step > 0x7F:
            out.append(step & 0x7F | 0x80)
            step >>= 7
        out.append(step)
    return bytes(out)


def decode(heard: bytes) -> list[int]:
    """The sessions' numbers, rising; 1 ms for 20,000, a little more where differences are long.

    Raises:
        InvalidCommand: They do not rise, or there are too many, or too long ones.
    """
    steps = list(heard) if heard.isascii() else _steps(heard)
    if len(steps) > SESSIONS_MAX:
        raise InvalidCommand(reason=f"a charge lists {len(steps)} sessions; there are {SESSIONS_MAX} at most")
    if 0 in steps:
        raise InvalidCommand(reason="a charge lists sessions that do not rise")
    numbers = list(accumulate(steps))
    if numbers and numbers[-1] >> NUMBER_BITS_MAX:
        raise InvalidCommand(reason=f"a charge lists a session {numbers[-1]}, which is no revision")
    return numbers


def _steps(heard: bytes) -> list[int]:
    steps: list[int] = []
    step = shift = 0
    for byte in heard:
        if byte < 0x80 and not shift:
            steps.append(byte)
        elif byte < 0x80:
            steps.append(step | byte << shift)
            step = shift = 0
        else:
            step |= (byte & 0x7F) << shift
            shift += 7
            if shift > NUMBER_BITS_MAX:
                raise InvalidCommand(reason="a charge lists a session with too long a number")
    if shift:
        raise InvalidCommand(reason="a charge's list ends within a number")
    return steps
