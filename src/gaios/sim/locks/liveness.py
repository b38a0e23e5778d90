"""When faults have stopped: sessions live on, whatever is asked succeeds, and what ended leaves nothing behind within a stated time.

No change waits for caches longer than a lease [SAFETY 24]. What "nothing" is, says `checkers/nothing_left.py`; here is only how long it may
take.
"""

from gaios.client.tuning import WINDOW
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, S
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Violation
from gaios.sim.locks.history import EXPIRED, Asked, Life
from gaios.sim.locks.work import Work
from gaios.sim.world import World

LIVENESS = "liveness"
HELD_NS = 2 * S
"""What a command takes in a quiet world at most, beside its wait for caches."""
_LOST = {"SessionExpired", "Unavailable", "Overloaded"}
"""Refusals that a quiet world gives nobody; the others are the lock service's answers."""


def begin(work: Work, deadline_ns: int) -> int:
    """Let every process go through one more session, with so much time for each command, and for the caches that it has to wait for.

    Returns:
        What `end` needs to know.
    """
    work.settle(deadline_ns + _waits_ns(work))
    work.records.settled_ns = work.world.now_ns
    return len(work.records.asked)


def end(world: World, cell: Cell, work: Work, first: int) -> list[Violation]:
    """What failed since `begin`, once every process rests; then wait for all that is left of sessions to go."""
    records, locks, since_ns = work.records, work.locks, work.records.settled_ns
    if not locks.clients:
        return []
    # A client with more commands under way than a small table keeps answers for may wait for itself: what it sends again says what it had
    # heard when it sent that first. One that the table forgets between two commands may get no further, either.
    bounds = work.plan.bounds
    has_room = bounds.answers >= WINDOW and bounds.sessions > len(cell.clients)
    ends = {life.session: life.ended_ns for life in records.lives}
    found = [
        Violation(LIVENESS, f"{_say(asked)} after faults stopped")
        for asked in records.asked[first:]
        if asked.began_ns >= since_ns and _failed(asked, ends, has_room=has_room)
    ]
    if has_room:
        most_ns = _waits_ns(work) + HELD_NS
        found += [
            Violation(
                LIVENESS, f"{_say(asked)} took {asked.ended_ns - asked.began_ns} ns after faults stopped; caches hold it {most_ns} at most"
            )
            for asked in records.asked[first:]
            if asked.began_ns >= since_ns and asked.outcome == DONE and asked.ended_ns - asked.began_ns > most_ns > HELD_NS
        ]
    found += [Violation(LIVENESS, f"{_name(life)} was lost after faults stopped") for life in records.lives if _lost(life, since_ns)]
    if not work.is_done:
        return found if not has_room else [*found, Violation(LIVENESS, "processes with sessions do not come to rest")]
    # A lease, the quarter of one until the charge that ends it, a lock-delay, and a lease for caches that such a charge waits for; and time
    # for these charges to be chosen.
    records.bound_ns = world.now_ns + _waits_ns(work) + (max(locks.leases_ms) * 5 // 4 + locks.delay_ms) * MS + 2 * S
    world.run(records.bound_ns, stop=lambda: is_clear(cell))
    return found


def is_clear(cell: Cell) -> bool:
    """Whether the master knows of no session, and of no lock-delay."""
    for seat in cell.seats.values():
        if seat.node is not None and seat.is_serving:
            machine = seat.node.replica.applier.machine
            return not machine.sessions() and not machine.delay_until_ms  # type: ignore[attr-defined] # it is a LockService
    return False


def _waits_ns(work: Work) -> int:
    """How long a change waits for a cache at most: a lease."""
    return max(work.locks.leases_ms) * MS if work.locks.caching else 0


def _failed(asked: Asked, ends: dict[int, int], *, has_room: bool) -> bool:
    if asked.outcome == DONE or (not has_room and (asked.outcome == UNKNOWN or asked.refusal == "Overloaded")):
        return False
    ended_ns = ends.get(getattr(asked.request, "session", 0), 0)
    if asked.outcome == REFUSED and asked.refusal == "SessionExpired" and 0 < ended_ns <= asked.ended_ns:
        return False  # asked while it was being closed
    return asked.outcome != REFUSED or asked.refusal in _LOST


def _lost(life: Life, since_ns: int) -> bool:
    return life.how == EXPIRED and life.ended_ns >= since_ns


def _say(asked: Asked) -> str:
    return f"lock call {asked.number} of client {asked.client}: {asked.outcome} ({asked.error})"


def _name(life: Life) -> str:
    return f"session {life.session} of client {life.client}"
