"""All checkers over one run's observations."""

from collections.abc import Mapping

from gaios import api, lock_api
from gaios.client.calls import CARRIED_OUT
from gaios.entry import entries
from gaios.sim.checkers.agreement import agreement
from gaios.sim.checkers.boots_rise import boots_rise
from gaios.sim.checkers.bounded_queues import bounded_queues
from gaios.sim.checkers.durability import acknowledged_in_log, dropped_is_on_disk, states_follow_log
from gaios.sim.checkers.epoch_monotone import epoch_monotone
from gaios.sim.checkers.exactly_once import Submitted, exactly_once
from gaios.sim.checkers.identical_state import identical_state
from gaios.sim.checkers.lease_exclusivity import lease_exclusivity
from gaios.sim.checkers.linearizability import linearizability
from gaios.sim.checkers.persist_then_say import persist_then_say
from gaios.sim.checkers.quarantined import may_have_misled, quarantined, tainted
from gaios.sim.checkers.raised_when_all_can import raised_when_all_can
from gaios.sim.checkers.revisions_monotone import revisions_monotone
from gaios.sim.checkers.time_monotone import time_monotone
from gaios.sim.checkers.watch_completeness import watch_completeness
from gaios.sim.checkers.witness import replay, witness
from gaios.sim.effective import effective, read
from gaios.sim.history import DONE, REBUILT, Call, Final, Violation
from gaios.sim.locks.history import Asked
from gaios.sim.locks.judge import judge_locks
from gaios.sim.observations import Observations
from gaios.sim.project import project
from gaios.sim.tighten import tighten


def judge(seen: Observations, keys: list[bytes], finals: Mapping[int, Final], end_ns: int = 0) -> tuple[list[Violation], int]:
    """What is violated, and how many keys could not be decided.

    Args:
        seen: the run's observations.
        keys: every key that the workload touches.
        finals: every replica that is up at the end.
        end_ns: when the run ended.
    """
    found = list(seen.broken)
    found += agreement(seen.applied, seen.jumps)
    wrong = tainted(seen.flips)
    sound = [applied for applied in seen.applied if applied.at_ns < wrong.get(applied[1:3], 1 << 62)] if wrong else seen.applied
    found += identical_state(sound, finals)
    found += raised_when_all_can(seen.raised, seen.ran)
    found += quarantined(seen.flips, seen.compared, seen.doubted, seen.applied, seen.patience_ns)
    if found:
        # Replicas that disagree, or stopped: what their records say of all else means little.
        return found, 0
    found += lease_exclusivity(seen.leases)
    found += boots_rise(seen.lives)
    found += epoch_monotone(seen.applied)
    found += time_monotone(seen.applied)
    misled = may_have_misled(seen.flips, seen.doubted, seen.leases)
    found += revisions_monotone(sound, [] if misled else seen.calls)
    found += bounded_queues(seen.levels())
    chosen = {applied.slot: applied.value for applied in seen.applied}
    found += persist_then_say(seen.starts, seen.chosen)
    found += dropped_is_on_disk(chosen, {replica: final.dropped for replica, final in finals.items()})

    first_ns: dict[int, int] = {}
    for applied in seen.applied:
        first_ns.setdefault(applied.slot, applied.at_ns)
    log = read(sorted(chosen.items()))
    if misled:
        return found, 0
    acknowledged = [call for call in seen.calls if call.outcome == DONE and not isinstance(call.request, api.Range)]
    done = [asked for asked in seen.locks.asked if asked.outcome == DONE and isinstance(asked.request, lock_api.LockCommand)]
    everything: list[Call | Asked] = [*seen.calls, *seen.locks.asked]
    claimed = [(call.number, Submitted(*call.whose)) for call in everything if CARRIED_OUT in call.error]
    places = [(call.number, call.slot, call.nth) for call in acknowledged] + [(asked.number, asked.slot, asked.nth) for asked in done]
    found += exactly_once(seen.executed, log.submitted, places, claimed)

    last_lives: dict[int, dict[tuple[int, int], bytes]] = {replica: {} for replica in finals}
    for applied in seen.applied:
        if applied.replica in finals and finals[applied.replica].life == applied.boot % REBUILT:
            for nth, entry in enumerate(entries(applied.value)):
                last_lives[applied.replica][applied.slot, nth] = entry.command
    wanted = [(call.number, call.slot, call.nth, api.encode(call.request)) for call in acknowledged]
    wanted += [(asked.number, asked.slot, asked.nth, lock_api.encode(asked.request)) for asked in done]
    found += acknowledged_in_log(wanted, last_lives, {replica: final.base for replica, final in finals.items()})

    carried_out = effective(log, seen)
    replayed = replay(carried_out)
    found += states_follow_log(replayed.model.values(), {replica: final.state for replica, final in finals.items()})
    found += watch_completeness(seen.watches, replayed.model.events)
    by_witness = witness(seen.calls, carried_out, replayed)
    by_search, undecided = linearizability(project(seen.calls, keys))
    if undecided:
        steps = project(tighten(seen.calls, carried_out, replayed), keys)
        more, undecided = linearizability({key: steps[key] for key, _ in undecided})
        by_search += more
    found += by_witness + by_search
    if by_search and not by_witness:
        found.append(Violation("checkers agree", "the search refuses a history that the witness explains"))
    of_locks, files = judge_locks(seen.locks, replayed.locks, first_ns, finals, end_ns)
    return found + of_locks, len(undecided) + files
