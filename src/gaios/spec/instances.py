"""Rules as instances: one member, one event with all its fields known; a guard, and all that happens at once.

Rule 1. An instance's updates are simultaneous: each formula reads the state before it. The law of the language makes that the rule's
meaning.
Rule 2. Messages are cells too: `n…` was sent, `w…` waits for its sender's disk; what a message that is said once says has cells of its
own (`p…`).
Rule 3. Of an event's rules the first whose guard holds is carried out; what the environment assumes is asked afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import NamedTuple

from gaios.spec.claims import Model
from gaios.spec.configuration import Configuration
from gaios.spec.formulas import Term, all_of, any_of, choice, negation, operate
from gaios.spec.lowering import Cells, Lowering, Thing, equal, leaves, select
from gaios.spec.sorts import MapOf, Nat, Sort
from gaios.spec.statements import Assign, Drop, Each, Event, If, Let, Merge, Put, Rule, Send, Statement
from gaios.spec.tree import Ambient, Call, Expr, Sent, State, children, domain_children, walk

RESTART = "Restart"
SYNC = "Sync"


class Key(NamedTuple):
    """What tells one sent message from another. 0 stands for a sender, or an addressee, that makes no difference."""

    message: str
    src: int
    dst: int
    fields: tuple[int, ...]

    def cell(self, kind: str) -> str:
        """The name of one of its cells."""
        return "_".join([f"{kind}{self.message}", str(self.src), str(self.dst), *map(str, self.fields)])


class Sending(NamedTuple):
    """A message that an instance sends, when `when` holds; its fields may depend on the state."""

    event: Event
    src: int
    dst: Term
    fields: tuple[Thing, ...]
    when: Term


@dataclass(slots=True)
class Instance:
    """One rule of one member at one event."""

    label: str
    rule: Rule | None
    me: int
    event: str
    fields: tuple[int | None, ...]
    """The event's fields; None for one whose value is in the state."""
    src: int
    guard: tuple[Term, ...]
    updates: dict[str, Term] = field(default_factory=dict)
    sends: list[Sending] = field(default_factory=list)
    contradicts: list[Term] = field(default_factory=list)
    """When what it says would differ from what the same member already said, and may say only once."""
    received: Key | None = None
    also: str = ""
    """Another rule that was carried out within this step."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The rules that this step carries out."""
        return (self.label, self.also) if self.also else (self.label,)


