"""Python from a specification: one flat class, one method an event, no interpretation.

Rule 1. A field that a rule reads often is read once: the law makes every read in a rule a read of the state before it.
Rule 2. What several rules of one event ask in their guards is asked once; what only the constructor's arguments decide, never again.
Rule 3. Order is never a set's or a hash's: maps are walked in key order wherever it shows.  [SAFETY 27]
Rule 4. A map that leaves its place, into a message or another field, is a fresh one.
Rule 5. The variants with tracing and coverage say more, and do the same; the production text pays nothing for them.
"""

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gaios.spec.source import digest
from gaios.spec.tree import (
    Ambient, Assign, Binary, Both, Call, Choose, Compare, Constant, Count, Domain, Drop, Each, Empty, Enum, Event, Expr, Extreme, Field,
    Flag, Function, If, Items, Keys, Let, Local, Lookup, Make, MapBy, MapOf, Merge, Nat, Not, Number, Opaque, Part, Plain, Put, Range,
    Record, Rule, Run, Send, SetBy, SetOf, Sort, Specification, State, Statement, Top, Truth, reads, walk,
)  # fmt: skip

WIDTH = 140
"""Columns of a line of the generated file, as for all our Python."""
CACHE_FROM = 3
"""A field that a rule reads this often is read into a local."""
_RESERVED = frozenset({"self", "event", "src", "now", "out", "sends", "writes", *keyword.kwlist, *dir(builtins)})
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
# Binding strengths of Python's operators, weakest first.
_TERNARY, _OR, _AND, _NOT, _COMPARE, _BIT_OR, _BIT_AND, _SHIFT, _SUM, _PRODUCT, _ATOM = range(11)
_ATOMIC = re.compile(r"[\w.]+")


def screaming(name: str) -> str:
    """`CamelCase` as `CAMEL_CASE`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def snake(name: str) -> str:
    """`CamelCase` as `camel_case`."""
    return screaming(name).lower()


def python_type(sort: Sort) -> str:
    """The run-time type of a sort."""
    match sort:
        case Truth():
            return "bool"
        case Opaque():
            return "bytes"
        case Record(parts=parts):
            return f"tuple[{', '.join(python_type(part) for _, part in parts)}]"
        case MapOf(key=key, value=value):
            return f"dict[{python_type(key)}, {python_type(value)}]"
        case Plain() | Nat() | Enum() | SetOf():
            return "int"


def default(sort: Sort) -> str:
    """The value of what was never written."""
    match sort:
        case Truth():
            return "False"
        case Opaque():
            return 'b""'
        case Enum(members=members):
            return members[0]
        case Record(name=name):
            return f"NO_{screaming(name)}"
        case MapOf():
            return "{}"
        case Plain() | Nat() | SetOf():
            return "0"


def _number(value: int) -> str:
    return f"{value:_}" if value >= 10_000 else str(value)


def _is_given(expr: Expr, given: frozenset[str]) -> bool:
    """Whether only the constructor's arguments decide it."""
    leaves = [node for node in walk(expr) if not isinstance(node, Compare | Count)]
    return all((isinstance(n, State) and n.name in given) or (isinstance(n, Ambient) and n.name == "me") for n in leaves) and bool(leaves)


@dataclass(slots=True)
class _Hoisted:
    """Expressions over the constructor's arguments, computed once; by the name of the slot that holds them."""

    given: frozenset[str]
    found: dict[str, Expr] = field(default_factory=dict)

    def slot(self, expr: Expr) -> str | None:
        match expr:
            case Count(item=State(name=name)) if _is_given(expr, self.given):
                slot = f"_{name}_count"
            case Compare(op="in", left=Ambient(name="me"), right=State(name=name)) if _is_given(expr, self.given):
                slot = f"_me_in_{name}"
            case _:
                return None
        self.found[slot] = expr
        return slot


