"""Expressions as formulas mean what the language says they mean: every function and guard of the core, evaluated in both ways."""

import random
from typing import Any

import pytest

from gaios.spec.formulas import python
from gaios.spec.lowering import leaves
from gaios.spec.scope import Scope
from gaios.spec.sorts import MapOf, Nat, Opaque, Record, SetOf, Sort
from gaios.spec.tree import Call, Local, walk
from tests.spec.interpreter import Interpreter
from tests.spec.models import TINY, scope

SLOTS = 2


@pytest.fixture(scope="module")
def wide() -> Scope:
    """Two slots, and no cell known beforehand."""
    from dataclasses import replace

    from gaios.spec.check import the_model

    return Scope(the_model(), replace(TINY, slots=SLOTS, terms=(1, 2)))


def some(sort: Sort, dice: random.Random) -> Any:
    """A value of a sort, as the interpreter holds it."""
    match sort:
        case MapOf(value=inner, key=key):
            keys = (1, 2, 3) if key.name == "Member" else range(1, SLOTS + 1)
            found = {each: some(inner, dice) for each in keys if dice.random() < 0.6}
            return {each: value for each, value in found.items() if value not in {0, (0, b""), frozenset()}}
        case SetOf():
            return frozenset(each for each in (1, 2, 3) if dice.random() < 0.5)
        case Record(parts=parts):
            return tuple(some(part, dice) for _, part in parts)
        case Opaque():
            return dice.choice([b"", b"\1", b"\2"])
        case Nat(name="Slot"):
            return dice.randrange(SLOTS + 1)
        case _:
            return dice.randrange(4)


def cells(scope: Scope, sort: Sort, name: str, value: Any) -> dict[str, int]:
    """The cells that hold a value."""
    match sort:
        case MapOf(value=inner, key=key):
            keys = scope.configuration.scope(key)
            empty: Any = (0, b"") if isinstance(inner, Record) else frozenset() if isinstance(inner, SetOf) else 0
            found: dict[str, int] = {}
            for each in keys:
                found |= cells(scope, inner, f"{name}_{each}", value.get(each, empty))
            return found
        case SetOf():
            return {f"{name}_{each}": int(each in value) for each in (1, 2, 3)}
        case Record(parts=parts):
            found = {}
            for (word, part), each in zip(parts, value, strict=True):
                found |= cells(scope, part, f"{name}_{word}", each)
            return found
        case Opaque():
            return {name: value[0] if value else 0}
        case _:
            return {name: int(value)}


@pytest.mark.seeds(40)
def test_guards_and_functions_of_the_core_mean_the_same_twice(seed: int, wide: Scope) -> None:
    """The interpreter walks the tree and looks things up; the lowering unrolls it over cells. They share no code."""
    dice = random.Random(seed)
    specification = wide.model.specification
    voters = frozenset((1, 2, 3))
    person = Interpreter(specification, 1, founders=voters)
    person.constants |= wide.maker.constants
    person.state |= {item.name: some(item.sort, dice) for item in specification.state if item.kind != "given"}
    person.src, person.now = 2, dice.randrange(4)
    known: dict[str, int] = {"clock_1": person.now}
    for item in specification.state:
        if item.kind != "given":
            known |= cells(wide, item.sort, f"{item.name}_1", person.state[item.name])
    checked = 0
    for rule in specification.rules:
        values = {parameter.number: some(parameter.sort, dice) for parameter in rule.parameters}
        lowering = wide.maker.lowering(1, 2)
        for parameter in rule.parameters:
            named = cells(wide, parameter.sort, f"field_{parameter.number}", values[parameter.number])
            known |= named
            lowering.locals[parameter.number] = wide.maker.cells.thing(parameter.sort, f"field_{parameter.number}")
        for part in rule.guard:
            assert bool(eval(python(lowering.term(part)), dict(known))) == bool(person.value(part, values)), part
            checked += 1
    for function in specification.functions:
        if not function.parameters:
            thing = [eval(python(term), dict(known)) for term in leaves(wide.maker.lowering(1).thing(function.body))]
            expected = person.value(function.body, {})
            shape = list(cells(wide, function.result, "x", expected).values()) if not isinstance(expected, bool) else [int(expected)]
            assert list(map(int, thing)) == shape, function.name
            checked += 1
    assert checked > 40


def test_a_quantifier_is_unrolled_and_folded() -> None:
    """What the configuration decides leaves nothing behind."""
    invariants = {check.name: check.holds for check in scope().checks}
    assert invariants["a_lease_is_exclusive"] == 1, "there is no lease in this configuration"
    assert "nAccept" in python(invariants["agreement"])


def test_members_are_looked_at_as_they_are() -> None:
    """`q.field` is that member's cell, a function is evaluated as that member."""
    built = scope()
    holds = next(check.holds for check in built.checks if check.name == "a_promise_is_kept")
    assert all(f"promised_{member}" in python(holds) for member in (1, 2, 3))
    assert any(isinstance(node, Call | Local) for invariant in built.model.invariants for node in walk(invariant.body))
