"""Linearizability: every operation took effect at one instant between its call and its answer.  [Herlihy & Wing 1990]

The search trusts no field of an answer but the value: it looks for an order of one key's operations that explains what clients saw.
Operations of several keys are judged key by key (a set of keys is linearizable when each key is); that several keys changed
*together* is witness.py's to check.

It is Wing and Gong's search in Lowe's just-in-time form: the next answer's operation must be placed now; first itself is tried, then
each pending operation that could prepare its state. What keeps it fast:

1. States already met (next answer, value, pending operations placed) are not entered again.
2. An operation that only observes is placed as soon as it is legal: it can only help.
3. Of two ways to the same state, the one that spent fewer operations of unknown outcome stands for both.
4. A write of unknown outcome that nobody ever saw is left out, unless an operation of the key notices a change without naming it.
5. A write of unknown outcome is placed only where an operation that is under way would notice it. Of all orders that explain a history,
   the one with the fewest such writes has such an operation right behind each: a write with another write behind it can be left out.
6. Of writes of unknown outcome whose values nobody names from here on, one is tried for all: they could stand for each other. The same goes
   for deletes.

An unknown outcome may take effect at any time after its call, or never. A refused operation is left out: it is known to have no effect.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from gaios.sim.history import Violation

NAME = "linearizability"
STATES_MAX = 50_000
"""Search states for one key, before the search gives up: about two seconds. A history that needs more is reported as such."""


class Step(NamedTuple):
    """What one operation did to one key, or saw of it.

    kind      argument            result              means
    read      –                   value or None       the key's value
    write     value or None       –                   set, or delete
    delete    –                   1, 0 or None        delete; how many keys there were
    swap      (expected, new)     True, False, None   set to `new` where the value is `expected` (None: absent)
    add       number              number or None      decimal text plus a number; absent counts as 0

    `ended` None: the outcome is unknown, and so is the result.
    """

    call: int
    kind: str
    argument: object
    result: object
    began: int
    ended: int | None


class Undecided(NamedTuple):
    """A key whose search gave up."""

    key: bytes
    states: int


def linearizability(keys: Mapping[bytes, Iterable[Step]], states_max: int = STATES_MAX) -> tuple[list[Violation], list[Undecided]]:
    """Judge every key; what is violated, and what was not decided."""
    found: list[Violation] = []
    undecided: list[Undecided] = []
    for key in sorted(keys):
        verdict = judge(list(keys[key]), states_max)
        if verdict is None:
            undecided.append(Undecided(key, states_max))
        elif isinstance(verdict, Step):
            step = verdict
            seen = f"{step.kind} {step.argument!r} → {step.result!r}"
            found.append(Violation(NAME, f"key {key!r}: no order of operations explains call {step.call} ({seen})"))
    return found, undecided


def judge(steps: list[Step], states_max: int = STATES_MAX) -> bool | Step | None:
    """True: explained. A step: the answer that the furthest attempt could not explain. None: gave up."""
    steps = _without_unseen(steps)
    returned = sorted((step for step in steps if step.ended is not None), key=_ended)
    slots = _slots(steps)
    named = _named_until(steps, returned)
    observers, movers, bits = _pending(steps, returned, slots, named)
    unknown = 0
    for at, step in enumerate(steps):
        if step.ended is None:
            unknown |= 1 << slots[at]
    best = 0
    seen: dict[tuple[int, bytes | None, int], list[int]] = {}
    stack: list[tuple[int, bytes | None, int]] = [(0, None, 0)]
    states = 0
    while stack:
        at, value, mask = stack.pop()
        while True:
            if at == len(returned):
                return True
            for bit, step in observers[at]:
                if not mask & bit and _legal(step, value):
                    mask |= bit
            if not mask & bits[at]:
                break
            mask &= ~bits[at]
            at += 1
        if _dominated(seen.setdefault((at, value, mask & ~unknown), []), mask & unknown):
            continue
        states += 1
        if states > states_max:
            return None
        best = max(best, at)
        tried = [False, False]
        noticing = [step for bit, step in (*observers[at], *movers[at]) if not mask & bit and not _is_blind(step)]
        for bit, step in movers[at]:
            if mask & bit or not _legal(step, value):
                continue
            after = _after(step, value)
            if step.ended is None and _is_blind(step):
                if named(step) < at:
                    if tried[after is None]:
                        continue
                    tried[after is None] = True
                if not any(_notices(other, after) for other in noticing):
                    continue
            stack.append((at, after, mask | bit))
    return returned[best]


def _ended(step: Step) -> int:
    return step.ended or 0


def _legal(step: Step, value: bytes | None) -> bool:
    """May it act in this state with the result that it had?"""
    return _LEGAL[step.kind](step, value)


_LEGAL: dict[str, Callable[[Step, bytes | None], bool]] = {
    "read": lambda step, value: step.result == value,
    "write": lambda _, __: True,
    "delete": lambda step, value: step.result is None or step.result == (value is not None),
    "swap": lambda step, value: step.result is None or step.result == (value == step.argument[0]),  # type: ignore[index]
    "add": lambda step, value: step.result is None or step.result == int(value or b"0") + step.argument,  # type: ignore[operator]
}


def _after(step: Step, value: bytes | None) -> bytes | None:
    """The state that it leaves behind."""
    match step.kind:
        case "write":
            return step.argument  # type: ignore[return-value]
        case "delete":
            return None
        case "swap":
            expected, new = step.argument  # type: ignore[misc]
            return new if value == expected else value  # type: ignore[has-type]
        case "add":
            return b"%d" % (int(value or b"0") + step.argument)  # type: ignore[operator]
        case _:
            return value


def _observes(step: Step) -> bool:
    """It changes nothing, with the result that it had."""
    return step.kind == "read" or (step.kind == "swap" and step.result is False) or (step.kind == "delete" and step.result == 0)


def _is_blind(step: Step) -> bool:
    """Whatever the key held, it acts, and leaves the same: rule 5."""
    return step.kind == "write" or (step.kind == "delete" and step.result is None)


def _notices(step: Step, value: bytes | None) -> bool:
    """Could it act in this state, and does what it does there depend on the state? For one that is not blind."""
    if step.kind == "swap" and step.result is None:
        return bool(value == step.argument[0])  # type: ignore[index]
    return _legal(step, value)


def _named_until(steps: list[Step], returned: list[Step]) -> Callable[[Step], int]:
    """For writes and deletes of unknown outcome: the last answer that tells their value from others; after every one if that is unknown."""
    places = {id(step): at for at, step in enumerate(returned)}
    last: dict[object, int] = {}
    for step in steps:
        if step.kind in {"read", "swap"}:
            value = step.result if step.kind == "read" else step.argument[0]  # type: ignore[index]
            last[value] = max(last.get(value, -1), places.get(id(step), len(returned)))
    counts = any(step.kind == "add" for step in steps)

    def named(step: Step) -> int:
        """Deletes all leave the same."""
        leaves = step.argument if step.kind == "write" else None
        return -1 if leaves is None else len(returned) if counts else last.get(leaves, -1)

    return named


def _without_unseen(steps: list[Step]) -> list[Step]:
    """Rule 4, and reads of unknown result, which say nothing."""
    steps = [step for step in steps if not (step.ended is None and _observes(step))]
    notices = any(step.kind in {"delete", "add"} or (step.kind == "swap" and step.result is False) for step in steps)
    if notices:
        return steps
    named: set[object] = {None}
    for step in steps:
        if step.kind == "read":
            named.add(step.result)
        elif step.kind == "swap":
            named.add(step.argument[0])  # type: ignore[index]

    def unseen(step: Step) -> bool:
        leaves = step.argument if step.kind == "write" else step.argument[1]  # type: ignore[index]
        return step.ended is None and leaves not in named

    return [step for step in steps if step.kind == "read" or not unseen(step)]


def _slots(steps: list[Step]) -> list[int]:
    """A bit for each operation; one that returned gives its bit back, so masks stay as small as the concurrency.

    Operations of unknown outcome share no bit with others, or rule 3 would take those for spent.
    """
    events = sorted(
        [(step.began, 1, at) for at, step in enumerate(steps)]
        + [(step.ended, 0, at) for at, step in enumerate(steps) if step.ended is not None]
    )
    slots = [0] * len(steps)
    free: list[int] = []
    used = 0
    for _, begins, at in events:
        if not begins:
            free.append(slots[at])
        elif free and steps[at].ended is not None:
            slots[at] = free.pop()
        else:
            slots[at] = used
            used += 1
    return slots


def _pending(
    steps: list[Step], returned: list[Step], slots: list[int], named: Callable[[Step], int]
) -> tuple[list[list[tuple[int, Step]]], list[list[tuple[int, Step]]], list[int]]:
    """For each answer: the observers and the movers that are under way when it comes, and the bit of its own operation.

    Movers stand so that the answer's own operation comes off the stack first, then those that return earliest, then unknown ones, first
    those that are named no more: what is named may be needed for that.
    """
    places = {id(step): 1 << slots[at] for at, step in enumerate(steps)}
    by_call = sorted(steps, key=lambda step: step.began)
    observers: list[list[tuple[int, Step]]] = []
    movers: list[list[tuple[int, Step]]] = []
    open_now: list[Step] = []
    at = 0
    for answer in returned:
        while at < len(by_call) and by_call[at].began < _ended(answer):
            open_now.append(by_call[at])
            at += 1
        observers.append([(places[id(step)], step) for step in open_now if _observes(step)])
        others = [step for step in open_now if not _observes(step) and step is not answer]
        others.sort(key=lambda step: (step.ended, 0) if step.ended is not None else (1 << 62, named(step)), reverse=True)
        if not _observes(answer):
            others.append(answer)
        movers.append([(places[id(step)], step) for step in others])
        open_now = [step for step in open_now if step is not answer]
    return observers, movers, [places[id(step)] for step in returned]


def _dominated(spent: list[int], mask: int) -> bool:
    """Rule 3, and rule 1: was this state met with no more unknown operations spent? If not, remember it."""
    for other in spent:
        if other & mask == other:
            return True
    spent[:] = [other for other in spent if other & mask != mask]
    spent.append(mask)
    return False
