"""Expressions as formulas over the cells of one model: every map opened by its keys, every record by its parts, every quantifier unrolled.

Rule 1. What a configuration decides is computed here and leaves no trace in the model.
Rule 2. A map holds its default for every key outside the scope; looking up is total, as in the language.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gaios.spec.configuration import Configuration
from gaios.spec.formulas import Term, all_of, any_of, cell, choice, negation, operate
from gaios.spec.sorts import TRUTH, Enum, MapOf, Nat, Opaque, Record, SetOf, Sort
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
    Run,
    Sent,
    SetBy,
    State,
    Table,
    Top,
)

Thing = Any
"""What an expression becomes: a term; for a record a tuple of them; for a map a dict from each key in scope to such; for a set a dict
from each member to whether it is in it."""


def equal(a: Thing, b: Thing) -> Term:
    """Whether two things are the same."""
    if isinstance(a, dict):
        return all_of(equal(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all_of(equal(one, other) for one, other in zip(a, b, strict=True))
    return operate("==", a, b)


def select(test: Term, then: Thing, other: Thing) -> Thing:
    """One thing or the other."""
    if isinstance(then, dict):
        return {key: select(test, then[key], other[key]) for key in then}
    if isinstance(then, tuple):
        return tuple(select(test, one, two) for one, two in zip(then, other, strict=True))
    return choice(test, then, other)


def leaves(thing: Thing) -> Iterator[Term]:
    """The terms that a thing is made of, in a fixed order."""
    if isinstance(thing, dict):
        for item in thing.values():
            yield from leaves(item)
    elif isinstance(thing, tuple):
        for item in thing:
            yield from leaves(item)
    else:
        yield thing


@dataclass(slots=True)
class Cells:
    """The cells of a scope: their names, and what is known of them."""

    configuration: Configuration
    known: dict[str, int] = field(default_factory=dict)
    """Cells that never change, with their value."""

    def __call__(self, name: str) -> Term:
        """A cell's value."""
        return self.known[name] if name in self.known else cell(name)

    def thing(self, sort: Sort, name: str) -> Thing:
        """All cells of a variable of this sort."""
        match sort:
            case MapOf(key=key, value=value):
                return {item: self.thing(value, f"{name}_{item}") for item in self.configuration.scope(key)}
            case SetOf(item=key):
                return {item: self(f"{name}_{item}") for item in self.configuration.scope(key)}
            case Record(parts=parts):
                return tuple(self.thing(part, f"{name}_{word}") for word, part in parts)
            case _:
                return self(name)

    def names(self, sort: Sort, name: str) -> Iterator[str]:
        """The names of those cells."""
        match sort:
            case MapOf(key=key, value=value):
                for item in self.configuration.scope(key):
                    yield from self.names(value, f"{name}_{item}")
            case SetOf(item=key):
                for item in self.configuration.scope(key):
                    yield f"{name}_{item}"
            case Record(parts=parts):
                for word, part in parts:
                    yield from self.names(part, f"{name}_{word}")
            case _:
                yield name

    def default(self, sort: Sort) -> Thing:
        """What is there before anything was written."""
        match sort:
            case MapOf(key=key, value=value):
                return {item: self.default(value) for item in self.configuration.scope(key)}
            case SetOf(item=key):
                return dict.fromkeys(self.configuration.scope(key), 0)
            case Record(parts=parts):
                return tuple(self.default(part) for _, part in parts)
            case _:
                return 0


SentLookup = Callable[[Sent, list[Thing], Thing], Term]


