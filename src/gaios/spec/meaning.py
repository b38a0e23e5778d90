"""What the claims of a model mean, over running participants: expressions as Python functions of a world.

Rule 1. Fields and functions of the core are read from the generated class, as replicas run it; only what models add is evaluated here.
Rule 2. Nothing is shared with the lowering: where the two differ, the two engines count different states.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from gaios.spec.claims import Model
from gaios.spec.configuration import Configuration
from gaios.spec.sorts import Enum, MapOf, Opaque, Record, SetOf, Sort
from gaios.spec.tree import (
    Ambient,
    Binary,
    Both,
    Call,
    Choose,
    Compare,
    Constant,
    Count,
    Domain,
    Empty,
    Expr,
    Extreme,
    Flag,
    Function,
    Gather,
    Items,
    Keys,
    Local,
    Lookup,
    Make,
    MapBy,
    Not,
    Number,
    Of,
    Part,
    Quantified,
    Range,
    Sent,
    SetBy,
    State,
    Top,
)

Locals = dict[int, Any]
Said = tuple[int, tuple[Any, ...]]
"""A sender (0 where it makes no difference) and a message's fields."""


def bytes_of(value: int) -> bytes:
    """A value of a model as replicas hold it; 0 is the no-op."""
    return bytes([value]) if value else b""


def number_of(value: bytes) -> int:
    """The reverse."""
    return value[0] if value else 0


def zero(sort: Sort) -> Any:  # noqa: ANN401 (a value of any sort)
    """The default of a sort, as replicas hold it."""
    match sort:
        case Opaque():
            return b""
        case Record(parts=parts):
            return tuple(zero(part) for _, part in parts)
        case MapOf():
            return {}
        case _:
            return 0


@dataclass(slots=True)
class World:
    """One state, to look at."""

    members: Mapping[int, Any]
    """Participants of the generated class, by member."""
    ghosts: Mapping[int, Mapping[str, Any]]
    sent: Callable[[str], Iterator[Said]]
    """Every message of a name that was ever sent."""


