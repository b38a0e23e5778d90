"""The witness: replayed in log order, the log itself explains every answer.  [PML §6.2]

This check trusts the places and revisions that answers name, so it needs no search, sees every key at once, and finds what the search
of linearizability.py cannot: a MultiOp that was torn between keys, a revision that names another state. The search trusts neither.
On one history both must agree: what the search refuses, this must refuse too.

1. An acknowledged write stands in the log at the place that its answer names, with the reply that the replay gives.
2. A read returned what the replay holds at the revision that it names.
3. Real time is kept: what was answered before another operation began stands at or before it (before it, for two writes). A write of
   unknown outcome that stands in the log began somewhere, too.
4. A refused operation stands nowhere in the log's effects.
5. Every command that takes effect is some client's operation: none acts twice under two names.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gaios import api
from gaios.lock_api import Charge, LockCommand
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call, Violation
from gaios.sim.locks.replay import LockLog
from gaios.sim.model import Model

NAME = "linearizability by witness"


class Chosen(NamedTuple):
    """A command of the log that takes effect: the first of its identity and sequence, or a master's own."""

    slot: int
    nth: int
    whose: tuple[int, int, int]
    """Identity and sequence; of a charge its master's ballot, and zeros."""
    command: api.MultiOp | LockCommand
    epoch: int = 0


class Replay(NamedTuple):
    """The log, replayed."""

    replies: Mapping[tuple[int, int], api.MultiOpResult | None]
    """By place; None: refused by the machine."""
    revisions: Sequence[int]
    """The revision after each command, in log order."""
    places: Sequence[tuple[int, int]]
    states: Mapping[int, Mapping[bytes, api.Entry]]
    """All entries at each revision."""
    model: Model
    locks: LockLog


def replay(log: Iterable[Chosen]) -> Replay:
    """Apply every command of the log to the models: the database's, and the lock service's, which share their revisions."""
    model, locks = Model(), LockLog()
    states: dict[int, dict[bytes, api.Entry]] = {model.revision: {}}
    replies: dict[tuple[int, int], api.MultiOpResult | None] = {}
    revisions: list[int] = []
    places: list[tuple[int, int]] = []
    for chosen in log:
        place = (chosen.slot, chosen.nth)
        command = chosen.command
        if isinstance(command, api.MultiOp):
            replies[place] = model.apply(command)
        elif isinstance(command, Charge):
            model.revision = locks.charge(place, chosen.whose[0], chosen.epoch, command, model.revision)
        else:
            model.revision = locks.carry_out(place, chosen.whose, command, model.revision)
        if model.revision not in states:
            states[model.revision] = dict(model.entries)
        revisions.append(model.revision)
        places.append(place)
    return Replay(replies, revisions, places, states, model, locks)


def witness(calls: Sequence[Call], log: Sequence[Chosen], replayed: Replay) -> list[Violation]:
    """Compare every answer with the replay, and their order with real time."""
    found: list[Violation] = []
    standing = {chosen.whose: chosen for chosen in log}
    placed: list[tuple[Call, float]] = []
    for call in calls:
        if call.outcome == DONE and isinstance(call.request, api.MultiOp):
            found.extend(_judge_write(call, standing, replayed))
            placed.append((call, _position(replayed, (call.slot, call.nth))))
        elif call.outcome == DONE and isinstance(call.reply, api.Page):
            found.extend(_judge_read(call, call.reply, replayed))
            # A read stands behind the last command that left its revision so low, before the first that raised it.
            placed.append((call, _after_revision(replayed, call.reply.revision)))
        elif call.outcome == UNKNOWN and call.whose in standing:
            placed.append((call, _position(replayed, (standing[call.whose].slot, standing[call.whose].nth))))
        elif call.outcome == REFUSED and call.whose in standing:
            reply = replayed.replies[standing[call.whose].slot, standing[call.whose].nth]
            if reply is not None:
                place = f"{standing[call.whose].slot}.{standing[call.whose].nth}"
                found.append(Violation(NAME, f"call {call.number} was refused ({call.error}), and took effect at slot {place}"))
    claimed = {call.whose for call in calls}
    found.extend(
        Violation(NAME, f"slot {chosen.slot}.{chosen.nth} took effect, and is no operation that a client stands by")
        for chosen in log
        if isinstance(chosen.command, api.MultiOp) and chosen.whose not in claimed
    )
    return found + _real_time(placed, replayed)


def _judge_write(call: Call, standing: Mapping[tuple[int, int, int], Chosen], replayed: Replay) -> list[Violation]:
    place = (call.slot, call.nth)
    chosen = standing.get(call.whose)
    if chosen is None or (chosen.slot, chosen.nth) != place:
        where = "nowhere" if chosen is None else f"at {chosen.slot}.{chosen.nth}"
        return [Violation(NAME, f"call {call.number} was acknowledged at slot {place[0]}.{place[1]}; it took effect {where}")]
    expected = replayed.replies[place]
    if expected != call.reply:
        return [Violation(NAME, f"call {call.number} was answered {call.reply}; the log at {place[0]}.{place[1]} says {expected}")]
    return []


def _judge_read(call: Call, page: api.Page, replayed: Replay) -> list[Violation]:
    state = replayed.states.get(page.revision)
    if state is None:
        return [Violation(NAME, f"call {call.number} read revision {page.revision}, which the log never made")]
    assert isinstance(call.request, api.Range)
    asked = call.request
    expected = tuple(
        state[key]
        for key in sorted(state)
        if (key == asked.key if asked.end is None else key >= asked.key and (not asked.end or key < asked.end))
    )
    if page.entries != expected:
        return [Violation(NAME, f"call {call.number} read {page.entries} at revision {page.revision}; the log says {expected}")]
    return []


def _position(replayed: Replay, place: tuple[int, int]) -> float:
    return float(bisect_left(replayed.places, place))


def _after_revision(replayed: Replay, revision: int) -> float:
    """Half a step after the last command through which the revision is not higher: as late as this read can stand."""
    low, high = 0, len(replayed.revisions)
    while low < high:
        middle = (low + high) // 2
        if replayed.revisions[middle] <= revision:
            low = middle + 1
        else:
            high = middle
    return low - 0.5


def _earliest(replayed: Replay, call: Call, latest: float) -> float:
    """As early as this operation can stand: a read could be anywhere while the revision was its own."""
    if not isinstance(call.reply, api.Page):
        return latest
    return bisect_left(replayed.revisions, call.reply.revision) + 0.5 if call.reply.revision > api.FIRST_REVISION else -0.5


def _real_time(placed: list[tuple[Call, float]], replayed: Replay) -> list[Violation]:
    """An operation must be able to stand behind everything that was answered before it began."""
    found: list[Violation] = []
    by_end = sorted((call.ended, number) for number, (call, _) in enumerate(placed) if call.ended is not None)
    ends = [end for end, _ in by_end]
    highest: list[tuple[float, int]] = []
    for _, number in by_end:
        call, latest = placed[number]
        earliest = _earliest(replayed, call, latest)
        highest.append((earliest, number) if not highest or earliest > highest[-1][0] else highest[-1])
    for call, latest in placed:
        before = bisect_left(ends, call.began)
        if before:
            earliest, number = highest[before - 1]
            is_write = isinstance(call.request, api.MultiOp)
            if latest < earliest or (is_write and latest == earliest):
                other = placed[number][0]
                found.append(
                    Violation(NAME, f"call {call.number} began after call {other.number} was answered, and stands before it in the log")
                )
    return found
