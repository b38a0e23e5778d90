"""Session leases: a session that its client may be sure of does not end.  [CHUBBY §2.8; SAFETY 21, 22]

Seen from the client: each KeepAlive that was answered moves the time until which the session is its own, by its own clock. The session may
not be over for the cell before that, in true time; and a client is told that it is over only when it is.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Violation
from gaios.sim.locks.history import EXPIRED, Life

NAME = "session leases"


def session_leases(lives: Iterable[Life], lost: Mapping[int, int]) -> list[Violation]:
    """Compare what clients were promised with when sessions were over.

    Args:
        lives: sessions, as their clients know them.
        lost: session → true time at which a replica first applied that its lease was over.
    """
    found: list[Violation] = []
    for life in lives:
        over_ns = lost.get(life.session)
        if over_ns is not None and over_ns < life.promised_ns:
            found.append(
                Violation(NAME, f"session {life.session} was over at {over_ns} ns; client {life.client} had it until {life.promised_ns} ns")
            )
        if life.how == EXPIRED and life.ended_ns < life.promised_ns and (over_ns is None or life.ended_ns < over_ns):
            when = "never was" if over_ns is None else f"was so at {over_ns} ns"
            told = f"client {life.client} was told at {life.ended_ns} ns that session {life.session} is over"
            found.append(Violation(NAME, f"{told}, before its lease was, and it {when}"))
    return found