@dataclass(slots=True)
class Meaning:
    """Evaluates expressions."""

    model: Model
    configuration: Configuration
    module: ModuleType
    constants: Mapping[str, int]

    def value(self, expr: Expr, world: World, me: int, values: Locals) -> Any:  # noqa: ANN401 (a value of any sort)
        """What an expression is, as a member sees it."""
        match expr:
            case Number(value=value) | Flag(value=value):
                return value
            case Constant(name=name, sort=sort):
                return self._constant(name, sort)
            case Ambient(name=name):
                return me if name == "me" else self._field("clock", world, me)
            case Local(number=number):
                return values[number]
            case State(name=name):
                return self._field(name, world, me)
            case Not(item=item):
                return not self.value(item, world, me, values)
            case Binary(op=op, left=left, right=right) | Compare(op=op, left=left, right=right):
                return _operate(op, self.value(left, world, me, values), self.value(right, world, me, values))
            case Both(op=op, items=items):
                results = (self.value(item, world, me, values) for item in items)
                return all(results) if op == "and" else any(results)
            case Choose(test=test, then=then, other=other):
                return self.value(then if self.value(test, world, me, values) else other, world, me, values)
            case Call(function=function, items=items):
                return self._call(function, [self.value(item, world, me, values) for item in items], world, me)
            case Of(member=member, item=Call(function=function, items=items)):
                arguments = [self.value(item, world, me, values) for item in items]
                return self._call(function, arguments, world, self.value(member, world, me, values))
            case Of(member=member, item=item):
                return self.value(item, world, self.value(member, world, me, values), values)
            case Sent():
                return self._sent(expr, world, me, values)
            case Quantified(op=op, variable=x, test=test):
                results = (self.value(test, world, me, {**values, x.number: i}) for i in self.every(x.sort))
                return all(results) if op == "all" else any(results)
            case Gather(variable=x, test=test):
                return sum(1 << i for i in self.every(x.sort) if self.value(test, world, me, {**values, x.number: i}))
            case _:
                return self._collection(expr, world, me, values)

    def _constant(self, name: str, sort: Sort) -> Any:  # noqa: ANN401 (a value of any sort)
        match sort:
            case Enum(members=members):
                return members.index(name)
            case Opaque():
                return b""
            case _:
                return self.constants[name]

    def _field(self, name: str, world: World, me: int) -> Any:  # noqa: ANN401 (a value of any sort)
        name = self.configuration.same.get(name, name)
        return world.ghosts[me][name] if name in world.ghosts[me] else getattr(world.members[me], name)

    def _call(self, function: Function, arguments: list[Any], world: World, me: int) -> Any:  # noqa: ANN401 (a value of any sort)
        core = {item.name for item in self.model.specification.functions}
        if function.name in core:
            own = getattr(world.members[me], function.name, None)
            return own(*arguments) if own is not None else getattr(self.module, function.name)(*arguments)
        bound = {p.number: argument for p, argument in zip(function.parameters, arguments, strict=True)}
        return self.value(function.body, world, me, bound)

    def _sent(self, expr: Sent, world: World, me: int, values: Locals) -> bool:
        asked = [None if item is None else self.value(item, world, me, values) for item in expr.items]
        source = None if expr.src is None else self.value(expr.src, world, me, values)
        return any(
            (source is None or source == src) and all(want is None or want == have for want, have in zip(asked, fields, strict=True))
            for src, fields in world.sent(expr.message)
        )

    def every(self, sort: Sort) -> list[Any]:
        """Every value of a sort, as replicas hold it."""
        numbers = self.configuration.every(sort)
        return [bytes_of(number) for number in numbers] if isinstance(sort, Opaque) else list(numbers)

    def _domain(self, domain: Domain, world: World, me: int, values: Locals) -> list[Any]:
        match domain:
            case Range(low=low, high=high):
                return list(range(self.value(low, world, me, values), self.value(high, world, me, values)))
            case Keys(maps=maps):
                return sorted(set[int]().union(*(self.value(item, world, me, values) for item in maps)))

    def _collection(self, expr: Expr, world: World, me: int, values: Locals) -> Any:  # noqa: ANN401 (a value of any sort)
        match expr:
            case Lookup(map=item, key=key, sort=sort):
                return self.value(item, world, me, values).get(self.value(key, world, me, values), zero(sort))
            case Part(record=record, index=index):
                return self.value(record, world, me, values)[index]
            case Make(items=items):
                return tuple(self.value(item, world, me, values) for item in items)
            case Items(items=items):
                return sum({1 << self.value(item, world, me, values) for item in items})
            case Empty(sort=sort):
                return zero(sort)
            case SetBy(variable=x, domain=domain, test=test):
                found = self._domain(domain, world, me, values)
                return sum(1 << i for i in found if test is None or self.value(test, world, me, {**values, x.number: i}))
            case MapBy(variable=x, value=value, domain=domain, test=test):
                found = self._domain(domain, world, me, values)
                kept = [i for i in found if test is None or self.value(test, world, me, {**values, x.number: i})]
                return {i: self.value(value, world, me, {**values, x.number: i}) for i in kept}
            case Count(item=item):
                thing = self.value(item, world, me, values)
                return thing.bit_count() if isinstance(item.sort, SetOf) else len(thing)
            case Extreme(op=op, items=items):
                return (max if op == "max" else min)(self.value(item, world, me, values) for item in items)
            case Top(map=item):
                return max(self.value(item, world, me, values), default=0)
            case _:
                raise AssertionError(type(expr).__name__)


def _operate(op: str, a: Any, b: Any) -> Any:  # noqa: ANN401 (values of any sort)
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "//":
            return a // b
        case "%":
            return a % b
        case "&":
            return a & b
        case "|":
            return a | b
        case "==":
            return a == b
        case "!=":
            return a != b
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case ">=":
            return a >= b
        case _:
            return b >> a & 1 == 1
