"""Lock-delay: a lock that was lost uncleanly is nobody's before its lock-delay is over.  [CHUBBY §2.4; SAFETY 21]

The delay begins when the session ends, which is never before its client stopped being sure of it: so the next grant comes no sooner than
that and the delay, in true time, shortened by how fast a clock may run. Here the log says who lost what, and clients say until when they
were sure.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Violation
from gaios.sim.locks.history import Belief, Life
from gaios.sim.locks.model import Granted

NAME = "lock-delay"
DRIFT_PPM = 1_000
_MS = 1_000_000


def lock_delay(
    grants: Iterable[Granted], delays: Mapping[int, int], lives: Iterable[Life], slots: Mapping[int, int], first_ns: Mapping[int, int]
) -> list[Violation]:
    """Compare each grant with the last that was lost before it.

    Args:
        grants: of the log, in its order.
        delays: handle → its lock-delay, ms.
        lives: sessions, as their clients know them.
        slots: revision → slot.
        first_ns: slot → when a replica first applied it.
    """
    promised = {life.session: life.promised_ns for life in lives}
    found: list[Violation] = []
    lost: dict[str, list[Granted]] = {}
    for granted in grants:
        at_ns = first_ns[slots[granted.revision]]
        for before in lost.get(granted.path, []):
            due_ns = promised.get(before.session, 0) + delays.get(before.handle, 0) * _MS * (1_000_000 - DRIFT_PPM) // 1_000_000 - _MS
            if before.ended <= granted.revision and at_ns < due_ns:
                found.append(
                    Violation(
                        NAME,
                        f"{granted.path} was granted to session {granted.session} at {at_ns} ns; session {before.session} lost it with a "
                        f"lock-delay of {delays.get(before.handle, 0)} ms, and was sure of it until {promised.get(before.session, 0)} ns",
                    )
                )
        if granted.was_lost:
            lost.setdefault(granted.path, []).append(granted)
    return found
