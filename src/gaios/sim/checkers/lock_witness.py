"""The witness of the lock service: carried out by a model, the log explains every answer that a session got.  [CHUBBY §2; PML §6.2]

1. A command that was answered took effect where the answer says, once, with the reply, or the refusal, that the model gives.
2. One that certainly did not take effect did not.
3. A question was answered as it was at some moment between when it was asked and when the answer came: not before anything that anybody
   had an answer of, or was told of, when it was asked. So an event is told after the fact, and whoever reads then sees it.
4. Commands stand in the log in the order of real time.
5. Each replica's state at the end is the model's: nobody holds, waits or is open who is not so by the log.

What a client answers out of its cache, cache_linearizable.py judges.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gaios import lock_api
from gaios.caching import FindNode, Found
from gaios.lock_api import Acquired, Children, ContentsAndStat, LockCommand
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Violation
from gaios.sim.locks.facts import Facts, of_model
from gaios.sim.locks.history import Asked, Life
from gaios.sim.locks.replay import LockLog, Place, Version

NAME = "lock service by witness"
_SHOWN = 3


@dataclass(slots=True)
class Timeline:
    """Which revision was the newest, when."""

    first_ns: Mapping[int, int]
    """Slot → when a replica first applied it."""
    ends: list[int]
    """Orders at which somebody learnt something, rising."""
    learnt: list[int]
    """The highest revision that anybody had learnt of by then."""

    def known(self, order: int) -> int:
        """What had been learnt before this order."""
        at = bisect_left(self.ends, order)
        return self.learnt[at - 1] if at else 0

    def learn(self, order: int, revision: int) -> None:
        """Orders come rising."""
        self.ends.append(order)
        self.learnt.append(max(revision, self.learnt[-1] if self.learnt else 0))


def lock_witness(asked: Sequence[Asked], lives: Sequence[Life], log: LockLog, first_ns: Mapping[int, int]) -> list[Violation]:
    """Compare every answer with the log.

    Args:
        asked: all commands and questions.
        lives: sessions, for what they were told.
        log: carried out.
        first_ns: slot → when a replica first applied it.
    """
    found: list[Violation] = []
    for call in asked:
        if isinstance(call.request, LockCommand):
            found += _command(call, log)
    claimed = {call.whose for call in asked}
    found += [
        Violation(NAME, f"slot {place[0]}.{place[1]} took effect, and is no command that a client stands by")
        for whose, place in log.whose.items()
        if whose not in claimed
    ]
    return found + _real_time(asked, log) + _questions(asked, lives, log, first_ns)


def states_follow_model(states: Mapping[int, Facts], log: LockLog) -> list[Violation]:
    """Rule 5."""
    expected = of_model(log.model)
    found: list[Violation] = []
    for replica, facts in states.items():
        for name, there, due in zip(Facts._fields, facts, expected, strict=True):
            if there != due:
                detail = f"{there}, the log says {due}"
                if isinstance(there, dict) and isinstance(due, dict):
                    differ = [key for key in sorted({*there, *due}, key=repr) if there.get(key) != due.get(key)]
                    detail = "; ".join(f"{key!r}: {there.get(key)}, the log says {due.get(key)}" for key in differ[:_SHOWN])
                found.append(Violation(NAME, f"replica {replica} ends with {name} {detail}"))
    return found


def _command(call: Asked, log: LockLog) -> list[Violation]:
    place = log.whose.get(call.whose)
    if call.outcome == UNKNOWN:
        return []
    if call.outcome == REFUSED and not call.slot:
        if place is not None and not isinstance(log.replies[place], str):
            where = f"{place[0]}.{place[1]}"
            return [Violation(NAME, f"lock call {call.number} was refused ({call.error}), and took effect at slot {where}")]
        return []
    if place != (call.slot, call.nth):
        where = "nowhere" if place is None else f"at {place[0]}.{place[1]}"
        return [Violation(NAME, f"lock call {call.number} was answered at slot {call.slot}.{call.nth}; it took effect {where}")]
    due, given = log.replies[place], call.reply if call.outcome == DONE else call.refusal
    if due != given:
        said = f"{type(call.request).__name__} was answered {given}"
        return [Violation(NAME, f"lock call {call.number}: {said}; the log at slot {place[0]}.{place[1]} says {due}")]
    return []


def _real_time(asked: Sequence[Asked], log: LockLog) -> list[Violation]:
    """Rule 4; one of unknown outcome that stands in the log began somewhere, too."""
    placed = [(call, place) for call in asked if (place := log.whose.get(call.whose)) is not None]
    by_end = sorted((call.ended, place, call.number) for call, place in placed if call.ended is not None)
    ends = [end for end, _, _ in by_end]
    latest: list[tuple[Place, int]] = []
    for _, place, number in by_end:
        latest.append(max(latest[-1], (place, number)) if latest else (place, number))
    found: list[Violation] = []
    for call, place in placed:
        before = bisect_left(ends, call.began)
        if before and latest[before - 1][0] >= place:
            other = latest[before - 1][1]
            found.append(
                Violation(NAME, f"lock call {call.number} began after lock call {other} was answered, and stands before it in the log")
            )
    return found


def _questions(asked: Sequence[Asked], lives: Sequence[Life], log: LockLog, first_ns: Mapping[int, int]) -> list[Violation]:
    """Rule 3: in the order in which answers came, each at the earliest moment that explains it."""
    slots = sorted((slot, revision) for revision, slot in log.slots.items())
    times = [first_ns[slot] for slot, _ in slots]
    highest = [revision for _, revision in slots]
    learnings: list[tuple[int, Asked | int]] = [(call.ended, call) for call in asked if call.ended is not None]
    learnings += [(hint.order, hint.notice.revision) for life in lives for hint in life.hints if hint.notice is not None]
    timeline = Timeline(first_ns, [], [])
    found: list[Violation] = []
    for order, learnt in sorted(learnings, key=lambda learning: learning[0]):
        if isinstance(learnt, int):
            timeline.learn(order, learnt)
        elif isinstance(learnt.request, LockCommand):
            place = log.whose.get(learnt.whose)
            if place is not None and learnt.slot:
                timeline.learn(order, log.revisions[place])
        elif learnt.outcome == DONE or learnt.slot or learnt.refusal not in _NO_ANSWERS:
            newest = bisect_right(times, learnt.ended_ns)
            moment = _moment(learnt, timeline.known(learnt.began), max(highest[:newest][-1:], default=0), log)
            if moment is None:
                said = learnt.refusal or str(learnt.reply)
                found.append(
                    Violation(NAME, f"lock call {learnt.number}: {learnt.request} was answered {said}, as it was at no moment between")
                )
            else:
                timeline.learn(order, moment)
    return found


_NO_ANSWERS = {"Unavailable", "Overloaded", "NotMaster"}


def _moment(call: Asked, least: int, most: int, log: LockLog) -> int | None:
    """The first revision, of these, at which the answer is right."""
    request = call.request
    points = {least}
    if isinstance(request, lock_api.CheckSequencer):
        points.update(_between(log.nodes.get(request.sequencer.path, ()), least, most))
        points.update(revision for granted in log.grants if granted.path == request.sequencer.path
                      for revision in (granted.revision, granted.ended) if least < revision <= most)  # fmt: skip
    else:
        handle = log.handles.get(getattr(request, "handle", 0), [])
        points.update(_between(handle, least, most))
        if handle:
            points.update(_between(log.nodes.get(handle[0].path, ()), least, most))
        if isinstance(request, FindNode):
            points.update(_between(log.nodes.get(request.path, ()), least, most))
        over = log.ended.get(getattr(request, "session", 0))
        if over is not None and least < over.revision <= most:
            points.add(over.revision)
    return next((revision for revision in sorted(points) if _is_right(call, revision, log)), None)


def _between(history: Sequence[Version] | Sequence[object], least: int, most: int) -> list[int]:
    return [version.revision for version in history if least < version.revision <= most]  # type: ignore[attr-defined]


def _is_right(call: Asked, revision: int, log: LockLog) -> bool:
    request, reply = call.request, call.reply
    if isinstance(request, lock_api.CheckSequencer):
        named = request.sequencer
        held = [
            granted
            for granted in log.grants
            if granted.path == named.path and granted.revision <= revision and not 0 < granted.ended <= revision
        ]
        valid = any(granted.revision == named.revision and granted.shared == named.shared for granted in held)
        newest = max((granted.revision for granted in held if granted.shared == named.shared), default=0)
        return reply == lock_api.Checked(valid, newest)
    session, handle = getattr(request, "session", 0), getattr(request, "handle", 0)
    over, standing = log.ended.get(session), log.standing(handle, revision)
    if over is not None and over.revision <= revision:
        return call.refusal == "SessionExpired"
    if isinstance(request, FindNode):
        return reply == Found(log.at(request.path, revision).stat is not None)
    if standing is None or standing.refusal:
        return call.refusal == (standing.refusal if standing is not None else "UnknownHandle")
    node = log.at(standing.path, revision)
    match reply:
        case Acquired():
            return (reply.sequencer, reply.waits) == (standing.sequencer, standing.waits)
        case ContentsAndStat():
            return reply.stat == node.stat and reply.contents in (node.contents, None)
        case Children():
            return reply.children == node.children
        case _:
            return False
