"""Quarantined: a replica whose memory is wrong finds it out soon, and serves nobody from then on.  [PML §6.2; SAFETY 25]

1. Behind at most `CHECKS` checks, the database in which a bit flipped is given up, if the process lives so long.
2. A replica that doubts its database does not serve (seen at every turn, see onlooker.py).
"""

from collections.abc import Iterable

from gaios.sim.history import REBUILT, Compared, Doubted, Flip, Lease, Violation

NAME = "quarantined"
CHECKS = 2
"""One may be under way when the bit flips; the next looks at all records of a database as small as a run's."""


def quarantined(flips: Iterable[Flip], compared: Iterable[Compared]) -> list[Violation]:
    """Count how often each replica compared itself with a database in which a bit had flipped."""
    found: list[Violation] = []
    checks = list(compared)
    for flip in flips:
        since = [check.slot for check in checks if check[1:3] == flip[1:3] and check.at_ns > flip.at_ns]
        if len(since) > CHECKS:
            where = f"replica {flip.replica} (boot {flip.boot}) went on with a wrong {flip.key!r} through the checks at slots {since}"
            found.append(Violation(NAME, where))
    return found


def tainted(flips: Iterable[Flip]) -> dict[tuple[int, int], int]:
    """Databases in which a bit flipped, by replica and boot: what they came to since that time (ns) is not the program's fault."""
    since: dict[tuple[int, int], int] = {}
    for flip in flips:
        since.setdefault((flip.replica, flip.boot), flip.at_ns)
    return since


def may_have_misled(flips: Iterable[Flip], doubted: Iterable[Doubted], leases: Iterable[Lease]) -> bool:
    """Whether a replica was master with a database in which a bit had flipped, before it found that out."""
    ends = list(doubted)
    held = list(leases)
    for flip in flips:
        life = flip.boot % REBUILT
        until = min((end.at_ns for end in ends if (end.replica, end.boot) == (flip.replica, life) and end.at_ns >= flip.at_ns), default=1 << 62)
        if any(lease.replica == flip.replica and lease.until_ns > flip.at_ns and lease.from_ns <= until for lease in held):
            return True
    return False
