"""Expressions as Python text, with no more parentheses than Python needs.

Rule 1. What only the constructor's arguments decide is computed once, in the constructor.
Rule 2. A function is put in place where none of its arguments would be computed twice; otherwise it is called.
Rule 3. Order is never a set's or a hash's: maps are walked in key order wherever it shows.  [SAFETY 27]
Rule 4. A map that leaves its place, into a message or another field, is a fresh one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gaios.spec.python_words import Names, default, number
from gaios.spec.sorts import MapOf, Opaque, SetOf
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
    Items,
    Keys,
    Local,
    Lookup,
    Make,
    MapBy,
    Not,
    Number,
    Part,
    Range,
    SetBy,
    State,
    Table,
    Top,
    reads,
    walk,
)

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
# Binding strengths of Python's operators, weakest first.
_TERNARY, _OR, _AND, _NOT, _COMPARE, _BIT_OR, _BIT_AND, _SHIFT, _SUM, _PRODUCT, _ATOM = range(11)
ATOMIC = re.compile(r"[\w.]+")
"""Text that may be repeated: it costs nothing to compute twice."""
LOOP = 2
"""How much more a read in a loop counts."""
STRENGTH = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT, "&": _BIT_AND, "|": _BIT_OR}
"""How strongly a binary operator binds."""


def is_given(expr: Expr, given: frozenset[str]) -> bool:
    """Whether only the constructor's arguments decide it."""
    leaves = [node for node in walk(expr) if not isinstance(node, Compare | Count)]
    return all((isinstance(n, State) and n.name in given) or (isinstance(n, Ambient) and n.name == "me") for n in leaves) and bool(leaves)


@dataclass(slots=True)
class Hoisted:
    """Expressions over the constructor's arguments, computed once; by the name of the slot that holds them."""

    given: frozenset[str]
    found: dict[str, Expr] = field(default_factory=dict)

    def slot(self, expr: Expr) -> str | None:
        """The slot that holds this expression; None when it is not one to be computed once."""
        match expr:
            case Count(item=State(name=name)) if is_given(expr, self.given):
                slot = f"_{name}_count"
            case Compare(op="in", left=Ambient(name="me"), right=State(name=name)) if is_given(expr, self.given):
                slot = f"_me_in_{name}"
            case _:
                return None
        self.found[slot] = expr
        return slot


