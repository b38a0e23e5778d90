"""Rules: what happens on an event. Third pass of the compiler, and the keeper of the law.

The law. On every path through a rule a state field is written at most once, and never read after it was written. So the order
of a rule's statements does not matter: sequential code and a model's simultaneous update mean the same.

Rule 1. Every input and every message has a rule. Of an event's rules the first whose guard holds is carried out.
Rule 2. A rule that can never be reached, because an earlier one of the same event holds whenever it does, is refused.
Rule 3. A durable map changes by `field[k] = …`, `|=` and `-=` only, so that its records stay as small as the change.
"""

import ast
from dataclasses import dataclass, replace

from gaios.spec.declarations import Vocabulary, declare_all
from gaios.spec.expressions import Reader, define_functions
from gaios.spec.sorts import TRUTH, MapOf, Nat, fits
from gaios.spec.source import Place, Text, complaint
from gaios.spec.statements import Assign, Drop, Each, Event, Field, If, Let, Merge, Put, Rule, Send, Specification, Statement
from gaios.spec.tree import Ambient, Expr, Local, MapBy, Range, Run, children, domain_children, reads, walk


def read_specification(texts: tuple[Text, ...]) -> Specification:
    """All texts as one specification.

    Raises:
        SpecError: a text breaks the grammar, the types or the law.
    """
    return specify(texts, declare_all(texts))


def specify(texts: tuple[Text, ...], vocabulary: Vocabulary) -> Specification:
    """The same, of texts whose declarations were read.

    Raises:
        SpecError: a text breaks the grammar, the types or the law.
    """
    for item in vocabulary.state.values():
        if item.is_ghost:
            raise complaint(item.at, f"{item.name!r} is a ghost: only models have such fields")
    define_functions(vocabulary)
    for name, (text, node) in vocabulary.routes.items():
        _route(vocabulary, text, name, node)
    rules = tuple(read_rule(vocabulary, text, case) for text, case in vocabulary.cases)
    _check_all_rules(vocabulary, rules)
    return Specification(
        texts=texts,
        role=vocabulary.role,
        constants=tuple(vocabulary.constants.values()),
        sorts=tuple(vocabulary.sorts.values()),
        state=tuple(vocabulary.state.values()),
        events=tuple(vocabulary.events.values()),
        functions=tuple(vocabulary.functions.values()),
        rules=rules,
    )


def _member(vocabulary: Vocabulary, place: Place) -> Nat:
    sort = vocabulary.sorts.get("Member")
    if not isinstance(sort, Nat):
        raise complaint(place, "sending to somebody needs a sort called Member")
    return sort


def _route(vocabulary: Vocabulary, text: Text, name: str, node: ast.expr) -> None:
    event = vocabulary.events[name]
    reader = Reader(vocabulary, text, has_event=False)
    for field_name, sort in event.fields:
        # A route's parameters are the message's fields, whatever else their names mean: `chosen` is the one that is sent.
        reader.locals[field_name] = Local(sort, event.at, len(reader.locals), field_name)
    to = reader.read(node, _member(vocabulary, text.place(node)))
    for state in reads(to):
        raise complaint(state.at, f"a route depends on the message alone, not on {state.name!r}")
    vocabulary.events[name] = replace(event, to=to)


def _check_all_rules(vocabulary: Vocabulary, rules: tuple[Rule, ...]) -> None:
    for event in vocabulary.events.values():
        mine = [rule for rule in rules if rule.event.name == event.name]
        if not mine:
            raise complaint(event.at, f"no rule says what happens on {event.name}")
        for index, later in enumerate(mine):
            for earlier in mine[:index]:
                if set(earlier.guard) <= set(later.guard):
                    raise complaint(
                        later.at, f"never reached: {earlier.label!r} ({earlier.at.file}:{earlier.at.line}) holds whenever this does"
                    )
    labels: dict[str, Rule] = {}
    for rule in rules:
        if rule.label in labels:
            raise complaint(
                rule.at, f"two rules are called {rule.label!r}; the other is at {labels[rule.label].at.file}:{labels[rule.label].at.line}"
            )
        labels[rule.label] = rule


