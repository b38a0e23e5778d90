"""A model in one configuration: which cells it has, what each may hold, which instances can ever happen.

Rule 1. What a cell may hold is found by a fixpoint that never leaves out a value; it may keep values that no run reaches.
Rule 2. A cell that has one value is a number. A cell that no guard, no invariant and no other cell depends on is left out, with all that
only writes such cells: the cone of influence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from gaios.spec.claims import Model
from gaios.spec.configuration import Configuration
from gaios.spec.formulas import Formula, Term, all_of, any_of, choice, negation, operate, python, reads
from gaios.spec.instances import SYNC, Instance, Instances, Key, Sending, matches
from gaios.spec.lowering import Cells, Thing, leaves
from gaios.spec.sorts import Nat
from gaios.spec.statements import Event
from gaios.spec.tree import Sent

COMBINATIONS_MAX = 4_096
"""Up to so many states of the cells that a formula reads, it is evaluated in each; beyond, part by part."""
Held = dict[str, frozenset[int]]


class Check(NamedTuple):
    """An invariant, as a formula that is true as long as it holds."""

    name: str
    holds: Term


@dataclass(slots=True)
class Scope:
    """What the back ends and the explorer share."""

    model: Model
    configuration: Configuration
    instances: list[Instance] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    held: Held = field(default_factory=dict)
    """Every cell that can change, with all that it may hold."""
    kept: frozenset[str] = frozenset()
    """The cells that something depends on."""
    keys: list[Key] = field(default_factory=list)
    """Every message that can be sent."""
    maker: Instances = field(init=False)

    def __post_init__(self) -> None:
        self.maker = Instances(self.model, self.configuration, Cells(self.configuration))


@lru_cache(maxsize=200_000)
def _compiled(text: str, names: tuple[str, ...]) -> Any:  # noqa: ANN401 (a function of as many numbers as there are names)
    return eval(f"lambda {', '.join(names)}: {text}")  # noqa: S307 - the lowering's own output


@lru_cache(maxsize=200_000)
def _exact(
    terms: tuple[str, ...], guard: tuple[str, ...], names: tuple[str, ...], ranges: tuple[frozenset[int], ...]
) -> frozenset[tuple[int, ...]]:
    condition = _compiled(" and ".join(guard) or "True", names)
    result = _compiled(f"({', '.join(terms)},)", names)
    return frozenset(tuple(map(int, result(*values))) for values in product(*ranges) if condition(*values))


def values(terms: Sequence[Term], guard: Sequence[Term], held: Held) -> frozenset[tuple[int, ...]]:
    """All that these formulas may be together, where the guard holds."""
    needed = frozenset[str]().union(*(reads(term) for term in terms))
    size = 1
    for name in needed:
        size *= len(held.get(name, (0,)))
    if size <= COMBINATIONS_MAX:
        conditions = [part for part in guard if not isinstance(part, int) and part.reads <= needed]
        names = tuple(sorted(needed))
        ranges = tuple(held.get(name, frozenset((0,))) for name in names)
        return _exact(tuple(python(term) for term in terms), tuple(part.python for part in conditions), names, ranges)
    if len(terms) > 1:
        return frozenset(product(*(sorted(each for (each,) in values([term], guard, held)) for term in terms)))
    return frozenset((each,) for each in _parts(terms[0], guard, held))


def _parts(term: Term, guard: Sequence[Term], held: Held) -> set[int]:
    """What a formula may be, judged by its parts."""
    if isinstance(term, int):
        return {term}
    if not term.op:
        return set(held.get(term.python, (0,)))
    if term.op == "if":
        test, then, other = term.parts
        tests = {each for (each,) in values([test], guard, held)}
        found: set[int] = set()
        for wanted, branch in ((True, then), (False, other)):
            if any(bool(each) == wanted for each in tests):
                found |= {each for (each,) in values([branch], guard, held)}
        return found
    if term.op in {"and", "or", "not"}:
        return {0, 1}
    left, right = ({each for (each,) in values([part], guard, held)} for part in term.parts)
    return {int(result) for a, b in product(left, right) if isinstance(result := operate(term.op, a, b), int)}


def possible(guard: Sequence[Term], held: Held) -> bool:
    """Whether each part of a guard may hold."""
    return all(any(bool(each) for (each,) in values([part], (), held)) for part in guard)


def build(model: Model, configuration: Configuration) -> Scope:
    """The model in this configuration."""
    scope = Scope(model, configuration)
    _explore(scope)
    known = {name: next(iter(numbers)) for name, numbers in scope.held.items() if len(numbers) == 1}
    constant = _Zero(known, scope.held)
    scope.maker = Instances(model, configuration, Cells(configuration, constant))
    scope.instances = [instance for instance in _all(scope.maker, scope.keys) if possible(instance.guard, scope.held)]
    for instance in scope.instances:
        for key, sending, when in _sent(scope, instance):
            _note(scope, instance, key, sending, when)
    scope.instances += list(_syncs(scope))
    scope.checks = list(_checks(scope))
    _cut(scope)
    return scope


class _Zero(dict[str, int]):
    """Known cells: those that were seen with one value, and those that nothing ever writes."""

    def __init__(self, known: dict[str, int], held: Held) -> None:
        super().__init__(known)
        self._held = held

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name not in self._held

    def __missing__(self, name: str) -> int:
        return 0


def _all(maker: Instances, keys: Sequence[Key]) -> Iterator[Instance]:
    yield from maker.inputs()
    for key in keys:
        yield from maker.receptions(key)


def _explore(scope: Scope) -> None:
    """Find what every cell may hold, and every message that may be sent."""
    held: dict[str, frozenset[int]] = scope.held
    queue = list(scope.maker.inputs())
    known: dict[Key, None] = {}
    changed = True
    while changed:
        changed = False
        for instance in list(queue):
            if not possible(instance.guard, held):
                continue
            for name, term in instance.updates.items():
                changed |= _add(held, name, {each for (each,) in values([term], instance.guard, held)})
            for key, sending, _ in _sent(scope, instance):
                event = sending.event
                changed |= _add(held, key.cell("n"), {1})
                if _waits(scope, event, instance.me):
                    changed |= _add(held, waiting(key, instance.me), {1})
                payload = [sending.fields[index] for index in scope.maker.payload_fields(event)]
                names = scope.maker.payload_names(event, key)
                for name, term in zip(names, (leaf for thing in payload for leaf in leaves(thing)), strict=True):
                    # Nobody reads it before it is sent, so the default does not count.
                    changed |= _add(held, name, {each for (each,) in values([term], instance.guard, held)}, frozenset())
                if key not in known:
                    known[key] = None
                    queue.extend(scope.maker.receptions(key))
                    changed = True
        for member in scope.configuration.ahead:
            for item in scope.model.state():
                if item.is_on_disk:
                    for name in scope.maker.cells.names(item.sort, f"{item.name}_{member}"):
                        changed |= _add(held, disk(name), set(held.get(name, (0,))))
    scope.keys = sorted(known)


def disk(name: str) -> str:
    """The cell of what the disk holds, where that may be less than what its member knows."""
    return f"disk_{name}"


def _add(held: dict[str, frozenset[int]], name: str, new: set[int], start: frozenset[int] = frozenset((0,))) -> bool:
    old = held.get(name, start)
    if new <= old:
        held.setdefault(name, old)
        return False
    held[name] = old | new
    return True


def _waits(scope: Scope, event: Event, me: int) -> bool:
    return event.after and me in scope.configuration.ahead


def waiting(key: Key, me: int) -> str:
    """The cell of a message that waits for its sender's disk."""
    return f"{key.cell('w')}_of_{me}"


