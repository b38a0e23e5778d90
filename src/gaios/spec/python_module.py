"""The core as a Python module: one flat class, one method an event, no interpretation.

Rule 1. What several rules of one event ask in their guards is asked once.
Rule 2. The variants with tracing and coverage say more, and do the same; the production text pays nothing for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gaios.spec.python_expressions import Expressions, Hoisted, is_method
from gaios.spec.python_rules import RuleEmitter
from gaios.spec.python_words import WIDTH, Lines, Names, default, number, python_type, screaming, snake
from gaios.spec.sorts import Enum, MapOf, Record, Truth
from gaios.spec.source import digest
from gaios.spec.statements import Assign, Drop, Each, Event, Field, If, Let, Merge, Put, Rule, Send, Specification, Statement
from gaios.spec.tree import Expr, Function, Local, Range, Table, walk

TOLD = "gaios.configuration"
"""Where the functions stand that texts only declare."""


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
            if not is_method(function) and not isinstance(function.body, Table):
                add()
                add()
                self._function(function, "")
        add()
        add()
        add(f"class {s.role}:")
        self.lines.depth += 1
        body, self.lines = self.lines, Lines(depth=1)
        hoisted = Hoisted(frozenset(item.name for item in s.state if item.kind == "given"))
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
        add("of a map. Keys that a rule drops are not written: a field in the same rule tells. Sets are bit masks (1 << member); maps hold")
        add("no defaults; maps in messages belong to the message. The texts say why; docs/specification.md says how to change them.")
        add('"""')
        add()
        add("from collections.abc import Callable")
        typing = ["Any", "Final", "TypeAlias"] if not self.trace else ["Any", "Final", "NamedTuple", "TypeAlias"]
        add(f"from typing import {', '.join(typing)}")
        add()
        if told := sorted(function.name for function in s.functions if isinstance(function.body, Table)):
            add(f"from {TOLD} import {', '.join(told)}")
            add()

    def _words(self) -> None:
        s, add = self.specification, self.lines.add
        for constant in s.constants:
            add(f"{constant.name}: Final = {number(constant.run)}")
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
        self.lines.bracketed("EVENT_NAMES: Final = (", ['""', *(f'"{event.name}"' for event in s.events)], ")")
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
        add("RULES: Final = (")
        for rule in s.rules:
            add(f'    ("{rule.label}", "{rule.event.name}", "{rule.at.file}:{rule.at.line}"),')
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

    def _class_head(self, hoisted: Hoisted) -> None:
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
            add(f"    self.{slot} = {Expressions(Hoisted(frozenset()), Names()).text(expr)}")
        if self.trace:
            add("    self.tracer: Callable[[Transition], None] | None = None")
        add()
        durable = self._durable()
        items = [f"{item.name}: {python_type(item.sort)}" for item in durable]
        self.lines.bracketed("def restore(", ["self", "*", *items], ") -> None:")
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

    def _function(self, function: Function, receiver: str, hoisted: Hoisted | None = None) -> None:
        names = Names()
        parameters = [f"{names.bind(p)}: {python_type(p.sort)}" for p in function.parameters]
        emit = Expressions(hoisted or Hoisted(frozenset()), names)
        head = ", ".join([*([receiver] if receiver else []), *parameters])
        self.lines.add(f"def {function.name}({head}) -> {python_type(function.result)}:")
        self.lines.add(f'    """As defined in {function.at.file}:{function.at.line}."""')
        self.lines.depth += 1
        if isinstance(function.body.sort, Truth):
            self.lines.conjunction("return ", emit.conjunction([function.body]), "")
        else:
            self.lines.comprehension("return ", emit.fresh(function.body))
        self.lines.depth -= 1

    def _event(self, event: Event, hoisted: Hoisted) -> None:
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
            emitter = RuleEmitter(s, self.lines, Expressions(hoisted, names), once=len(rules) == 1)
            self._rule(rule, [expr for expr in rule.guard if expr not in shared], emitter)
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

    def _rule(self, rule: Rule, guard: Sequence[Expr], emitter: RuleEmitter) -> None:
        index = self.specification.rules.index(rule)
        self.lines.add(f"# {rule.label} ({rule.at.file}:{rule.at.line})")
        begin, end = [], ["return True"]
        if self.coverage:
            begin.append(f"FIRED[{index}] += 1")
        if self.trace:
            begin.append("before, sent, written = self.essentials(), len(out.sends), len(out.writes)")
            step = f"Transition({index}, event, src, now, before, self.essentials(), out.sends[sent:], out.writes[written:])"
            end = ["if self.tracer is not None:", f"    self.tracer({step})", *end]
        emitter.rule(rule, guard, begin, end)
        if self.coverage and guard:
            self.lines.add(f"REFUSED[{index}] += 1")

    def _nobody(self) -> None:
        add = self.lines.add
        add(f"def _nobody(_self: {self.specification.role}, _event: object, _src: int, _now: int, _out: Out) -> bool:")
        add('    """Tag 0 is no event."""')
        add("    return False")
        add()
        add()


def emit_core(specification: Specification, *, trace: bool = False, coverage: bool = False) -> str:
    """The module that replicas run, as text."""
    return Emitter(specification, trace=trace, coverage=coverage).module()
