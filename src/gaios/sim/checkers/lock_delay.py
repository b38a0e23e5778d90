"""Lock-delay: a lock that was lost uncleanly is nobody's before its lock-delay is over.  [CHUBBY §2.4; SAFETY 21]

The delay begins when the session ends, which is never before its client stopped being sure of it: so the next grant comes no sooner than
that and the delay, in true time, shortened by how fast a clock may run. Here the log says who lost what; clients say
until when they were sure, and when they heard of a grant, which was made before.
"""

from collections.abc import Iterable, Mapping

from gaios.sim.history import Violation
from gaios.sim.locks.history import Life
from gaios.sim.locks.state import Granted

NAME = "lock-delay"
DRIFT_PPM = 1_000
_MS = 1_000_000


def lock_delay(
    answers: Iterable[tuple[str, int, int, int]], lost: Iterable[Granted], delays: Mapping[int, int], lives: Iterable[Life]
) -> list[Violation]:
    """Compare each grant that a client was told of with what was lost before it.

    Args:
        answers: path, handle and revision of each grant that anybody was told of, and when.
        lost: grants that ended with their sessions' leases, by the log.
        delays: handle → its lock-delay, ms.
        lives: sessions, as their clients know them.
    """
    promised = {life.session: life.promised_ns for life in lives}
    due: dict[str, list[tuple[int, Granted]]] = {}
    for before in lost:
        delay_ns = delays.get(before.handle, 0) * _MS * (1_000_000 - DRIFT_PPM) // 1_000_000 - _MS
        if before.session in promised:
            due.setdefault(before.path, []).append((promised[before.session] + delay_ns, before))
    return [
        Violation(
            NAME,
            f"handle {handle} has the lock {path} at {at_ns} ns; session {before.session} lost it with a lock-delay of "
            f"{delays.get(before.handle, 0)} ms, and was sure of it until {promised[before.session]} ns",
        )
        for path, handle, revision, at_ns in answers
        for due_ns, before in due.get(path, [])
        if before.revision < revision and before.handle != handle and at_ns < due_ns and not before.shared
    ]