@dataclass
class Instances:
    """Makes instances of one model in one configuration."""

    model: Model
    configuration: Configuration
    cells: Cells

    @cached_property
    def sorts(self) -> dict[str, Sort]:
        """Every field's sort."""
        return {item.name: item.sort for item in self.model.state()}

    @cached_property
    def constants(self) -> dict[str, int]:
        """Every constant's value here."""
        return {**self.model.constants, **self.configuration.constants}

    @cached_property
    def named_senders(self) -> frozenset[str]:
        """Messages whose sender makes a difference."""
        found = {event.name for event in self.model.events if event.others} | set(self.model.once)
        for rule in self.model.specification.rules:
            if any(isinstance(node, Ambient) and node.name == "src" for expr in expressions(rule) for node in walk(expr)):
                found.add(rule.event.name)
        bodies = [item.body for item in (*self.model.invariants, *(f for f in self.model.specification.functions))]
        for body in bodies:
            for node in everything(body):
                if isinstance(node, Sent) and node.src is not None:
                    found.add(node.message)
        return frozenset(found)

    def lowering(self, me: int, src: int = 0) -> Lowering:
        """Expressions as a member sees them."""
        return Lowering(self.cells, self.constants, self.sorts, me, src)

    # -- messages --------------------------------------------------------------------------------------------------------

    def key_fields(self, event: Event) -> tuple[int, ...]:
        """Which fields tell this event's messages apart."""
        once = self.model.once.get(event.name)
        return tuple(index for index, (name, _) in enumerate(event.fields) if once is None or name in once)

    def payload_fields(self, event: Event) -> tuple[int, ...]:
        """Which fields have cells of their own."""
        keys = self.key_fields(event)
        return tuple(index for index in range(len(event.fields)) if index not in keys)

    def payload(self, event: Event, key: Key) -> dict[int, Thing]:
        """The cells of what a message says that is said once."""
        return {
            index: self.cells.thing(event.fields[index][1], f"{key.cell('p')}_{event.fields[index][0]}")
            for index in self.payload_fields(event)
        }

    def payload_names(self, event: Event, key: Key) -> list[str]:
        """The names of those cells, in the order of their leaves."""
        return [
            name
            for index in self.payload_fields(event)
            for name in self.cells.names(event.fields[index][1], f"{key.cell('p')}_{event.fields[index][0]}")
        ]

    def receivers(self, key: Key) -> list[int]:
        """Who may get a message."""
        event = self.model.event(key.message)
        if event.others:
            return [member for member in self.configuration.members if member != key.src]
        if event.to is None:
            return [key.dst]
        lowering = self.lowering(0)
        lowering.locals = dict(zip(self.key_fields(event), key.fields, strict=True))
        to = lowering.term(event.to)
        return [to] if to in self.configuration.members and isinstance(to, int) else []

    # -- instances -------------------------------------------------------------------------------------------------------

    def inputs(self) -> Iterator[Instance]:
        """What may be asked of members; restarts and syncs."""
        for name in self.configuration.inputs:
            event = self.model.event(name)
            for me in self.configuration.asked(name):
                ranges = [
                    self.configuration.values[me] if sort.__class__.__name__ == "Opaque" else self.configuration.every(sort)
                    for _, sort in event.fields
                ]
                for values in product(*ranges):
                    yield from self.on(event, me, dict(enumerate(values)), values, 0)
        for me in self.configuration.restarts:
            yield self.restart(me)

    def receptions(self, key: Key) -> Iterator[Instance]:
        """What a message may do to whoever gets it."""
        event = self.model.event(key.message)
        if event.name in self.configuration.without:
            return
        payload = self.payload(event, key)
        keys = dict(zip(self.key_fields(event), key.fields, strict=True))
        fields = tuple(keys.get(index) for index in range(len(event.fields)))
        for me in self.receivers(key):
            for instance in self.on(event, me, {**keys, **payload}, fields, key.src):
                instance.guard = (self.cells(key.cell("n")), *instance.guard)
                instance.received = key
                yield instance

    def on(self, event: Event, me: int, fields: Mapping[int, Thing], shown: tuple[int | None, ...], src: int) -> Iterator[Instance]:
        """The instances of an event at a member."""
        earlier: list[tuple[Term, ...]] = []
        for rule in self.model.rules_of(event):
            lowering = self.lowering(me, src)
            lowering.locals = {p.number: fields[index] for index, p in enumerate(rule.parameters)}
            guard = tuple(lowering.term(item) for item in rule.guard)
            refused = tuple(negation(all_of(item for item in other if item not in guard)) for other in earlier)
            earlier.append(guard)
            instance = Instance(rule.label, rule, me, event.name, shown, src, (*guard, *refused))
            instance.guard += tuple(self._assumed(event.name, [fields[index] for index in range(len(event.fields))], lowering, 1))
            self._carry_out(instance, rule, lowering)
            if all_of(instance.guard) != 0:
                yield instance

    def _assumed(self, name: str, fields: Sequence[Thing], lowering: Lowering, when: Term) -> Iterator[Term]:
        """What the environment assumes of an event, or of a message that is sent."""
        for claim in self.model.assumptions:
            if claim.about == name:
                there = self.lowering(lowering.me, 0)
                there.locals = {p.number: fields[index] for index, p in enumerate(claim.function.parameters)}
                yield any_of((negation(when), there.term(claim.function.body)))

    def _carry_out(self, instance: Instance, rule: Rule, lowering: Lowering) -> None:
        block = _Block(self, instance, lowering)
        block.run(rule.body, 1)
        for claim in self.model.updates:
            if claim.about == rule.label:
                pairs = zip(claim.function.parameters, rule.parameters, strict=False)
                there = replace(lowering, locals={p.number: lowering.locals[q.number] for p, q in pairs})
                self.write(instance, claim.function.name, there.thing(claim.function.body), 1)
        for name, thing in block.fields.items():
            self.write(instance, name, thing, 1)
        for sending in instance.sends:
            event = sending.event
            fields = [*sending.fields]
            limit = [
                any_of((negation(sending.when), operate("<=", term, self.configuration.slots)))
                for term, (_, sort) in zip(fields, event.fields, strict=True)
                if isinstance(sort, Nat) and sort.name == "Slot" and not isinstance(term, dict | tuple)
            ]
            instance.guard += (*limit, *self._assumed(event.name, fields, lowering, sending.when))

    def write(self, instance: Instance, name: str, thing: Thing, when: Term) -> None:
        """Note a field's new value."""
        if name in self.configuration.same:
            return
        names = list(self.cells.names(self.sorts[name], f"{name}_{instance.me}"))
        for cell_name, term in zip(names, leaves(thing), strict=True):
            instance.updates[cell_name] = choice(when, term, self.cells(cell_name))

    def restart(self, me: int) -> Instance:
        """A crash, and the start after it: what is not durable takes its default, then Boot happens."""
        instance = Instance("restart", None, me, RESTART, (), 0, ())
        over: dict[str, Thing] = {}
        late = [item for item in self.model.state() if item.is_on_disk and me in self.configuration.ahead]
        held = {item.name: self.cells.thing(item.sort, f"disk_{item.name}_{me}") for item in late}
        before = replace(self.lowering(me), over={item.name: held[item.name] for item in late if item.is_ghost})
        told = self.model.restarts_without(self.configuration.same)
        is_lost = me == self.constants.get("LOST")
        for item in self.model.state():
            if item.kind == "given" or item.name in self.configuration.same:
                continue
            if is_lost and item.is_on_disk:
                over[item.name] = self.cells.default(item.sort)
            elif item.name in told:
                over[item.name] = before.thing(told[item.name].body)
            elif item.kind == "volatile":
                over[item.name] = self.cells.default(item.sort)
            elif item.name in held:
                over[item.name] = held[item.name]
        after = replace(self.lowering(me), over=over)
        boot = next((event for event in self.model.specification.events if event.name == "Boot"), None)
        if boot is not None:
            rules = self.model.rules_of(boot)
            assert len(rules) == 1, "Boot has one rule"
            assert not boot.fields, "Boot has no fields"
            block = _Block(self, instance, after)
            instance.also = rules[0].label
            block.run(rules[0].body, all_of(after.term(item) for item in rules[0].guard))
            over = {**over, **block.fields}
        for name, thing in over.items():
            self.write(instance, name, thing, 1)
        return instance


