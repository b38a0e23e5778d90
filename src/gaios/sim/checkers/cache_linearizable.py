"""Cache linearizable: what a cache answers is what the node is at some moment of that answer, in true time.  [CHUBBY §2.7; SAFETY 24]

A change waits until whoever may keep what it changes has forgotten it. So the truth at a moment is not only what somebody had learnt by
then: it is what any replica had applied. Lock generations may be old: locks wait for no cache.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from gaios.caching import FindNode, Found
from gaios.lock_api import Children, ContentsAndStat, LockAnswer, Stat
from gaios.sim.history import Violation
from gaios.sim.locks.history import Recalled
from gaios.sim.locks.replay import LockLog, Version

NAME = "cache linearizable"


def cache_linearizable(recalled: Iterable[Recalled], log: LockLog, first_ns: Mapping[int, int]) -> list[Violation]:
    """Compare every answer with the log.

    Args:
        recalled: what caches answered.
        log: carried out.
        first_ns: slot → when a replica first applied it.
    """
    slots = sorted((slot, revision) for revision, slot in log.slots.items())
    times, revisions = [first_ns[slot] for slot, _ in slots], [revision for _, revision in slots]
    found: list[Violation] = []
    for kept in recalled:
        least, most = _newest(revisions, bisect_left(times, kept.began_ns)), _newest(revisions, bisect_right(times, kept.ended_ns))
        if not any(_is_right(kept, revision, log) for revision in _moments(kept, least, most, log)):
            version = log.at(kept.path, most)
            detail = f"cached read {kept.number} of client {kept.client}, {kept.path} at {kept.ended_ns} ns, was answered {kept.answer}"
            found.append(Violation(NAME, f"{detail}; at revision {most} it is {_like(kept.answer, version)}"))
    return found


def _newest(revisions: Sequence[int], before: int) -> int:
    return revisions[before - 1] if before else 0


def _moments(kept: Recalled, least: int, most: int, log: LockLog) -> set[int]:
    histories = (log.nodes.get(kept.path, ()), log.handles.get(getattr(kept.question, "handle", 0), ()))
    return {least} | {each.revision for history in histories for each in history if least < each.revision <= most}


def _is_right(kept: Recalled, revision: int, log: LockLog) -> bool:
    if not isinstance(kept.question, FindNode):
        standing = log.standing(getattr(kept.question, "handle", 0), revision)
        if standing is None or standing.refusal:
            return False
    return _without_locks(kept.answer) == _like(kept.answer, log.at(kept.path, revision))


def _like(answer: LockAnswer, version: Version) -> LockAnswer | None:
    """What is to be answered, without lock generations."""
    if isinstance(answer, Found):
        return Found(version.stat is not None)
    if version.stat is None:
        return None
    if isinstance(answer, Children):
        return _without_locks(Children(version.children, answer.more))
    return _without_locks(ContentsAndStat(version.contents, version.stat))


def _without_locks(answer: LockAnswer) -> LockAnswer:
    if isinstance(answer, Children):
        return replace(answer, children=tuple((name, _unlocked(stat)) for name, stat in answer.children))
    return replace(answer, stat=_unlocked(answer.stat)) if isinstance(answer, ContentsAndStat) else answer


def _unlocked(stat: Stat) -> Stat:
    return replace(stat, lock_generation=0)
