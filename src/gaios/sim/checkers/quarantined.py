"""Quarantined: a replica whose memory is wrong finds it out soon, and serves nobody from then on.  [PML §6.2; SAFETY 25]

1. Behind at most `CHECKS` checks, the database in which a bit flipped is given up, if the process lives so long; where too few answer to
tell who is wrong, behind so many once nobody waits for them any more.
2. Where nothing ever flips nobody doubts its database.
3. A replica that doubts its database does not serve, and does not forget it (seen at every turn and start, see onlooker.py).
"""

from collections import Counter
from collections.abc import Iterable

from gaios.sim.history import REBUILT, Applied, Compared, Doubted, Flip, Lease, Violation

NAME = "quarantined"
CHECKS = 2
"""One may be under way when the bit flips; the next looks at all records of a database as small as a run's."""


def quarantined(
    flips: Iterable[Flip], compared: Iterable[Compared], doubted: Iterable[Doubted], applied: Iterable[Applied], patience_ns: int
) -> list[Violation]:
    """Count how often each replica compared itself with a database in which a bit had flipped; `patience_ns`: see `Observations`."""
    found: list[Violation] = []
    checks, wrong = list(compared), list(flips)
    states: dict[int, Counter[int]] = {}
    mine: dict[tuple[int, int, int], int] = {}
    if wrong:
        for each in applied:
            states.setdefault(each.slot, Counter())[each.checksum] += 1
            mine[each.replica, each.boot, each.slot] = each.checksum
    if not wrong:
        found += [Violation(NAME, f"replica {each.replica} doubts itself at {each.at_ns} ns, and nothing is wrong") for each in doubted]
    for flip in wrong:
        since = [check for check in checks if check[1:3] == flip[1:3] and check.at_ns > flip.at_ns]
        if flip.is_summed:
            # One at the slot of its own snapshot says nothing: what that came to was summed up in another life.
            known = [check for check in since if check[1:] in mine]
            since = [check for check in known if mine[check[1:]] != states[check.slot].most_common(1)[0][0]]
        late = [check.slot for check in since if check.at_ns > since[0].at_ns + patience_ns]
        if len(late) > CHECKS:
            where = f"replica {flip.replica} (boot {flip.boot}) went on with a wrong {flip.key!r} through the checks at slots {late}"
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
        mine = (flip.replica, flip.boot % REBUILT)
        until = min((end.at_ns for end in ends if end[1:] == mine and end.at_ns >= flip.at_ns), default=1 << 62)
        if any(lease.replica == flip.replica and lease.until_ns > flip.at_ns and lease.from_ns <= until for lease in held):
            return True
    return False
