"""What sessions saw, given to the checkers of the lock service."""

from collections.abc import Mapping

from gaios import lock_api
from gaios.sim.checkers.cache_linearizable import cache_linearizable
from gaios.sim.checkers.events_complete import events_complete
from gaios.sim.checkers.linearizability import linearizability
from gaios.sim.checkers.lock_delay import lock_delay
from gaios.sim.checkers.lock_exclusivity import lock_exclusivity
from gaios.sim.checkers.lock_witness import lock_witness, states_follow_model
from gaios.sim.checkers.nothing_left import nothing_left
from gaios.sim.checkers.session_clock import session_clock
from gaios.sim.checkers.session_leases import session_leases
from gaios.sim.history import DONE, Final, Violation
from gaios.sim.locks.facts import of_keys
from gaios.sim.locks.files import project_files
from gaios.sim.locks.history import Records
from gaios.sim.locks.replay import LockLog


def judge_locks(
    records: Records, log: LockLog, first_ns: Mapping[int, int], finals: Mapping[int, Final], end_ns: int
) -> tuple[list[Violation], int]:
    """What is violated, and how many files could not be decided.

    Args:
        records: what sessions left behind.
        log: carried out by the model.
        first_ns: slot → when a replica first applied it.
        finals: every replica that is up at the end.
        end_ns: when the run ended.
    """
    states = {replica: of_keys(final.reserved) for replica, final in finals.items()}
    found = states_follow_model(states, log)
    found += session_clock(log.charges)
    if not records.asked:
        return found, 0
    found += lock_exclusivity(records.beliefs, records.written)
    delays = {
        call.reply.handle: call.request.lock_delay_ms
        for call in records.asked
        if isinstance(call.request, lock_api.Open) and call.outcome == DONE and isinstance(call.reply, lock_api.Opened)
    }
    answers = [
        (sequencer.path, getattr(call.request, "handle", 0), sequencer.revision, call.ended_ns)
        for call in records.asked
        if isinstance(call.reply, lock_api.Acquired) and (sequencer := call.reply.sequencer) is not None
    ]
    found += lock_delay(answers, [granted for granted in log.grants if granted.was_lost], delays, records.lives)
    found += session_leases(records.lives, {session: first_ns[ended.slot] for session, ended in log.ended.items() if ended.was_lost})
    by_revision = {revision: first_ns[slot] for revision, slot in log.slots.items()}
    found += events_complete(records.lives, log.told, by_revision, records.settled_ns)
    found += nothing_left(states, waited=0 < records.bound_ns <= end_ns)
    found += cache_linearizable(records.recalled, log, first_ns)
    found += lock_witness(records.asked, records.lives, log, first_ns)
    by_search, undecided = linearizability(project_files(records.asked, records.recalled))
    return found + by_search, len(undecided)
