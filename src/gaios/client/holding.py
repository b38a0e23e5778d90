"""Which locks are held where a call is made: one that a holder makes after its lease fails before anything is sent.  [SAFETY 22]

Rule 1. A lock is held by the task that acquired it and by the tasks that it starts from then on, or by the thread, until it is released.
Rule 2. A clock is compared with a number, so that who slept finds out although no timer of the loop has rung.
Rule 3. What gives a lock back is never refused.
Rule 4. A process that a holder forks holds nothing: its `held.check()` raises, and its calls are its own.
"""

from contextvars import ContextVar
from typing import Final

from gaios.client.held import Held

_held: Final[ContextVar[tuple[Held, ...]]] = ContextVar("gaios_held", default=())


def begin(held: Held) -> None:
    """From here on it is held, until `held.end()`."""
    _held.set((*(each for each in _held.get() if not each.is_over and each is not held), held))


def check() -> None:
    """Raise `LostBeforeCall` if a lock that is held here may be lost."""
    for held in _held.get():
        held.check_call()