def _sent(scope: Scope, instance: Instance) -> Iterator[tuple[Key, Sending, Term]]:
    """Every message that an instance may send, and when it does."""
    for sending in instance.sends:
        event = sending.event
        src = sending.src if event.name in scope.maker.named_senders else 0
        indexes = scope.maker.key_fields(event)
        terms = [sending.dst, *(sending.fields[index] for index in indexes)]
        if not possible([sending.when], scope.held):
            continue
        # What is below the least that may be sent, no receiver takes: the codec refuses it.
        least = [0, *(sort.wire if isinstance(sort := event.fields[index][1], Nat) else 0 for index in indexes)]
        for dst, *fields in sorted(values(terms, [*instance.guard, sending.when], scope.held)):
            if any(value < minimum for value, minimum in zip((dst, *fields), least, strict=True)):
                continue
            same = all_of(operate("==", term, value) for term, value in zip(terms, (dst, *fields), strict=True))
            yield Key(event.name, src, dst, tuple(fields)), sending, all_of((sending.when, same))


def _note(scope: Scope, instance: Instance, key: Key, sending: Sending, when: Term) -> None:
    """A message that is sent, as updates of its cells."""
    cells, event = scope.maker.cells, sending.event
    waits = _waits(scope, event, instance.me)
    name = waiting(key, instance.me) if waits else key.cell("n")
    instance.updates[name] = choice(when, 1, instance.updates.get(name, cells(name)))
    payload = [leaf for index in scope.maker.payload_fields(event) for leaf in leaves(sending.fields[index])]
    names = scope.maker.payload_names(event, key)
    said = any_of((cells(key.cell("n")), cells(waiting(key, instance.me)) if waits else 0))
    for cell_name, term in zip(names, payload, strict=True):
        instance.updates[cell_name] = choice(when, term, instance.updates.get(cell_name, cells(cell_name)))
        different = all_of((when, said, operate("!=", term, cells(cell_name))))
        if different != 0:
            instance.contradicts.append(different)