def read_rule(vocabulary: Vocabulary, text: Text, case: ast.match_case, read_with: type[Reader] = Reader) -> Rule:
    """One rule. `read_with`: what reads its expressions.

    Raises:
        SpecError: it breaks the grammar, the types or the law.
    """
    pattern = case.pattern
    if not (isinstance(pattern, ast.MatchClass) and isinstance(pattern.cls, ast.Name)):
        raise complaint(text.place(pattern), "expected case EVENT(NAME, …, src=NAME)")
    at = text.place(pattern)
    event = vocabulary.events.get(pattern.cls.id)
    if event is None:
        raise complaint(at, f"unknown event {pattern.cls.id!r}")
    if len(pattern.patterns) != len(event.fields):
        fields = ", ".join(name for name, _ in event.fields) or "nothing"
        raise complaint(at, f"{event.name} has {len(event.fields)} fields ({fields}), {len(pattern.patterns)} named")
    reader = read_with(vocabulary, text, has_event=True)
    parameters: list[Local] = []
    for item, (_, sort) in zip(pattern.patterns, event.fields, strict=True):
        if not (isinstance(item, ast.MatchAs) and item.pattern is None):
            raise complaint(text.place(item), "a field is named, or _")
        parameters.append(reader.bind(item.name or f"_{len(parameters)}", sort, text.place(item)))
    for word, item in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
        if word != "src" or not (isinstance(item, ast.MatchAs) and item.pattern is None and item.name):
            raise complaint(text.place(item), "only the sender is named by a word: src=NAME")
        reader.bind(item.name, _member(vocabulary, text.place(item)), text.place(item))
        reader.locals[item.name] = Ambient(_member(vocabulary, text.place(item)), text.place(item), "src")
    guard = reader.conjuncts(case.guard)
    _refuse_runs(guard)
    match case.body:
        case [ast.Expr(value=ast.Constant(value=str() as title)), *rest] if ": " in title:
            label, _, doc = title.partition(": ")
        case _:
            raise complaint(text.place(case.body[0]), 'a rule begins with "LABEL: what it does"')
    source = ""
    match rest:
        case [ast.Expr(value=ast.Constant(value=str() as cited)) as node, *rest]:
            if not (cited.startswith("[") and cited.endswith("]")):
                raise complaint(text.place(node), 'behind what it does, a rule may cite its sources: "[PMS §2.2; SAFETY 6]"')
            source = cited[1:-1]
    body = _Body(vocabulary, text, reader).block(rest)
    if not body:
        raise complaint(at, "a rule does something")
    _Law().block(body, {})
    return Rule(label, doc, event, tuple(parameters), guard, body, at, source)


def _refuse_runs(exprs: tuple[Expr, ...]) -> None:
    for expr in exprs:
        for node in walk(expr):
            if isinstance(node, Run):
                raise complaint(node.at, "run() stands in a rule's body, on the right of `=`, and not inside a condition")


