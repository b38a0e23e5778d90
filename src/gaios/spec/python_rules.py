"""A rule's body as Python.

Rule 1. A field that a rule reads often is read once: the law makes every read in a rule a read of the state before it.
Rule 2. A durable scalar is written, and its record appended, only when it changes; an entry of a durable map always.
Rule 3. Keys that a rule drops from a durable map leave no record: forgetting needs none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gaios.spec.python_expressions import ATOMIC, STRENGTH, Expressions
from gaios.spec.python_words import Lines, python_type, screaming
from gaios.spec.sorts import Record
from gaios.spec.tree import (
    Assign,
    Binary,
    Drop,
    Each,
    Expr,
    Extreme,
    Field,
    If,
    Let,
    Make,
    MapBy,
    Merge,
    Put,
    Rule,
    Run,
    Send,
    Specification,
    Statement,
    walk,
)

CACHE_FROM = 3
"""A field that a rule reads this often is read into a local."""


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
                return f"{self._operand(left, STRENGTH[op])} {op} {self._operand(right, STRENGTH[op] + 1)}"
            case Extreme(op=op, items=[a, b]):
                first, second = self._atomic(a, "one"), self._atomic(b, "other")
                return f"{first} if {first} {'>=' if op == 'max' else '<='} {second} else {second}"
            case _:
                return emit.fresh(value)

    def _operand(self, value: Expr, strength: int) -> str:
        if not any(isinstance(node, Run) for node in walk(value)):
            return self.expressions.inner(value, strength)
        text = self._value(value)
        return text if ATOMIC.fullmatch(text) else f"({text})"

    def _atomic(self, value: Expr, wish: str) -> str:
        text = self._value(value)
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
        self.lines.add(f"{self._send}(({to}, ({', '.join([screaming(event.name), *items])})))")
