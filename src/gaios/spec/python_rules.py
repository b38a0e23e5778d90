"""A rule as Python.

Rule 1. A field that a rule reads often is read once: the law makes every read in a rule a read of the state before it.
Rule 2. A durable scalar is written, and its record appended, only when it changes; an entry of a durable map always.
Rule 3. Keys that a rule drops from a durable map leave no record: forgetting needs none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gaios.spec.python_expressions import ATOMIC, STRENGTH, Expressions
from gaios.spec.python_words import Lines, python_type, screaming
from gaios.spec.sorts import Record
from gaios.spec.statements import Assign, Drop, Each, Field, If, Let, Merge, Put, Rule, Send, Specification, Statement
from gaios.spec.tree import Binary, Expr, Extreme, Make, MapBy, Number, Range, Run

CACHE_FROM = 3
"""A field that a rule reads this often is read into a local."""


@dataclass(slots=True)
class RuleEmitter:
    """One rule."""

    specification: Specification
    lines: Lines
    expressions: Expressions
    once: bool
    """Whether this is its event's only rule: then what its guard reads may be read before it."""
    _sends: str = "out.sends"

    def rule(self, rule: Rule, guard: Sequence[Expr], begin: Sequence[str], end: Sequence[str]) -> None:
        """The guard, and below it `begin`, the statements, `end`; before each, what is read often."""
        in_guard, in_body, sends = self._dry(rule, guard)
        self._sends = "sends" if sends > 1 else "out.sends"
        total = in_guard + in_body
        before = [name for name in total if self.once and in_guard[name] and total[name] >= CACHE_FROM]
        self._cache(before)
        if guard:
            self.lines.conjunction("if ", self.expressions.conjunction(guard), ":")
            self.lines.depth += 1
        for line in begin:
            self.lines.add(line)
        self._cache([name for name in in_body if name not in before and in_body[name] >= CACHE_FROM])
        if sends > 1:
            self.lines.add("sends = out.sends")
        self._block(rule.body)
        for line in end:
            self.lines.add(line)
        self.lines.depth -= 1 if guard else 0
        self.expressions.cached = {}

    def _dry(self, rule: Rule, guard: Sequence[Expr]) -> tuple[Counter[str], Counter[str], int]:
        """Emit for nothing, to count: what the guard reads, what the body reads, and how many places send."""
        emit, lines = self.expressions, self.lines
        types, texts = dict(emit.names.types), dict(emit.names.texts)
        self.lines, emit.cached = Lines(), {}
        emit.counts.clear()
        emit.conjunction(guard) if guard else None
        in_guard = Counter(emit.counts)
        emit.counts.clear()
        self._block(rule.body)
        in_body = Counter(emit.counts)
        sends = sum("out.sends." in line for line in self.lines.lines)
        self.lines, emit.names.types, emit.names.texts = lines, types, texts
        return in_guard, in_body, sends

    def _cache(self, fields: Sequence[str]) -> None:
        sorts = {item.name: item.sort for item in self.specification.state}
        names = {name: self.expressions.names.fresh(name, python_type(sorts[name]), shared=True) for name in fields}
        for name, local in names.items():
            self.lines.add(f"{local} = self.{name}")
        self.expressions.cached |= names

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
                with emit.loop():
                    self.lines.depth += 1
                    if test is not None:
                        add(f"if {emit.text(test)}:")
                        self.lines.depth += 1
                    self._put(target, emit.names.of(variable), value)
                    self.lines.depth -= 1 if test is None else 2
            case Drop(target=target, domain=domain):
                start, end = emit.text(domain.low), self._bound(domain.high)
                name = emit.names.fresh("key", "int", shared=True)
                add(f"{name} = {start}")
                add(f"while {name} < {end}:")
                add(f"    self.{target.name}.pop({name}, None)")
                add(f"    {name} += 1")
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
                with emit.loop():
                    self._deeper(sends)

    def _deeper(self, statements: Sequence[Statement]) -> None:
        self.lines.depth += 1
        self._block(statements)
        self.lines.depth -= 1

    def _value(self, value: Expr) -> str:
        """A right side: its runs become loops before it, and what min and max compare is computed once."""
        return self._strict(value, 0) if isinstance(value, Run | Binary | Extreme) else self.expressions.fresh(value)

    def _strict(self, value: Expr, strength: int) -> str:
        """What is evaluated in any case, below an operator of this strength."""
        match value:
            case Binary(op="+", left=left, right=Run(domain=Range(low=Binary(op="+", left=first, right=Number(value=1)))) as run) if (
                left == first
            ):
                # `x + run(… range(x + 1, …))` is the last element of the run, or x.
                text, own = f"{self._run(run)[0]} - 1", STRENGTH["-"]
            case Run():
                name, start = self._run(value)
                text, own = f"{name} - {start}", STRENGTH["-"]
            case Binary(op=op, left=left, right=right):
                own = STRENGTH[op]
                text = f"{self._strict(left, own)} {op} {self._strict(right, own + 1)}"
            case Extreme(op=op, items=[a, b]):
                one, other = self._atomic(a, "one"), self._atomic(b, "other")
                text, own = f"{one} if {one} {'>=' if op == 'max' else '<='} {other} else {other}", 0
            case _:
                return self.expressions.inner(value, strength)
        return text if own >= strength else f"({text})"

    def _run(self, run: Run) -> tuple[str, str]:
        """A loop that ends behind the run: its variable then, and where it began."""
        emit = self.expressions
        start = self._atomic(run.domain.low, "start") if not isinstance(run.domain.low, Binary) else self._strict(run.domain.low, 0)
        end = self._bound(run.domain.high)
        name = emit.names.bind(run.variable)
        self.lines.add(f"{name} = {start}")
        with emit.loop():
            self.lines.conjunction("while ", [f"{name} < {end}", *emit.conjunction([run.test])], ":")
        self.lines.add(f"    {name} += 1")
        return name, start if ATOMIC.fullmatch(start) else f"({start})"

    def _bound(self, value: Expr) -> str:
        """The end of a loop, computed once."""
        text = self._strict(value, 0)
        if ATOMIC.fullmatch(text) and "." not in text:
            return text
        name = self.expressions.names.fresh("end", "int", shared=True)
        self.lines.add(f"{name} = {text}")
        return name

    def _atomic(self, value: Expr, wish: str) -> str:
        """A value that is computed once, though its text may be repeated."""
        text = self._strict(value, 0)
        if ATOMIC.fullmatch(text):
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
        if not ATOMIC.fullmatch(text) or text.startswith("self."):
            name = names.fresh("value", python_type(target.sort), shared=True)
            add(f"{name} = {text}")
            text = name
        add(f"if self.{target.name} != {text}:")
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
                    if not ATOMIC.fullmatch(part):
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
            emit.names.texts = {index: text if ATOMIC.fullmatch(text) else f"({text})" for index, text in enumerate(items)}
            to = emit.text(event.to)
            emit.names.texts = outer
        else:
            to = "OTHERS"
        self.lines.add(f"{self._sends}.append(({to}, ({', '.join([screaming(event.name), *items])})))")