def expressions(rule: Rule) -> Iterator[Expr]:
    """Every expression of a rule."""
    yield from rule.guard
    yield from _of_block(rule.body)


def _of_block(block: Sequence[Statement]) -> Iterator[Expr]:
    for statement in block:
        match statement:
            case Let(value=value) | Assign(value=value) | Merge(value=value):
                yield value
            case Put(key=key, value=value):
                yield from (key, value)
            case Drop(domain=domain):
                yield from domain_children(domain)
            case If(test=test, then=then, other=other):
                yield test
                yield from _of_block(then)
                yield from _of_block(other)
            case Send(items=items, to=to):
                yield from items
                if to is not None:
                    yield to
            case Each(domain=domain, sends=sends):
                yield from domain_children(domain)
                yield from _of_block(sends)


def everything(expr: Expr) -> Iterator[Expr]:
    """An expression, all below it, and all that the functions hold that it calls."""
    yield expr
    for child in children(expr):
        yield from everything(child)
    if isinstance(expr, Call):
        yield from everything(expr.function.body)


@dataclass(slots=True)
class _Block:
    """Carries out statements: what each field becomes, what is sent."""

    instances: Instances
    instance: Instance
    lowering: Lowering
    fields: dict[str, Thing] = field(default_factory=dict)

    def run(self, block: Sequence[Statement], when: Term) -> None:
        """The statements, on a path that is taken when `when` holds."""
        for statement in block:
            self._statement(statement, when)

    def _now(self, name: str) -> Thing:
        """What a field is so far: on another path it may have been written."""
        return self.fields.get(
            name, self.lowering.thing(State(self.instances.sorts[name], self.instances.model.specification.rules[0].at, name))
        )

    def _statement(self, statement: Statement, when: Term) -> None:
        low = self.lowering
        match statement:
            case Let(local=local, value=value):
                low.locals = {**low.locals, local.number: low.thing(value)}
            case Assign(target=target, value=value):
                self.fields[target.name] = select(when, low.thing(value), self._now(target.name))
            case Put(target=target, key=key, value=value):
                at, thing = low.term(key), low.thing(value)
                held = self._now(target.name)
                self.fields[target.name] = {each: select(all_of((when, operate("==", at, each))), thing, old) for each, old in held.items()}
            case Merge(target=target, value=value):
                held = dict(self._now(target.name))
                for each, there in low.domain(value.domain, value.variable.sort):
                    if each in held:
                        low.locals = {**low.locals, value.variable.number: each}
                        kept = all_of((when, there, 1 if value.test is None else low.term(value.test)))
                        held[each] = select(kept, low.thing(value.value), held[each])
                self.fields[target.name] = held
            case Drop(target=target, domain=domain):
                held = dict(self._now(target.name))
                sort = self.instances.sorts[target.name]
                assert isinstance(sort, MapOf)
                for each, there in low.domain(domain, sort.key):
                    held[each] = select(all_of((when, there)), self.instances.cells.default(sort.value), held[each])
                self.fields[target.name] = held
            case If(test=test, then=then, other=other):
                holds = low.term(test)
                before = low.locals
                self.run(then, all_of((when, holds)))
                low.locals = before
                self.run(other, all_of((when, negation(holds))))
                low.locals = before
            case Send():
                self._send(statement, when)
            case Each(variable=variable, domain=domain, sends=sends):
                for each, there in low.domain(domain, variable.sort):
                    low.locals = {**low.locals, variable.number: each}
                    for send in sends:
                        self._send(send, all_of((when, there)))

    def _send(self, send: Send, when: Term) -> None:
        if when == 0:
            return
        things = [self.lowering.thing(item) for item in send.items]
        to: Term = 0 if send.to is None else self.lowering.term(send.to)
        self.instance.sends.append(Sending(send.message, self.instance.me, to, tuple(things), when))


def matches(asked: Sequence[Thing | None], fields: Sequence[Thing]) -> Term:
    """Whether a message's fields are what is asked for."""
    return all_of(equal(want, have) for want, have in zip(asked, fields, strict=True) if want is not None)