@dataclass(slots=True)
class Names:
    """Python names for the locals of one method: one name a local, and no name with two types."""

    types: dict[str, str] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)

    def start(self) -> None:
        """Begin another rule of the same method: its locals are others."""
        self.texts = {}

    def of(self, local: Local) -> str:
        """The name of a local."""
        return self.texts[local.number]

    def bind(self, local: Local, *, shared: bool = True) -> str:
        """A name for a new local. `shared`: a rule may use again the name of an earlier rule's local of the same type."""
        name = self.fresh(local.name, python_type(local.sort), shared=shared)
        self.texts[local.number] = name
        return name

    def fresh(self, wish: str, type_: str, *, shared: bool = False) -> str:
        """A name that is free, close to the wish."""
        name = wish
        while name in _RESERVED or (name in self.types and not (shared and self.types[name] == type_)):
            name += "_"
        self.types[name] = type_
        return name


@dataclass(slots=True)
class Expressions:
    """Expressions as Python text, with no more parentheses than Python needs."""

    hoisted: _Hoisted
    names: Names
    cached: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    known: dict[int, Expr] = field(default_factory=dict)
    """Variables that run over all keys of one map: looking them up there needs no default."""

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
        return text if not isinstance(expr.sort, MapOf) or _is_fresh(expr) else f"dict({text})"

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
        self.counts[name] += 1
        return self.cached.get(name, f"self.{name}")

    def _emit(self, expr: Expr) -> tuple[str, int]:
        if (slot := self.hoisted.slot(expr)) is not None:
            return f"self.{slot}", _ATOM
        match expr:
            case Number(value=value):
                return _number(value), _ATOM
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
                strength = {"+": _SUM, "-": _SUM, "&": _BIT_AND, "|": _BIT_OR}.get(op, _PRODUCT)
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
                if len(texts) == 2 and all(_ATOMIC.fullmatch(text) for text in texts):
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
        if any(isinstance(node, MapBy | SetBy) for node in walk(function.body)):
            return None
        arguments = [self._emit(item) for item in call.items]
        for parameter, (text, _) in zip(function.parameters, arguments, strict=True):
            if uses[parameter.number] > 1 and not _ATOMIC.fullmatch(text):
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


def _is_fresh(expr: Expr) -> bool:
    match expr:
        case MapBy() | Empty():
            return True
        case Call(function=function):
            return _is_fresh(function.body)
        case Choose(then=then, other=other):
            return _is_fresh(then) and _is_fresh(other)
        case _:
            return False


def is_method(function: Function) -> bool:
    """Whether the function reads the state, and so is a method; else it is a function of the module."""
    return any(True for _ in reads(function.body)) or any(
        isinstance(node, Ambient) or (isinstance(node, Call) and is_method(node.function)) for node in walk(function.body)
    )


@dataclass(slots=True)
class Lines:
    """Lines of Python under construction."""

    lines: list[str] = field(default_factory=list)
    depth: int = 0

    def add(self, text: str = "") -> None:
        """One line at the current depth."""
        self.lines.append("    " * self.depth + text if text else "")

    def conjunction(self, head: str, parts: Sequence[str], tail: str) -> None:
        """`head` parts joined by `and` `tail`, broken as the formatter breaks it."""
        line = f"{head}{' and '.join(parts)}{tail}"
        if len(line) + 4 * self.depth <= WIDTH:
            self.add(line)
            return
        self.add(f"{head}(")
        for index, part in enumerate(parts):
            self.add(f"    {'and ' if index else ''}{part}")
        self.add(f"){tail}")

    def bracketed(self, head: str, items: Sequence[str], tail: str) -> None:
        """`head` items `tail` on one line, or, where that is too long, one item a line as the formatter does."""
        line = f"{head}{', '.join(items)}{tail}"
        if len(line) + 4 * self.depth <= WIDTH:
            self.add(line)
            return
        self.add(head)
        for item in items:
            self.add(f"    {item},")
        self.add(tail)