@dataclass(slots=True)
class Expressions:
    """Expressions as Python text, with no more parentheses than Python needs."""

    hoisted: Hoisted
    names: Names
    cached: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    known: dict[int, Expr] = field(default_factory=dict)
    """Variables that run over all keys of one map: looking them up there needs no default."""
    weight: int = 1
    """How often what is emitted now will be evaluated, roughly."""

    @contextmanager
    def loop(self) -> Iterator[None]:
        """What is emitted meanwhile stands in a loop."""
        self.weight += LOOP
        yield
        self.weight -= LOOP

    def text(self, expr: Expr) -> str:
        """The expression where anything may stand."""
        return self._emit(expr)[0]

    def inner(self, expr: Expr, strength: int) -> str:
        """The expression below an operator of this strength."""
        text, own = self._emit(expr)
        return text if own >= strength else f"({text})"

    def fresh(self, expr: Expr) -> str:
        """A map that nobody else holds."""
        text = self.text(expr)
        return text if not isinstance(expr.sort, MapOf) or is_fresh(expr) else f"dict({text})"

    def negation(self, expr: Expr) -> str:
        """Its opposite, said without `not` where that is possible."""
        if isinstance(expr, Call) and (body := self._inlined(expr)) is not None:
            return body(self.negation)
        if isinstance(expr, Compare) and expr.op in _NEGATED:
            return self._comparison(expr, _NEGATED[expr.op])
        return f"not {self.inner(expr, _NOT)}"

    def conjunction(self, exprs: Sequence[Expr]) -> list[str]:
        """All of them, as what stands between `and`s."""
        flat = [part for expr in exprs for part in _conjuncts(expr)]
        return [self.text(flat[0])] if len(flat) == 1 else [self._operand(expr, "and", _AND) for expr in flat]

    def domain(self, domain: Domain, *, ordered: bool = True) -> str:
        """What a loop runs over."""
        match domain:
            case Range(low=low, high=high):
                start = self.text(low)
                return f"range({self.text(high)})" if start == "0" else f"range({start}, {self.text(high)})"
            case Keys(maps=[item]):
                return f"sorted({self.text(item)})" if ordered else self.text(item)
            case Keys(maps=maps):
                union = f"{{{', '.join('*' + self.inner(item, _BIT_OR) for item in maps)}}}"
                return f"sorted({union})" if ordered else union

    def state(self, name: str) -> str:
        """A field: its slot, or the local that holds it."""
        self.counts[name] += self.weight
        return self.cached.get(name, f"self.{name}")

    def _emit(self, expr: Expr) -> tuple[str, int]:
        if (slot := self.hoisted.slot(expr)) is not None:
            return f"self.{slot}", _ATOM
        match expr:
            case Number(value=value):
                return number(value), _ATOM
            case Flag(value=value):
                return str(value), _ATOM
            case Constant(name=name, sort=sort):
                return ('b""' if isinstance(sort, Opaque) and name == sort.noop else name), _ATOM
            case Ambient(name=name):
                return ("self.me" if name == "me" else name), _ATOM
            case Local():
                return self.names.of(expr), _ATOM
            case State(name=name):
                return self.state(name), _ATOM
            case Not(item=item):
                return self.negation(item), _NOT if not isinstance(item, Compare) else _COMPARE
            case Binary(op=op, left=left, right=right):
                strength = STRENGTH[op]
                return f"{self.inner(left, strength)} {op} {self.inner(right, strength + 1)}", strength
            case Compare(op=op):
                return self._comparison(expr, op), _COMPARE
            case Both(op=op, items=items):
                strength = _AND if op == "and" else _OR
                # Python does not need them, but whoever mixes `and` with `or` wants to see them.
                texts = [self._operand(item, op, strength) for item in items]
                return f" {op} ".join(texts), strength
            case Choose(test=test, then=then, other=other):
                return f"{self.inner(then, _OR)} if {self.inner(test, _OR)} else {self.inner(other, _TERNARY)}", _TERNARY
            case Call():
                return self._call(expr)
            case _:
                return self._collection(expr)

    def _collection(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Lookup(map=item, key=Local(number=number) as key) if self.known.get(number) == item:
                return f"{self.inner(item, _ATOM)}[{self.names.of(key)}]", _ATOM
            case Lookup(map=item, key=key, sort=sort):
                return f"{self.inner(item, _ATOM)}.get({self.text(key)}, {default(sort)})", _ATOM
            case Part(record=record, index=index):
                return f"{self.inner(record, _ATOM)}[{index}]", _ATOM
            case Make(items=items):
                return f"({', '.join(self.text(item) for item in items)}{',' if len(items) == 1 else ''})", _ATOM
            case Items(items=items):
                return " | ".join(f"1 << {self.inner(item, _SHIFT + 1)}" for item in items), _SHIFT if len(items) == 1 else _BIT_OR
            case Empty(sort=sort):
                return default(sort), _ATOM
            case SetBy(variable=variable, domain=domain, test=test):
                source = self.domain(domain, ordered=False)
                name = self.names.bind(variable)
                self._know(variable, domain)
                text = f"sum(1 << {name} for {name} in {source}{self._filter(test)})"
                self.known.pop(variable.number, None)
                return text, _ATOM
            case MapBy(variable=variable, value=value, domain=domain, test=test):
                source = self.domain(domain)
                name = self.names.bind(variable)
                self._know(variable, domain)
                text = f"{{{name}: {self.text(value)} for {name} in {source}{self._filter(test)}}}"
                self.known.pop(variable.number, None)
                return text, _ATOM
            case Count(item=item):
                return (f"{self.inner(item, _ATOM)}.bit_count()" if isinstance(item.sort, SetOf) else f"len({self.text(item)})"), _ATOM
            case Extreme(op=op, items=items):
                texts = [self.text(item) for item in items]
                if len(texts) == 2 and all(ATOMIC.fullmatch(text) for text in texts):
                    first, second = texts
                    return f"{first} if {first} {'>=' if op == 'max' else '<='} {second} else {second}", _TERNARY
                return f"{op}({', '.join(texts)})", _ATOM
            case Top(map=item):
                return f"max({self.text(item)}, default=0)", _ATOM
            case _:
                raise AssertionError(type(expr).__name__)

    def _know(self, variable: Local, domain: Domain) -> None:
        if isinstance(domain, Keys) and len(domain.maps) == 1:
            self.known[variable.number] = domain.maps[0]

    def _operand(self, item: Expr, op: str, strength: int) -> str:
        while isinstance(item, Call) and isinstance(item.function.body, Both) and not item.items:
            item = item.function.body
        if isinstance(item, Both) and item.op != op:
            return f"({self.text(item)})"
        return self.inner(item, strength)

    def _filter(self, test: Expr | None) -> str:
        return "" if test is None else f" if {self.inner(test, _OR)}"

    def _comparison(self, expr: Compare, op: str) -> str:
        if op == "in":
            return f"{self.inner(expr.right, _SHIFT)} >> {self.inner(expr.left, _SHIFT + 1)} & 1 == 1"
        return f"{self.inner(expr.left, _COMPARE + 1)} {op} {self.inner(expr.right, _COMPARE + 1)}"

    def _call(self, call: Call) -> tuple[str, int]:
        inlined = self._inlined(call)
        if inlined is not None:
            strength = [0]

            def emit(body: Expr) -> str:
                text, strength[0] = self._emit(body)
                return text

            return inlined(emit), strength[0]
        receiver = "self." if is_method(call.function) else ""
        return f"{receiver}{call.function.name}({', '.join(self.text(item) for item in call.items)})", _ATOM

    def _inlined(self, call: Call) -> Callable[[Callable[[Expr], str]], str] | None:
        """How to emit the body of a called function in place; None when an argument would be computed twice, or the body is long."""
        function = call.function
        uses = Counter(node.number for node in walk(function.body) if isinstance(node, Local))
        if any(isinstance(node, MapBy | SetBy | Table) for node in walk(function.body)):
            return None
        arguments = [self._emit(item) for item in call.items]
        for parameter, (text, _) in zip(function.parameters, arguments, strict=True):
            if uses[parameter.number] > 1 and not ATOMIC.fullmatch(text):
                return None

        def emit(how: Callable[[Expr], str]) -> str:
            outer, known = self.names.texts, self.known
            self.known = {}
            self.names.texts = {
                parameter.number: text if strength == _ATOM else f"({text})"
                for parameter, (text, strength) in zip(function.parameters, arguments, strict=True)
            }
            try:
                return how(function.body)
            finally:
                self.names.texts, self.known = outer, known

        return emit


def _conjuncts(expr: Expr) -> list[Expr]:
    """A conjunction, functions without parameters opened, as its parts."""
    match expr:
        case Both(op="and", items=items):
            return [part for item in items for part in _conjuncts(item)]
        case Call(function=Function(body=Both(op="and") as body), items=()):
            return _conjuncts(body)
        case _:
            return [expr]


def is_fresh(expr: Expr) -> bool:
    """Whether a map is made by this expression, and so has no other holder."""
    match expr:
        case MapBy() | Empty():
            return True
        case Call(function=function):
            return is_fresh(function.body)
        case Choose(then=then, other=other):
            return is_fresh(then) and is_fresh(other)
        case _:
            return False


def is_method(function: Function) -> bool:
    """Whether the function reads the state, and so is a method; else it is a function of the module."""
    return any(True for _ in reads(function.body)) or any(
        isinstance(node, Ambient) or (isinstance(node, Call) and is_method(node.function)) for node in walk(function.body)
    )