def _syncs(scope: Scope) -> Iterator[Instance]:
    """What a member has written becomes durable, and what waited for that leaves."""
    cells, configuration = scope.maker.cells, scope.configuration
    for member in configuration.ahead:
        sync = Instance(SYNC.lower(), None, member, SYNC, (), 0, ())
        restart = next((each for each in scope.instances if each.rule is None and each.me == member), None)
        for item in scope.model.state():
            if item.is_on_disk:
                for name in cells.names(item.sort, f"{item.name}_{member}"):
                    sync.updates[disk(name)] = cells(name)
        for key in scope.keys:
            late = waiting(key, member)
            if late in scope.held:
                sync.updates[key.cell("n")] = any_of((cells(key.cell("n")), cells(late)))
                sync.updates[late] = 0
                if restart is not None:
                    restart.updates[late] = 0
                    for name in scope.maker.payload_names(scope.model.event(key.message), key):
                        restart.updates[name] = choice(all_of((cells(late), negation(cells(key.cell("n"))))), 0, cells(name))
        yield sync


def _checks(scope: Scope) -> Iterator[Check]:
    """Every invariant, for every choice of its parameters."""
    maker, configuration = scope.maker, scope.configuration

    def sent(asked: Sent, fields: list[Thing], src: Thing) -> Term:
        event = scope.model.event(asked.message)
        found: list[Term] = []
        for key in scope.keys:
            if key.message == asked.message:
                said = {**dict(zip(maker.key_fields(event), key.fields, strict=True)), **maker.payload(event, key)}
                same = matches(fields, [said[index] for index in range(len(event.fields))])
                found.append(all_of((1 if src is None else operate("==", src, key.src), same, maker.cells(key.cell("n")))))
        return any_of(found)

    called: dict[tuple[Any, ...], Thing] = {}
    for invariant in scope.model.invariants:
        parts: list[Term] = []
        for choices in product(*(configuration.every(parameter.sort) for parameter in invariant.parameters)):
            lowering = maker.lowering(configuration.members[0])
            lowering.sent, lowering.called = sent, called
            lowering.locals = {p.number: value for p, value in zip(invariant.parameters, choices, strict=True)}
            parts.append(lowering.term(invariant.body))
        yield Check(invariant.name, all_of(parts))


def _cut(scope: Scope) -> None:
    """Leave out what nothing depends on."""
    kept: set[str] = set()
    for check in scope.checks:
        kept |= reads(check.holds)
    for instance in scope.instances:
        for part in (*instance.guard, *instance.contradicts):
            kept |= reads(part)
    while True:
        more: set[str] = set()
        for instance in scope.instances:
            for name, term in instance.updates.items():
                if name in kept:
                    more |= reads(term)
        if more <= kept:
            break
        kept |= more
    scope.kept = frozenset(name for name in kept if len(scope.held.get(name, (0,))) > 1)
    for instance in scope.instances:
        instance.updates = {
            name: term
            for name, term in instance.updates.items()
            if name in scope.kept and not (isinstance(term, Formula) and term.python == name)
        }
    scope.instances = [instance for instance in scope.instances if instance.updates or instance.contradicts]
