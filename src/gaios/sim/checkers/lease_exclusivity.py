"""Lease exclusivity: at no instant of true time are two ballots entitled to answer reads alone.  [PML §5.2; SAFETY 10, 11]

The intervals are what each replica believes by its own clock, translated to true time: drift, pauses and restarts are in them.
"""

from collections.abc import Iterable

from gaios.sim.history import Lease, Violation

NAME = "lease exclusivity"


def lease_exclusivity(leases: Iterable[Lease]) -> list[Violation]:
    """Find two overlapping intervals of different ballots or replicas."""
    found: list[Violation] = []
    last: dict[tuple[int, int], Lease] = {}
    for lease in sorted(leases, key=lambda held: (held.from_ns, held.until_ns, held.replica, held.ballot)):
        mine = (lease.replica, lease.ballot)
        for owner, other in last.items():
            if owner != mine and lease.from_ns < other.until_ns and lease.from_ns < lease.until_ns:
                found.append(
                    Violation(
                        NAME,
                        f"replica {other.replica} holds ballot {other.ballot}'s lease from {other.from_ns} to {other.until_ns} ns, "
                        f"replica {lease.replica} ballot {lease.ballot}'s from {lease.from_ns} to {lease.until_ns} ns",
                    )
                )
        before = last.get(mine)
        if before is None or lease.until_ns > before.until_ns:
            last[mine] = lease
        last = {owner: held for owner, held in last.items() if held.until_ns > lease.from_ns}
    return found
