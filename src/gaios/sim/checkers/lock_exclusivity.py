"""Lock exclusivity: who is sure to hold a lock holds it alone; sequencers tell later from earlier.  [CHUBBY §2.4; SAFETY 22, 23]

1. Two clients never believe at one instant of true time that they hold a lock, unless both share it. A lock of a node that was deleted and
   made anew is another lock.
2. Of two who hold it one after the other, the later has the greater sequencer. One may be sure of its grant again when it turns out that
   giving it back came to nothing.
3. What a resource takes that checks sequencers comes in the order of the grants: once a later holder's change was taken, none of an
   earlier's is. This trusts no number: it looks at whose changes they are.
"""

from collections.abc import Iterable, Sequence

from gaios.sim.history import Violation
from gaios.sim.locks.history import Belief, Written

NAME = "lock exclusivity"


def lock_exclusivity(beliefs: Iterable[Belief], written: Iterable[Written]) -> list[Violation]:
    """Judge what clients believed, and what resources took."""
    locks: dict[str, list[Belief]] = {}
    for belief in sorted(beliefs, key=lambda belief: (belief.from_ns, belief.until_ns, belief.handle)):
        locks.setdefault(belief.path, []).append(belief)
    found: list[Violation] = []
    for held in locks.values():
        found += _alone(held)
        found += _sequencers_grow(held)
    return found + _in_order(written)


def _alone(held: Sequence[Belief]) -> list[Violation]:
    found: list[Violation] = []
    now: list[Belief] = []
    for belief in held:
        now = [other for other in now if other.until_ns > belief.from_ns]
        found.extend(
            Violation(NAME, f"{_say(other)} and {_say(belief)} both believe that they hold it at {belief.from_ns} ns")
            for other in now
            if other.instance == belief.instance and not (other.shared and belief.shared)
        )
        now.append(belief)
    return found


def _sequencers_grow(held: Sequence[Belief]) -> list[Violation]:
    found: list[Violation] = []
    alone: dict[int, Belief] = {}
    together: dict[int, Belief] = {}
    for belief in held:
        newest = max(
            (
                other
                for other in (alone.get(belief.instance), None if belief.shared else together.get(belief.instance))
                if other is not None
            ),
            key=lambda other: other.grant,
            default=None,
        )
        is_same = newest is not None and (belief.handle, belief.grant) == (newest.handle, newest.grant)
        if newest is not None and not is_same and belief.grant <= newest.grant:
            found.append(Violation(NAME, f"{_say(belief)} held it after {_say(newest)} did, whose sequencer is not less"))
        latest = together if belief.shared else alone
        before = latest.get(belief.instance)
        if before is None or before.grant < belief.grant:
            latest[belief.instance] = belief
    return found


def _in_order(written: Iterable[Written]) -> list[Violation]:
    found: list[Violation] = []
    past: dict[str, dict[tuple[int, tuple[int, int]], Written]] = {}
    last: dict[str, Written] = {}
    for change in written:
        before = last.get(change.path)
        if before is not None and (before.handle, before.grant) != (change.handle, change.grant):
            past.setdefault(change.path, {})[before.handle, before.grant] = before
        if (change.handle, change.grant) in past.get(change.path, {}):
            assert before is not None
            found.append(
                Violation(
                    NAME,
                    f"what client {change.client} sent under grant {_number(change.grant)} of {change.path} was taken at {change.at_ns} "
                    f"ns, after something of client {before.client} under grant {_number(before.grant)}",
                )
            )
        last[change.path] = change
    return found


def _number(grant: tuple[int, int]) -> str:
    return f"{grant[0]}.{grant[1]}"


def _say(belief: Belief) -> str:
    mode = "shared" if belief.shared else "exclusive"
    return f"client {belief.client} (handle {belief.handle} of {belief.path}, {mode}, grant {_number(belief.grant)})"
