"""What a specification means: its expressions and functions, checked, with every name resolved.

Rule 1. Nodes are immutable, and equal when they mean the same: places and spellings of parameters do not count.
Rule 2. Nothing here is about Python: a back end for a model checker reads the same tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gaios.spec.sorts import Sort
from gaios.spec.source import Place


@dataclass(frozen=True, slots=True)
class Node:
    """Something with a sort and a place."""

    sort: Sort
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A literal number."""

    value: int


@dataclass(frozen=True, slots=True)
class Flag(Node):
    """True or False."""

    value: bool


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A declared constant, an enumeration's member or an opaque sort's no-op."""

    name: str


@dataclass(frozen=True, slots=True)
class Ambient(Node):
    """What is given with every event: `me`, `now`, `src`."""

    name: str


@dataclass(frozen=True, slots=True)
class Local(Node):
    """A parameter, a local or the variable of a comprehension. `number` identifies it within its rule or function."""

    number: int
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class State(Node):
    """A field of the role."""

    name: str


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Negation."""

    item: "Expr"


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`+ - * // %` on numbers, `& |` on sets."""

    op: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`== != < <= > >= in`."""

    op: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Both(Node):
    """`and` or `or` of two or more."""

    op: str
    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Choose(Node):
    """`then if test else other`."""

    test: "Expr"
    then: "Expr"
    other: "Expr"


@dataclass(frozen=True, slots=True)
class Lookup(Node):
    """`map[key]`, total."""

    map: "Expr"
    key: "Expr"


@dataclass(frozen=True, slots=True)
class Part(Node):
    """`record.part`."""

    record: "Expr"
    index: int


@dataclass(frozen=True, slots=True)
class Make(Node):
    """A record from its parts."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Items(Node):
    """`{a, b}`: a set of these."""

    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Empty(Node):
    """`{}`: the empty set or map."""


@dataclass(frozen=True, slots=True)
class Range:
    """`range(low, high)`: numbers from `low` up to and without `high`."""

    low: "Expr"
    high: "Expr"


@dataclass(frozen=True, slots=True)
class Keys:
    """`keys(m, …)`: every key of any of the maps, in order."""

    maps: tuple["Expr", ...]


Domain = Range | Keys


@dataclass(frozen=True, slots=True)
class SetBy(Node):
    """`{x for x in domain if test}`."""

    variable: Local
    domain: Domain
    test: "Expr | None"


@dataclass(frozen=True, slots=True)
class MapBy(Node):
    """`{x: value for x in domain if test}`."""

    variable: Local
    value: "Expr"
    domain: Domain
    test: "Expr | None"


@dataclass(frozen=True, slots=True)
class Count(Node):
    """`len(x)` of a set or a map."""

    item: "Expr"


@dataclass(frozen=True, slots=True)
class Extreme(Node):
    """`min` or `max` of two or more."""

    op: str
    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Top(Node):
    """`top(m)`: the highest key of a map, 0 when it is empty."""

    map: "Expr"


@dataclass(frozen=True, slots=True)
class Run(Node):
    """`run(test for x in range(a, b))`: how many elements, from the first on, pass without a gap."""

    variable: Local
    domain: Range
    test: "Expr"


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A declared function, applied."""

    function: "Function"
    items: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Table(Node):
    """The body of a function that stands outside the texts, `def f(v: VALUE) -> SORT: ...`: what is known of a value, by name."""

    name: str
    item: "Expr"


@dataclass(frozen=True, slots=True)
class Of(Node):
    """`q.field` or `q.function(…)`: as member `q` sees it. In models only."""

    member: "Expr"
    item: "Expr"


@dataclass(frozen=True, slots=True)
class Sent(Node):
    """`sent(M(…), src=q)`: whether such a message was ever sent; None stands for any value. In models only."""

    message: str
    items: tuple["Expr | None", ...]
    src: "Expr | None"


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    """`all(test for x in SORT)` and `any(…)`: over every value of the variable's sort. In models only."""

    op: str
    variable: Local
    test: "Expr"


@dataclass(frozen=True, slots=True)
class Gather(Node):
    """`{x for x in SORT if test}`. In models only."""

    variable: Local
    test: "Expr"


Expr = (
    Number | Flag | Constant | Ambient | Local | State | Not | Binary | Compare | Both | Choose | Lookup | Part | Make | Items | Empty
    | SetBy | MapBy | Count | Extreme | Top | Run | Call | Table | Of | Sent | Quantified | Gather
)  # fmt: skip


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below this one; bodies of called functions are not below it."""
    match expr:
        case Not(item=a) | Count(item=a) | Top(map=a) | Part(record=a) | Table(item=a):
            return (a,)
        case Binary(left=a, right=b) | Compare(left=a, right=b) | Lookup(map=a, key=b):
            return (a, b)
        case Both(items=many) | Make(items=many) | Items(items=many) | Extreme(items=many) | Call(items=many):
            return many
        case Choose(test=a, then=b, other=c):
            return (a, b, c)
        case MapBy(variable=x, value=v, domain=d, test=t):
            return (x, v, *domain_children(d), *(() if t is None else (t,)))
        case SetBy(variable=x, domain=d, test=t):
            return (x, *domain_children(d), *(() if t is None else (t,)))
        case Run(variable=x, domain=d, test=t):
            return (x, *domain_children(d), t)
        case Quantified(variable=x, test=t) | Gather(variable=x, test=t):
            return (x, t)
        case Of(member=a, item=b):
            return (a, b)
        case Sent(items=many, src=source):
            return tuple(item for item in (*many, source) if item is not None)
        case _:
            return ()


def domain_children(domain: Domain) -> tuple[Expr, ...]:
    """The expressions of a domain."""
    return (domain.low, domain.high) if isinstance(domain, Range) else domain.maps


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all below it."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def reads(expr: Expr) -> Iterator[State]:
    """Every read of state, through called functions too, at the place of the call."""
    for node in walk(expr):
        if isinstance(node, State):
            yield node
        elif isinstance(node, Call):
            for inner in reads(node.function.body):
                yield State(inner.sort, node.at, inner.name)


@dataclass(frozen=True, slots=True)
class Function:
    """A pure function of its parameters and the state."""

    name: str
    parameters: tuple[Local, ...]
    result: Sort
    body: Expr
    at: Place = field(compare=False)
