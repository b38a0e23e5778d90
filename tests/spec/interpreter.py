"""The language's meaning, a second time: a walker over the checked tree that shares no code with the Python back end.

It does what a model does: every read sees the state before the rule, all writes take effect together, sets are sets, and a map never
holds a default. Where the generated code differs from it, one of them is wrong.
"""

from collections.abc import Sequence
from typing import Any

from gaios import configuration
from gaios.spec import statements, tree
from gaios.spec.sorts import Enum, MapOf, Opaque, Record, SetOf, Sort

Values = dict[int, Any]


def zero(sort: Sort) -> Any:
    """The default of a sort."""
    match sort:
        case Opaque():
            return b""
        case Record(parts=parts):
            return tuple(zero(part) for _, part in parts)
        case SetOf():
            return frozenset()
        case MapOf():
            return {}
        case _:
            return 0


class Interpreter:
    """A participant that is interpreted. Its `step` is that of the generated one."""

    def __init__(self, specification: statements.Specification, me: int, **given: Any) -> None:
        self.specification, self.me = specification, me
        self.state = {item.name: given.get(item.name, zero(item.sort)) for item in specification.state}
        self.constants: dict[str, Any] = {item.name: item.run for item in specification.constants}
        for sort in specification.sorts:
            if isinstance(sort, Enum):
                self.constants |= {name: index for index, name in enumerate(sort.members)}
            if isinstance(sort, Opaque):
                self.constants[sort.noop] = b""
        self.codes = {name: code for code, name in enumerate((f.name for f in specification.state if f.kind == "durable"), start=1)}
        self.label = ""

    def step(self, event: tuple[Any, ...], src: int, now: int, out: Any) -> bool:
        """Carry out the first rule whose guard holds."""
        self.src, self.now = src, now
        for rule in self.specification.rules:
            if rule.event.tag == event[0]:
                values = {local.number: value for local, value in zip(rule.parameters, event[1:], strict=True)}
                if all(self.value(item, values) for item in rule.guard):
                    after = dict(self.state)
                    self._block(rule.body, values, after, out)
                    self.state, self.label = after, rule.label
                    return True
        return False

    # -- statements ------------------------------------------------------------------------------------------------------

    def _block(self, block: Sequence[statements.Statement], values: Values, after: dict[str, Any], out: Any) -> None:
        for statement in block:
            self._statement(statement, values, after, out)

    def _statement(self, statement: statements.Statement, values: Values, after: dict[str, Any], out: Any) -> None:
        match statement:
            case statements.Let(local=local, value=value):
                values[local.number] = self.value(value, values)
            case statements.Assign(target=target, value=value):
                after[target.name] = self.value(value, values)
                if target.kind == "durable" and after[target.name] != self.state[target.name]:
                    out.writes.append((self.codes[target.name], after[target.name]))
            case statements.Put(target=target, key=key, value=value):
                self._merge(target, {self.value(key, values): self.value(value, values)}, after, out)
            case statements.Merge(target=target, value=value):
                self._merge(target, self.value(value, values), after, out)
            case statements.Drop(target=target, domain=domain):
                gone = self._domain(domain, values)
                after[target.name] = {key: value for key, value in self.state[target.name].items() if key not in gone}
            case statements.If(test=test, then=then, other=other):
                self._block(then if self.value(test, values) else other, values, after, out)
            case statements.Send():
                self._send(statement, values, out)
            case statements.Each(variable=variable, domain=domain, sends=sends):
                for item in self._domain(domain, values):
                    for send in sends:
                        self._send(send, values | {variable.number: item}, out)

    def _merge(self, target: statements.Field, entries: dict[int, Any], after: dict[str, Any], out: Any) -> None:
        default = zero(target.sort.value) if isinstance(target.sort, MapOf) else None
        merged = self.state[target.name] | entries
        after[target.name] = {key: value for key, value in merged.items() if value != default}
        if target.kind == "durable":
            for key, value in entries.items():
                out.writes.append(
                    (self.codes[target.name], key, *value) if isinstance(value, tuple) else (self.codes[target.name], key, value)
                )

    def _send(self, send: statements.Send, values: Values, out: Any) -> None:
        items = [self.value(item, values) for item in send.items]
        event = send.message
        to = 0
        if send.to is not None:
            to = self.value(send.to, values)
        elif event.to is not None:
            to = self.value(event.to, dict(enumerate(items)))
        out.sends.append((to, (event.tag, *items)))

    # -- expressions -----------------------------------------------------------------------------------------------------

    def _domain(self, domain: tree.Domain, values: Values) -> list[int]:
        if isinstance(domain, tree.Range):
            return list(range(self.value(domain.low, values), self.value(domain.high, values)))
        return sorted(set().union(*(self.value(item, values) for item in domain.maps)))

    def value(self, expr: tree.Expr, values: Values) -> Any:
        """What an expression is, in the state before the rule."""
        match expr:
            case tree.Number(value=value) | tree.Flag(value=value):
                return value
            case tree.Constant(name=name):
                return self.constants[name]
            case tree.Ambient(name=name):
                return {"me": self.me, "src": self.src, "now": self.now}[name]
            case tree.Local(number=number):
                return values[number]
            case tree.State(name=name):
                return self.state[name]
            case tree.Not(item=item):
                return not self.value(item, values)
            case tree.Both(op=op, items=items):
                results = [self.value(item, values) for item in items]
                return all(results) if op == "and" else any(results)
            case tree.Choose(test=test, then=then, other=other):
                return self.value(then if self.value(test, values) else other, values)
            case tree.Binary(op=op, left=left, right=right) | tree.Compare(op=op, left=left, right=right):
                return self._operate(op, self.value(left, values), self.value(right, values))
            case tree.Lookup(map=item, key=key, sort=sort):
                return self.value(item, values).get(self.value(key, values), zero(sort))
            case tree.Part(record=record, index=index):
                return self.value(record, values)[index]
            case tree.Call(function=function, items=items):
                bound = {p.number: self.value(item, values) for p, item in zip(function.parameters, items, strict=True)}
                return self.value(function.body, bound)
            case tree.Table(name=name, item=item, sort=sort):
                told = getattr(configuration, name)(self.value(item, values))
                return frozenset(each for each in range(told.bit_length()) if told >> each & 1) if isinstance(sort, SetOf) else told
            case _:
                return self._collection(expr, values)

    def _collection(self, expr: tree.Expr, values: Values) -> Any:
        match expr:
            case tree.Make(items=items):
                return tuple(self.value(item, values) for item in items)
            case tree.Items(items=items):
                return frozenset(self.value(item, values) for item in items)
            case tree.Empty(sort=sort):
                return zero(sort)
            case tree.SetBy(variable=x, domain=domain, test=test):
                return frozenset(i for i in self._domain(domain, values) if test is None or self.value(test, values | {x.number: i}))
            case tree.MapBy(variable=x, value=value, domain=domain, test=test, sort=MapOf(value=sort)):
                kept = [i for i in self._domain(domain, values) if test is None or self.value(test, values | {x.number: i})]
                found = {i: self.value(value, values | {x.number: i}) for i in kept}
                return {key: item for key, item in found.items() if item != zero(sort)}
            case tree.Count(item=item):
                return len(self.value(item, values))
            case tree.Extreme(op=op, items=items):
                return (max if op == "max" else min)(self.value(item, values) for item in items)
            case tree.Top(map=item):
                return max(self.value(item, values), default=0)
            case tree.Run(variable=x, domain=domain, test=test):
                length = 0
                for i in self._domain(domain, values):
                    if not self.value(test, values | {x.number: i}):
                        break
                    length += 1
                return length
            case _:
                raise AssertionError(expr)

    @staticmethod
    def _operate(op: str, a: Any, b: Any) -> Any:
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
                return a in b
