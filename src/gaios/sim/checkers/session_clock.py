"""The sessions' clock: time without a master is not charged, nor what is late, nor by an old master.  [SAFETY 14, 21]

The log alone shows it. What a charge may come to in true time, `session_leases.py` says from the clients' side.
"""

from collections.abc import Iterable

from gaios.sim.history import Violation
from gaios.sim.locks.replay import Charged

NAME = "session clock"


def session_clock(charges: Iterable[Charged]) -> list[Violation]:
    """Look at every charge that took effect."""
    found: list[Violation] = []
    for charge in charges:
        where = f"the charge at slot {charge.slot}.{charge.nth}"
        if charge.ballot != charge.epoch:
            found.append(Violation(NAME, f"{where} is of ballot {charge.ballot}'s master, and took effect in epoch {charge.epoch}"))
        if charge.is_first and charge.elapsed_ms:
            found.append(Violation(NAME, f"{where} is the first of epoch {charge.epoch}, and charges {charge.elapsed_ms} ms"))
        if charge.elapsed_ms > charge.due_ms:
            found.append(Violation(NAME, f"{where} charges {charge.elapsed_ms} ms; {charge.due_ms} ms were due at most"))
    return found