@dataclass(slots=True)
class Lowering:
    """Expressions as one member sees them, at one event."""

    cells: Cells
    constants: Mapping[str, int]
    state: Mapping[str, Sort]
    me: int
    src: Term = 0
    sent: SentLookup | None = None
    over: dict[str, Thing] = field(default_factory=dict)
    """Fields whose value is another than their cells say: in the middle of a restart."""
    locals: dict[int, Thing] = field(default_factory=dict)
    called: dict[tuple[Any, ...], Thing] = field(default_factory=dict)
    """What functions of known arguments are, where claims are read: they ask the same again and again."""

    def field_of(self, name: str, member: int) -> Thing:
        """A field of a member."""
        configuration = self.cells.configuration
        name = configuration.same.get(name, name)
        if member == self.me and name in self.over:
            return self.over[name]
        if name in configuration.given:
            return self._known(self.state[name], configuration.given[name][member])
        return self.cells.thing(self.state[name], f"{name}_{member}")

    def as_member(self, member: int) -> "Lowering":
        """The same as another member sees it."""
        return replace(self, me=member, over=self.over if member == self.me else {})

    def _with_locals(self, bound: dict[int, Thing]) -> "Lowering":
        return replace(self, locals=bound)

    def term(self, expr: Expr) -> Term:
        """An expression of a plain sort."""
        thing: Term = self.thing(expr)
        return thing

    def thing(self, expr: Expr) -> Thing:
        """An expression of any sort."""
        match expr:
            case Number(value=value):
                return value
            case Flag(value=flag):
                return int(flag)
            case Constant(name=name, sort=sort):
                return self._constant(name, sort)
            case Ambient(name=name):
                return {"me": self.me, "src": self.src}[name] if name != "now" else self.field_of("clock", self.me)
            case Local(number=number):
                return self.locals[number]
            case State(name=name):
                return self.field_of(name, self.me)
            case Not(item=item):
                return negation(self.term(item))
            case Binary(op="&" | "|" as op, left=left, right=right):
                one, other = self.thing(left), self.thing(right)
                join = all_of if op == "&" else any_of
                return {key: join((one[key], other[key])) for key in one}
            case Binary(op=op, left=left, right=right):
                return operate(op, self.term(left), self.term(right))
            case Compare(op="in", left=left, right=right):
                return self._lookup(self.thing(right), self.term(left), TRUTH)
            case Compare(op="==" | "!=" as op, left=left, right=right):
                same = equal(self.thing(left), self.thing(right))
                return same if op == "==" else negation(same)
            case Compare(op=op, left=left, right=right):
                return operate(op, self.term(left), self.term(right))
            case Both(op=op, items=items):
                terms = (self.term(item) for item in items)
                return all_of(terms) if op == "and" else any_of(terms)
            case Choose(test=test, then=then, other=other):
                return select(self.term(test), self.thing(then), self.thing(other))
            case Call(function=function, items=items):
                bound = {p.number: self.thing(item) for p, item in zip(function.parameters, items, strict=True)}
                known = (function.name, self.me, *bound.values()) if all(type(each) is int for each in bound.values()) else ()
                if self.sent is None or not known:
                    return self._with_locals(bound).thing(function.body)
                if known not in self.called:
                    self.called[known] = self._with_locals(bound).thing(function.body)
                return self.called[known]
            case Table(name=name, item=item, sort=sort):
                told = self.cells.configuration.tables.get(name, {})
                return self._lookup({value: self._known(sort, number) for value, number in told.items()}, self.term(item), sort)
            case Of(member=member, item=item):
                return self._of(self.term(member), item)
            case _:
                return self._collection(expr)

    def _known(self, sort: Sort, number: int) -> Thing:
        """A number or a set, as replicas hold it."""
        return {each: number >> each & 1 for each in self.cells.configuration.scope(sort.item)} if isinstance(sort, SetOf) else number

    def _constant(self, name: str, sort: Sort) -> int:
        match sort:
            case Enum(members=members):
                return members.index(name)
            case Opaque():
                return 0
            case _:
                return self.constants[name]

    def _of(self, member: Term, item: Expr) -> Thing:
        # The arguments of a function are evaluated here, its body there.
        if isinstance(item, Call):
            bound = {p.number: self.thing(argument) for p, argument in zip(item.function.parameters, item.items, strict=True)}
            body, item_locals = item.function.body, bound
        else:
            body, item_locals = item, self.locals
        results = {}
        for each in self.cells.configuration.members:
            if member == each or not isinstance(member, int):
                there = self.as_member(each)
                there.locals = item_locals
                results[each] = there.thing(body)
        if isinstance(member, int):
            return results[member]
        *others, last = results
        thing = results[last]
        for each in others:
            thing = select(operate("==", member, each), results[each], thing)
        return thing

    def _collection(self, expr: Expr) -> Thing:
        match expr:
            case Lookup(map=item, key=key, sort=sort):
                return self._lookup(self.thing(item), self.term(key), sort)
            case Part(record=record, index=index):
                return self.thing(record)[index]
            case Make(items=items):
                return tuple(self.thing(item) for item in items)
            case Items(items=items):
                terms = [self.term(item) for item in items]
                assert isinstance(expr.sort, SetOf)
                return {key: any_of(operate("==", key, term) for term in terms) for key in self.cells.configuration.scope(expr.sort.item)}
            case Empty(sort=sort):
                return self.cells.default(sort)
            case SetBy(variable=x, domain=domain, test=test):
                return {key: all_of((there, self._with(x, key, test))) for key, there in self.domain(domain, x.sort)}
            case MapBy(variable=x, value=value, domain=domain, test=test, sort=MapOf() as sort):
                made = self.cells.default(sort)
                for each, there in self.domain(domain, sort.key):
                    if each in made:
                        kept = all_of((there, self._with(x, each, test)))
                        made[each] = select(kept, self._with(x, each, value), made[each])
                return made
            case Count(item=item):
                return self._count(item)
            case Extreme(op=op, items=items):
                best = self.term(items[0])
                for item in items[1:]:
                    other = self.term(item)
                    best = choice(operate(">=" if op == "max" else "<=", best, other), best, other)
                return best
            case Top(map=item):
                top: Term = 0
                for key, value in self.thing(item).items():
                    top = choice(present(value), key, top)
                return top
            case Run(variable=x, domain=domain, test=test):
                return self._run(x, domain, test)
            case Quantified(op=op, variable=x, test=test):
                tests = [self._with(x, each, test) for each in self.cells.configuration.every(x.sort)]
                return all_of(tests) if op == "all" else any_of(tests)
            case Gather(variable=x, test=test):
                return {each: self._with(x, each, test) for each in self.cells.configuration.every(x.sort)}
            case Sent(items=many, src=source):
                assert self.sent is not None
                asked = [None if item is None else self.thing(item) for item in many]
                return self.sent(expr, asked, None if source is None else self.term(source))
            case _:
                raise AssertionError(type(expr).__name__)

    def _with(self, x: Local, value: int, expr: Expr | None) -> Thing:
        if expr is None:
            return 1
        self.locals = {**self.locals, x.number: value}
        return self.thing(expr)

    def _lookup(self, item: dict[int, Thing], key: Term, sort: Sort) -> Thing:
        if isinstance(key, int):
            return item[key] if key in item else self.cells.default(sort)
        found = self.cells.default(sort)
        for each, value in item.items():
            found = select(operate("==", key, each), value, found)
        return found

    def _count(self, item: Expr) -> Term:
        total: Term = 0
        for value in self.thing(item).values():
            total = operate("+", total, present(value))
        return total

    def _run(self, x: Local, domain: Range, test: Expr) -> Term:
        low, high = self.term(domain.low), self.term(domain.high)
        total: Term = 0
        before: Term = 0
        for key in self.cells.configuration.reach(x.sort):
            inside = all_of((operate("<=", low, key), operate("<", key, high)))
            before = all_of((inside, any_of((operate("==", low, key), before)), self._with(x, key, test)))
            total = operate("+", total, before)
        return total

    def domain(self, domain: Domain, sort: Sort) -> Iterator[tuple[int, Term]]:
        """Every element that a domain might hold, and whether it does."""
        configuration = self.cells.configuration
        match domain:
            case Range(low=low, high=high):
                first, last = self.term(low), self.term(high)
                for key in configuration.scope(sort) if isinstance(sort, Nat) else configuration.reach(sort):
                    yield key, all_of((operate("<=", first, key), operate("<", key, last)))
            case Keys(maps=maps):
                things = [self.thing(item) for item in maps]
                for key in things[0]:
                    yield key, any_of(present(thing[key]) for thing in things)


def present(value: Thing) -> Term:
    """Whether a map's entry differs from its default, and so is there at all; or whether a member is in a set."""
    return any_of(operate("!=", term, 0) for term in leaves(value))