@dataclass(slots=True)
class RuleEmitter:
    """One rule's body."""

    specification: Specification
    lines: Lines
    expressions: Expressions

    def body(self, rule: Rule) -> None:
        """The statements, after what they read often and where they write."""
        names, counts = self.expressions.names, self.expressions.counts
        # A dry run counts the reads; names that it takes are given back.
        saved_lines, saved_types, saved_texts = self.lines, dict(names.types), dict(names.texts)
        self.lines, self.expressions.cached = Lines(), {}
        counts.clear()
        self._block(rule.body)
        often = [name for name, count in counts.items() if count >= CACHE_FROM]
        sends = sum("out.sends." in line for line in self.lines.lines) > 1
        self.lines = saved_lines
        names.types, names.texts = saved_types, saved_texts
        by_name = {item.name: item for item in self.specification.state}
        for name in often:
            local = names.fresh(name, python_type(by_name[name].sort), shared=True)
            self.lines.add(f"{local} = self.{name}")
            self.expressions.cached[name] = local
        if sends:
            self.lines.add("send = out.sends.append")
        self._send = "send" if sends else "out.sends.append"
        self._block(rule.body)
        self.expressions.cached = {}

    _send: str = "out.sends.append"

    def _block(self, statements: Sequence[Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: Statement) -> None:
        add, emit = self.lines.add, self.expressions
        match statement:
            case Let(local=local, value=value):
                text = self._value(value)
                add(f"{emit.names.bind(local)} = {text}")
            case Assign(target=target, value=value):
                self._assign(target, value)
            case Put(target=target, key=key, value=value):
                self._put(target, emit.text(key), value)
            case Merge(target=target, value=MapBy(variable=variable, value=value, domain=domain, test=test)):
                source = emit.domain(domain)
                add(f"for {emit.names.bind(variable)} in {source}:")
                self.lines.depth += 1
                if test is not None:
                    add(f"if {emit.text(test)}:")
                    self.lines.depth += 1
                self._put(target, emit.names.of(variable), value)
                self.lines.depth -= 1 if test is None else 2
            case Drop(target=target, domain=domain):
                name = emit.names.fresh("key", "int", shared=True)
                add(f"for {name} in {emit.domain(domain)}:")
                add(f"    self.{target.name}.pop({name}, None)")
            case If(test=test, then=then, other=other):
                add(f"if {emit.text(test)}:")
                self._deeper(then)
                if other:
                    add("else:")
                    self._deeper(other)
            case Send():
                self._send_one(statement)
            case Each(variable=variable, domain=domain, sends=sends):
                source = emit.domain(domain)
                add(f"for {emit.names.bind(variable)} in {source}:")
                self._deeper(sends)

    def _deeper(self, statements: Sequence[Statement]) -> None:
        self.lines.depth += 1
        self._block(statements)
        self.lines.depth -= 1

    def _value(self, value: Expr) -> str:
        """A right side: its runs become loops before it, and what min and max compare is computed once."""
        emit = self.expressions
        match value:
            case Run(variable=variable, domain=domain, test=test):
                source = emit.domain(domain)
                name = emit.names.fresh("length", "int", shared=True)
                self.lines.add(f"{name} = 0")
                self.lines.add(f"for {emit.names.bind(variable)} in {source}:")
                self.lines.add(f"    if {emit.negation(test)}:")
                self.lines.add("        break")
                self.lines.add(f"    {name} += 1")
                return name
            case Binary(op=op, left=left, right=right) if any(isinstance(node, Run) for node in walk(value)):
                first = emit.inner(left, _SUM) if not isinstance(left, Run) else self._value(left)
                second = emit.inner(right, _SUM + 1) if not isinstance(right, Run) else self._value(right)
                return f"{first} {op} {second}"
            case Extreme(op=op, items=[a, b]):
                first, second = self._atomic(a, "one"), self._atomic(b, "other")
                return f"{first} if {first} {'>=' if op == 'max' else '<='} {second} else {second}"
            case _:
                return emit.fresh(value)

    def _atomic(self, value: Expr, wish: str) -> str:
        text = self._value(value)
        if _ATOMIC.fullmatch(text):
            return text
        name = self.expressions.names.fresh(wish, python_type(value.sort), shared=True)
        self.lines.add(f"{name} = {text}")
        return name

    def _assign(self, target: Field, value: Expr) -> None:
        add, names = self.lines.add, self.expressions.names
        text = self._value(value)
        if target.kind != "durable":
            add(f"self.{target.name} = {text}")
            return
        code = f"F_{screaming(target.name)}"
        if not _ATOMIC.fullmatch(text) or text.startswith("self."):
            name = names.fresh("value", python_type(target.sort), shared=True)
            add(f"{name} = {text}")
            text = name
        add(f"if {text} != self.{target.name}:")
        add(f"    self.{target.name} = {text}")
        add(f"    out.writes.append(({code}, {text}))")

    def _put(self, target: Field, key: str, value: Expr) -> None:
        add, emit = self.lines.add, self.expressions
        text = self._value(value)
        if target.kind != "durable":
            add(f"self.{target.name}[{key}] = {text}")
            return
        code = f"F_{screaming(target.name)}"
        match value:
            case Make(items=items):
                parts = []
                for item in items:
                    part = emit.text(item)
                    if not _ATOMIC.fullmatch(part):
                        name = emit.names.fresh("part", python_type(item.sort), shared=False)
                        add(f"{name} = {part}")
                        part = name
                    parts.append(part)
                add(f"self.{target.name}[{key}] = ({', '.join(parts)}{',' if len(parts) == 1 else ''})")
                add(f"out.writes.append(({code}, {key}, {', '.join(parts)}))")
            case _:
                name = emit.names.fresh("value", python_type(value.sort), shared=True)
                add(f"{name} = self.{target.name}[{key}] = {text}")
                unpacked = f"*{name}" if isinstance(value.sort, Record) else name
                add(f"out.writes.append(({code}, {key}, {unpacked}))")

    def _send_one(self, send: Send) -> None:
        emit, event = self.expressions, send.message
        items = []
        for item in send.items:
            text = emit.fresh(item)
            if isinstance(item, MapBy):
                name = emit.names.fresh("report", python_type(item.sort), shared=True)
                self.lines.add(f"{name} = {text}")
                text = name
            items.append(text)
        if send.to is not None:
            to = emit.text(send.to)
        elif event.to is not None:
            outer = emit.names.texts
            emit.names.texts = {index: text if _ATOMIC.fullmatch(text) else f"({text})" for index, text in enumerate(items)}
            to = emit.text(event.to)
            emit.names.texts = outer
        else:
            to = "OTHERS"
        self.lines.add(f"{self._send}(({to}, ({', '.join([screaming(event.name), *items])})))")


@dataclass(slots=True)
class Emitter:
    """The whole module."""

    specification: Specification
    trace: bool = False
    coverage: bool = False
    lines: Lines = field(default_factory=Lines)

    def module(self) -> str:
        """The module's text."""
        s, add = self.specification, self.lines.add
        self._head()
        self._words()
        for function in s.functions:
            if not is_method(function):
                add()
                add()
                self._function(function, "")
        add()
        add()
        add(f"class {s.role}:")
        self.lines.depth += 1
        body, self.lines = self.lines, Lines(depth=1)
        hoisted = _Hoisted(frozenset(item.name for item in s.state if item.kind == "given"))
        for event in s.events:
            self.lines.add()
            self._event(event, hoisted)
        for function in s.functions:
            if is_method(function):
                self.lines.add()
                self._function(function, "self", hoisted)
        methods, self.lines = self.lines, body
        self._class_head(hoisted)
        self.lines.lines.extend(methods.lines)
        self.lines.depth -= 1
        add()
        add()
        steps = ["_nobody", *(f"{s.role}.on_{snake(event.name)}" for event in s.events)]
        self._nobody()
        self.lines.bracketed(f"_STEPS: Final[tuple[Callable[[{s.role}, Any, int, int, Out], bool], ...]] = (", steps, ")")
        return "\n".join(self.lines.lines) + "\n"

    def _head(self) -> None:
        s, add = self.specification, self.lines.add
        names = ", ".join(text.name for text in s.texts)
        add(f"# Generated from {names}; do not edit; run `make fix`.")
        add(f"# sha256 of the texts: {digest(s.texts)}")
        add("# ruff: noqa: ARG002, RUF023")
        add('"""The core: what is promised, accepted, chosen and granted. The specification, as Python.')
        add()
        add("An event or a message is a tuple (TAG, field, …). A step appends to `Out`: `sends`, pairs of a member (0: all others) and a")
        add(
            "message; `writes`, what must become durable, in order: (F_…, value) for a field that changed, (F_…, key, part, …) for an entry"
        )
        add(
            "of a map. Keys that a rule drops are not written: a field in the same rule says so. Sets are bit masks (1 << member); maps hold"
        )
        add("no defaults; maps in messages belong to the message. The texts say why; docs/specification.md says how to change them.")
        add('"""')
        add()
        add("from collections.abc import Callable")
        typing = ["Any", "Final", "TypeAlias"] if not self.trace else ["Any", "Final", "NamedTuple", "TypeAlias"]
        add(f"from typing import {', '.join(typing)}")
        add()

    def _words(self) -> None:
        s, add = self.specification, self.lines.add
        for constant in s.constants:
            add(f"{constant.name}: Final = {_number(constant.run)}")
            if constant.note:
                add(f'"""{constant.note[0].upper()}{constant.note[1:]}."""')
        for sort in s.sorts:
            if isinstance(sort, Enum):
                for index, name in enumerate(sort.members):
                    add(f"{name}: Final = {index}")
                names = ", ".join(f'"{name}"' for name in sort.members)
                add(f"{screaming(sort.name)}_NAMES: Final = ({names}{',' if len(sort.members) == 1 else ''})")
        for sort in s.sorts:
            if isinstance(sort, Record):
                values = ", ".join(default(part) for _, part in sort.parts)
                add(f"{default(sort)}: Final[{python_type(sort)}] = ({values}{',' if len(sort.parts) == 1 else ''})")
        add()
        add("OTHERS: Final = 0")
        add('"""As a message\'s destination: every other member."""')
        for event in s.events:
            add(f"{screaming(event.name)}: Final = {event.tag}")
        names = ["", *(event.name for event in s.events)]
        self.lines.bracketed("EVENT_NAMES: Final = (", [f'"{name}"' for name in names], ")")
        messages = [screaming(event.name) for event in s.events if event.is_message]
        self._set("MESSAGES", messages, "Tags that may come from another member; the others are this replica's own inputs.")
        after = [screaming(event.name) for event in s.events if event.after]
        self._set("AFTER", after, "Tags of messages that wait until all records up to and including their own are durable.  [SAFETY 5]")
        add()
        for index, item in enumerate(self._durable(), start=1):
            add(f"F_{screaming(item.name)}: Final = {index}")
        self.lines.bracketed("FIELD_NAMES: Final = (", ['""', *(f'"{item.name}"' for item in self._durable())], ")")
        add()
        for event in s.events:
            types = ", ".join(["int", *(python_type(sort) for _, sort in event.fields)])
            add(f"{event.name}: TypeAlias = tuple[{types}]")
        add()
        rules = [f'("{rule.label}", "{rule.event.name}", "{rule.at.file}:{rule.at.line}")' for rule in s.rules]
        add("RULES: Final = (")
        for rule_text in rules:
            add(f"    {rule_text},")
        add(")")
        add('"""Label, event and place of every rule."""')
        if self.coverage:
            add("FIRED = [0] * len(RULES)")
            add('"""How often each rule was carried out."""')
            add("REFUSED = [0] * len(RULES)")
            add('"""How often each rule\'s guard did not hold."""')
        add()
        add()
        add("class Out:")
        add('    """What a step wants done."""')
        add()
        add('    __slots__ = ("sends", "writes")')
        add()
        add("    def __init__(self) -> None:")
        add("        self.sends: list[tuple[int, tuple[Any, ...]]] = []")
        add("        self.writes: list[tuple[Any, ...]] = []")
        if self.trace:
            self._transition()

    def _set(self, name: str, items: list[str], doc: str) -> None:
        self.lines.bracketed(f"{name}: Final = frozenset({{", items, "})")
        self.lines.add(f'"""{doc}"""')

    def _transition(self) -> None:
        add = self.lines.add
        add()
        add()
        add("class Transition(NamedTuple):")
        add('    """One rule, carried out."""')
        add()
        for line in (
            "rule: int", "event: tuple[Any, ...]", "src: int", "now: int", "before: dict[str, int]", "after: dict[str, int]",
            "sends: list[tuple[int, tuple[Any, ...]]]", "writes: list[tuple[Any, ...]]",
        ):  # fmt: skip
            add(f"    {line}")

    def _durable(self) -> list[Field]:
        return [item for item in self.specification.state if item.kind == "durable"]

    def _class_head(self, hoisted: _Hoisted) -> None:
        s, add = self.specification, self.lines.add
        add('"""One member\'s part in the protocol."""')
        add()
        slots = ["me", *(item.name for item in s.state), *hoisted.found, *(["tracer"] if self.trace else [])]
        self.lines.bracketed("__slots__ = (", [f'"{name}"' for name in slots], ")")
        add()
        given = [item for item in s.state if item.kind == "given"]
        parameters = ", ".join(["self", "me: int", *(f"{item.name}: {python_type(item.sort)}" for item in given)])
        add(f"def __init__({parameters}) -> None:")
        add("    self.me = me")
        for item in given:
            add(f"    self.{item.name} = {item.name}")
        for item in s.state:
            if item.kind != "given":
                annotation = f": {python_type(item.sort)}" if isinstance(item.sort, MapOf | Enum | Record) else ""
                add(f"    self.{item.name}{annotation} = {default(item.sort)}")
        for slot, expr in hoisted.found.items():
            add(f"    self.{slot} = {Expressions(_Hoisted(frozenset()), Names()).text(expr)}")
        if self.trace:
            add("    self.tracer: Callable[[Transition], None] | None = None")
        add()
        durable = self._durable()
        items = [f"{item.name}: {python_type(item.sort)}" for item in durable]
        self.lines.bracketed("def restore(self, *, ", items, ") -> None:")
        add('    """Take up what was durable; all else is as after a start."""')
        for item in durable:
            add(f"    self.{item.name} = {item.name}")
        add()
        add("def step(self, event: tuple[Any, ...], src: int, now: int, out: Out) -> bool:")
        add('    """Carry out the first rule whose guard holds; whether there was one."""')
        add("    tag: int = event[0]")
        add("    return _STEPS[tag](self, event, src, now, out)")
        if self.trace:
            self._essentials()

    def _essentials(self) -> None:
        add = self.lines.add
        names = [item.name for item in self.specification.state if item.kind != "given" and not isinstance(item.sort, MapOf)]
        add()
        add("def essentials(self) -> dict[str, int]:")
        add('    """The state without its maps."""')
        add(f"    return {{{', '.join(f'{name!r}: self.{name}' for name in names)}}}".replace("'", '"'))

    def _function(self, function: Function, receiver: str, hoisted: _Hoisted | None = None) -> None:
        names = Names()
        parameters = [f"{names.bind(p)}: {python_type(p.sort)}" for p in function.parameters]
        emit = Expressions(hoisted or _Hoisted(frozenset()), names)
        head = ", ".join([*([receiver] if receiver else []), *parameters])
        self.lines.add(f"def {function.name}({head}) -> {python_type(function.result)}:")
        self.lines.add(f'    """As defined in {function.at.file}:{function.at.line}."""')
        self.lines.depth += 1
        if isinstance(function.body.sort, Truth):
            self.lines.conjunction("return ", emit.conjunction([function.body]), "")
        else:
            self.lines.add(f"return {emit.fresh(function.body)}")
        self.lines.depth -= 1

    def _event(self, event: Event, hoisted: _Hoisted) -> None:
        s, add = self.specification, self.lines.add
        rules = s.rules_of(event)
        add(f"def on_{snake(event.name)}(self, event: {event.name}, src: int, now: int, out: Out) -> bool:")
        self.lines.depth += 1
        add(f'"""{"; else ".join(f"{rule.label}: {rule.doc}" for rule in rules)[: WIDTH - 16]}."""'.replace("..", "."))
        names = Names()
        used = {node.number for rule in rules for expr in self._all(rule) for node in walk(expr) if isinstance(node, Local)}
        fields: list[str] = []
        for index, parameter in enumerate(rules[0].parameters):
            fields.append(names.bind(parameter) if index in used else "_")
        if set(fields) - {"_"}:
            add(f"{', '.join(['_', *fields])} = event")
        parameters = dict(names.texts)
        common = set(rules[0].guard).intersection(*(rule.guard for rule in rules[1:])) if not self.coverage else set()
        shared = [expr for expr in rules[0].guard if expr in common] if len(rules) > 1 else []
        if shared:
            self.lines.conjunction("if ", Expressions(hoisted, names).conjunction(shared), ":")
            self.lines.depth += 1
        for rule in rules:
            names.start()
            names.texts = dict(parameters)
            self._rule(rule, [expr for expr in rule.guard if expr not in shared], Expressions(hoisted, names))
        self.lines.depth -= 1 if shared else 0
        if rules[-1].guard:
            add("return False")
        self.lines.depth -= 1

    @staticmethod
    def _all(rule: Rule) -> list[Expr]:
        """Every expression of a rule."""
        found = list(rule.guard)

        def collect(statements: Sequence[Statement]) -> None:
            for statement in statements:
                match statement:
                    case Let(value=value) | Assign(value=value) | Merge(value=value):
                        found.append(value)
                    case Put(key=key, value=value):
                        found.extend((key, value))
                    case Drop(domain=Range(low=low, high=high)):
                        found.extend((low, high))
                    case If(test=test, then=then, other=other):
                        found.append(test)
                        collect(then)
                        collect(other)
                    case Send(items=items, to=to):
                        found.extend((*items, *(() if to is None else (to,))))
                    case Each(domain=domain, sends=sends):
                        found.extend((domain.low, domain.high) if isinstance(domain, Range) else domain.maps)
                        collect(sends)

        collect(rule.body)
        return found

    def _rule(self, rule: Rule, guard: Sequence[Expr], expressions: Expressions) -> None:
        add = self.lines.add
        index = self.specification.rules.index(rule)
        add(f"# {rule.label} ({rule.at.file}:{rule.at.line})")
        if guard:
            self.lines.conjunction("if ", expressions.conjunction(guard), ":")
            self.lines.depth += 1
        if self.coverage:
            add(f"FIRED[{index}] += 1")
        if self.trace:
            add("before, sent, written = self.essentials(), len(out.sends), len(out.writes)")
        RuleEmitter(self.specification, self.lines, expressions).body(rule)
        if self.trace:
            add("if self.tracer is not None:")
            add(f"    self.tracer(Transition({index}, event, src, now, before, self.essentials(), out.sends[sent:], out.writes[written:]))")
        add("return True")
        if guard:
            self.lines.depth -= 1
            if self.coverage:
                add(f"REFUSED[{index}] += 1")

    def _nobody(self) -> None:
        add = self.lines.add
        add(f"def _nobody(_self: {self.specification.role}, _event: object, _src: int, _now: int, _out: Out) -> bool:")
        add('    """Tag 0 is no event."""')
        add("    return False")
        add()
        add()


def emit(specification: Specification, *, trace: bool = False, coverage: bool = False) -> str:
    """The module that replicas run, as text."""
    return Emitter(specification, trace=trace, coverage=coverage).module()