@dataclass(slots=True)
class _Body:
    """Reads a rule's statements."""

    vocabulary: Vocabulary
    text: Text
    reader: Reader

    def block(self, nodes: list[ast.stmt]) -> tuple[Statement, ...]:
        """The statements, in order."""
        block = tuple(self.statement(node) for node in nodes)
        told = any(isinstance(item, Assign | Put | Merge) and item.target.kind == "durable" for item in block)
        for item in block:
            if isinstance(item, Drop) and item.target.kind == "durable" and not told:
                raise complaint(item.at, "dropping leaves no record: a durable field that is written beside it must tell what was dropped")
        return block

    def statement(self, node: ast.stmt) -> Statement:
        """One statement; its sorts are checked, the law is not."""
        at = self.text.place(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.vocabulary.state:
                return self._assign(self._target(name, at), value, at)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                read = self.reader.read(value)
                self._check_runs(read)
                return Let(at, self.reader.bind(name, read.sort, at), read)
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=key)], value=value):
                target, sort = self._map(name, at)
                item = self.reader.read(value, sort.value)
                read_key = self.reader.read(key, sort.key)
                _refuse_runs((read_key, item))
                return Put(at, target, read_key, item)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.BitOr(), value=ast.DictComp() as value):
                target, sort = self._map(name, at)
                merged = self.reader.read(value, sort)
                assert isinstance(merged, MapBy)
                _refuse_runs((merged,))
                return Merge(at, target, merged)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Sub(), value=value):
                target, sort = self._map(name, at)
                domain, item_sort = self.reader.domain(value)
                if not isinstance(domain, Range) or not fits(item_sort, sort.key):
                    raise complaint(self.text.place(value), f"write {name} -= range(LOW, HIGH) of {sort.key}")
                _refuse_runs((domain.low, domain.high))
                return Drop(at, target, domain)
            case ast.If(test=test, body=body, orelse=orelse):
                read = self.reader.read(test, TRUTH)
                _refuse_runs((read,))
                return If(at, read, self._scoped(body), self._scoped(orelse))
            case ast.For(target=ast.Name(id=name), iter=source, body=body, orelse=[]):
                return self._each(name, source, body, at)
            case ast.Expr(value=ast.Call(func=ast.Name(id="send"), args=[message], keywords=keywords)):
                return self._send(message, keywords, at)
            case _:
                raise complaint(at, "this kind of statement is not in the language")

    def _scoped(self, nodes: list[ast.stmt]) -> tuple[Statement, ...]:
        """A branch: its locals end with it."""
        before = dict(self.reader.locals)
        block = self.block(nodes)
        self.reader.locals = before
        return block

    def _target(self, name: str, at: Place) -> Field:
        target = self.vocabulary.state.get(name)
        if target is None:
            raise complaint(at, f"{name!r} is no field of the role")
        if target.kind == "given":
            raise complaint(at, f"{name!r} is given and never changes")
        return target

    def _map(self, name: str, at: Place) -> tuple[Field, MapOf]:
        target = self._target(name, at)
        if not isinstance(target.sort, MapOf):
            raise complaint(at, f"{name!r} is no map")
        return target, target.sort

    def _assign(self, target: Field, value: ast.expr, at: Place) -> Assign:
        if isinstance(target.sort, MapOf) and target.kind == "durable":
            raise complaint(at, f"a durable map changes by {target.name}[k] = …, |= and -= only, so that its records stay small")
        read = self.reader.read(value, target.sort)
        self._check_runs(read)
        return Assign(at, target, read)

    @staticmethod
    def _check_runs(expr: Expr) -> None:
        """A run is computed by a loop before its statement: it may not stand where it might not be evaluated."""
        if isinstance(expr, Run):
            _refuse_runs((*domain_children(expr.domain), expr.test))
            return
        for child in children(expr):
            if type(expr).__name__ in {"Binary", "Extreme"}:
                _Body._check_runs(child)
            else:
                _refuse_runs((child,))

    def _each(self, name: str, source: ast.expr, body: list[ast.stmt], at: Place) -> Each:
        domain, sort = self.reader.domain(source)
        _refuse_runs(domain_children(domain))
        variable = self.reader.bind(name, sort, at)
        sends = []
        for node in body:
            statement = self.statement(node)
            if not isinstance(statement, Send):
                raise complaint(self.text.place(node), "a loop only sends")
            sends.append(statement)
        del self.reader.locals[name]
        return Each(at, variable, domain, tuple(sends))

    def _send(self, message: ast.expr, keywords: list[ast.keyword], at: Place) -> Send:
        match message:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in self.vocabulary.events:
                event: Event = self.vocabulary.events[name]
            case _:
                raise complaint(self.text.place(message), "expected send(MESSAGE(…))")
        if not event.is_message:
            raise complaint(at, f"{name} is an input: nobody sends it")
        items = self.reader.arguments(name, list(event.fields), arguments, self.text.place(message))
        _refuse_runs(items)
        to: Expr | None = None
        for keyword in keywords:
            if keyword.arg != "to" or event.to is not None or event.others:
                raise complaint(
                    self.text.place(keyword.value), f"{name} has its own route" if keyword.arg == "to" else "send() knows only to=MEMBER"
                )
            to = self.reader.read(keyword.value, _member(self.vocabulary, at))
        if to is None and event.to is None and not event.others:
            raise complaint(at, f"{name} has no route: send({name}(…), to=MEMBER)")
        return Send(at, event, items, to)


class _Law:
    """Each field is written at most once on a path, and not read after that."""

    def block(self, statements: tuple[Statement, ...], written: dict[str, Place]) -> dict[str, Place]:
        """Follow the statements; which fields are written after them, and where."""
        for statement in statements:
            written = self._statement(statement, written)
        return written

    def _statement(self, statement: Statement, written: dict[str, Place]) -> dict[str, Place]:
        match statement:
            case Let(value=value):
                self._read(written, value)
            case Assign(target=target, value=value):
                self._read(written, value)
                return self._write(written, target, statement.at)
            case Put(target=target, key=key, value=value):
                self._read(written, key, value)
                return self._write(written, target, statement.at)
            case Merge(target=target, value=value):
                # Entry by entry, it would read what it wrote for the entry before.
                self._read(written | {target.name: statement.at}, value)
                return self._write(written, target, statement.at)
            case Drop(target=target, domain=domain):
                self._read(written, *domain_children(domain))
                return self._write(written, target, statement.at)
            case If(test=test, then=then, other=other):
                self._read(written, test)
                return self.block(then, written) | self.block(other, written)
            case Send():
                self._send(written, statement)
            case Each(domain=domain, sends=sends):
                self._read(written, *domain_children(domain))
                for send in sends:
                    self._send(written, send)
        return written

    def _send(self, written: dict[str, Place], send: Send) -> None:
        self._read(written, *send.items, *(() if send.to is None else (send.to,)))

    @staticmethod
    def _read(written: dict[str, Place], *exprs: Expr) -> None:
        for expr in exprs:
            for state in reads(expr):
                if state.name in written:
                    raise complaint(
                        state.at, f"{state.name!r} is read after line {written[state.name].line} wrote it: bind it to a name first"
                    )

    @staticmethod
    def _write(written: dict[str, Place], target: Field, at: Place) -> dict[str, Place]:
        if target.name in written:
            raise complaint(at, f"{target.name!r} is written twice on one path; first on line {written[target.name].line}")
        return written | {target.name: at}
