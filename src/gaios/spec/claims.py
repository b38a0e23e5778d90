"""What is said of the core in models only: its environment, and what must hold.

Rule 1. A model's texts add to the core's vocabulary and change nothing of it: the core is read first, alone, and as it is.
Rule 2. Besides constants, inputs and functions they hold ghost fields, rules of their own inputs, and functions that are decorated:
`@invariant`, `@assume(EVENT)`, `@restart` (what a field is after one), `@after("RULE")` (what that rule does to a ghost).
Rule 3. Here an expression may look at other members (`q.field`), at everything ever sent, and over all values of a sort.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from gaios.spec.declarations import Vocabulary, declare, declare_all, sort_of
from gaios.spec.expressions import Reader
from gaios.spec.rules import read_rule, specify
from gaios.spec.sorts import TRUTH, Nat, SetOf, Sort
from gaios.spec.source import Place, Text, complaint
from gaios.spec.statements import Event, Field, Rule, Specification
from gaios.spec.tree import Call, Expr, Function, Gather, Local, Of, Quantified, Sent, State, reads


@dataclass(frozen=True, slots=True)
class Claim:
    """An invariant, an assumption about an event, or an update of a field: a function, and what it is about."""

    about: str
    """The event of an assumption, the rule's label of an update; empty otherwise."""
    function: Function


@dataclass(slots=True)
class Model:
    """The core, and all that is said of it."""

    specification: Specification
    texts: tuple[Text, ...]
    constants: dict[str, int] = field(default_factory=dict)
    """Every constant as models have it, unless a configuration says otherwise."""
    ghosts: tuple[Field, ...] = ()
    inputs: tuple[Event, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Rules of the model's own inputs."""
    once: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For a message that is said once a key: the fields that are its key, besides the sender."""
    invariants: tuple[Function, ...] = ()
    assumptions: tuple[Claim, ...] = ()
    updates: tuple[Claim, ...] = ()
    restarts: dict[str, Function] = field(default_factory=dict)

    @property
    def events(self) -> tuple[Event, ...]:
        """The core's and the model's."""
        return (*self.specification.events, *self.inputs)

    def event(self, name: str) -> Event:
        """The one of this name."""
        return next(event for event in self.events if event.name == name)

    def all_rules(self) -> tuple[Rule, ...]:
        """The core's and the model's."""
        return (*self.specification.rules, *self.rules)

    def rules_of(self, event: Event) -> tuple[Rule, ...]:
        """The rules of an event, in the order in which they are tried."""
        return tuple(rule for rule in self.all_rules() if rule.event.name == event.name)

    def restarts_without(self, ghosts: Iterable[str]) -> dict[str, Function]:
        """What fields are after a restart, where these ghosts do not exist: whatever rests on them is as the disk says."""
        gone = set(ghosts)
        return {
            name: function
            for name, function in self.restarts.items()
            if name not in gone and not any(state.name in gone for state in reads(function.body))
        }

    def state(self) -> tuple[Field, ...]:
        """Every field, ghosts too."""
        return (*self.specification.state, *self.ghosts)


def read_model(core: tuple[Text, ...], claims: tuple[Text, ...]) -> Model:
    """The core and what is said of it.

    Raises:
        SpecError: a text breaks the grammar, the types or the law.
    """
    vocabulary = declare_all(core)
    model = Model(specify(core, vocabulary), (*core, *claims))
    known = set(vocabulary.events)
    cases = len(vocabulary.cases)
    invariants: list[Function] = []
    pending: list[tuple[Text, ast.FunctionDef]] = []
    for text in claims:
        for index, node in enumerate(text.parse().body):
            match node:
                case ast.FunctionDef(decorator_list=[]):
                    vocabulary.declare(node.name, text.place(node))
                    pending.append((text, node))
                case ast.FunctionDef():
                    pending.append((text, node))
                case ast.Expr(value=ast.Call(func=ast.Name(id="Once"), args=[ast.Name(id=message), *keys], keywords=[])):
                    model.once[message] = _once(vocabulary, text, node, message, keys)
                case _:
                    declare(vocabulary, text, node, is_first=index == 0)
    model.ghosts = tuple(item for item in vocabulary.state.values() if item.is_ghost)
    model.inputs = tuple(event for name, event in vocabulary.events.items() if name not in known)
    model.constants = {name: constant.model for name, constant in vocabulary.constants.items()}
    for text, node in pending:
        _function(vocabulary, model, text, node, invariants)
    model.invariants = tuple(invariants)
    model.rules = tuple(read_rule(vocabulary, text, case, ModelReader) for text, case in vocabulary.cases[cases:])
    for rule in model.rules:
        if rule.event.name in known:
            raise complaint(rule.at, f"{rule.event.name} belongs to the core: a model's text gives rules to its own inputs only")
    for event in model.inputs:
        if not any(rule.event.name == event.name for rule in model.rules):
            raise complaint(event.at, f"no rule says what happens on {event.name}")
    return model


def _once(vocabulary: Vocabulary, text: Text, node: ast.stmt, message: str, keys: list[ast.expr]) -> tuple[str, ...]:
    event = vocabulary.events.get(message)
    if event is None or not event.is_message:
        raise complaint(text.place(node), f"{message!r} is no message")
    names = {name for name, _ in event.fields}
    found = tuple(key.id for key in keys if isinstance(key, ast.Name) and key.id in names)
    if len(found) != len(keys) or not found:
        raise complaint(text.place(node), f"write Once({message}, FIELD, …) with fields of {message}")
    return found


def _function(vocabulary: Vocabulary, model: Model, text: Text, node: ast.FunctionDef, invariants: list[Function]) -> None:
    place = text.place(node)
    reader = ModelReader(vocabulary, text, has_event=False)
    parameters = []
    for argument in node.args.args:
        if argument.annotation is None:
            raise complaint(text.place(argument), f"parameter {argument.arg!r} needs a sort")
        parameters.append(reader.bind(argument.arg, sort_of(vocabulary, text, argument.annotation), text.place(argument)))
    result = sort_of(vocabulary, text, node.returns) if node.returns is not None else TRUTH
    match node.body:
        case [ast.Return(value=ast.expr() as value)]:
            function = Function(node.name, tuple(parameters), result, reader.read(value, result), place)
        case _:
            raise complaint(place, "a function is one `return`")
    match node.decorator_list:
        case []:
            vocabulary.functions[node.name] = function
        case [ast.Name(id="invariant")] if result == TRUTH:
            if any(other.name == node.name for other in invariants):
                raise complaint(place, f"two invariants are called {node.name!r}")
            invariants.append(function)
        case [ast.Name(id="restart")] if not parameters and node.name in vocabulary.state:
            _same_sort(vocabulary.state[node.name], result, place)
            model.restarts[node.name] = function
        case [ast.Call(func=ast.Name(id="after"), args=[ast.Constant(value=str() as label)])]:
            ghost = next((item for item in model.ghosts if item.name == node.name), None)
            rule = next((rule for rule in model.specification.rules if rule.label == label), None)
            if parameters and rule is not None and [p.sort for p in parameters] != [sort for _, sort in rule.event.fields]:
                raise complaint(place, f"parameters, if there are any, are the fields of {rule.event.name}")
            if ghost is None or rule is None:
                raise complaint(place, "write @after(LABEL) of a rule of the core, above a function that is called like a ghost field")
            _same_sort(ghost, result, place)
            model.updates = (*model.updates, Claim(label, function))
        case [ast.Call(func=ast.Name(id="assume"), args=[ast.Name(id=name)])] if name in vocabulary.events and result == TRUTH:
            if [p.sort for p in parameters] != [sort for _, sort in vocabulary.events[name].fields]:
                raise complaint(place, f"an assumption's parameters are the fields of {name}")
            model.assumptions = (*model.assumptions, Claim(name, function))
        case _:
            raise complaint(place, "a model's function is plain, or an @invariant, @assume(EVENT), @restart or @after(LABEL)")


def _same_sort(target: Field, result: Sort, place: Place) -> None:
    if target.sort != result:
        raise complaint(place, f"{target.name} is {target.sort}, this is {result}")


@dataclass(slots=True)
class ModelReader(Reader):
    """Reads what only models may say."""

    def _read(self, node: ast.expr, wanted: Sort | None) -> Expr:
        at = self.place(node)
        match node:
            case ast.Attribute(value=value, attr=name) if (member := self._as_member(value)) is not None:
                state = self.vocabulary.state.get(name)
                if state is None:
                    raise complaint(at, f"{name!r} is no field of the role")
                return Of(state.sort, at, member, State(state.sort, at, name))
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments, keywords=[]):
                member = self._as_member(value)
                function = self.vocabulary.functions.get(name)
                if member is None or function is None:
                    raise complaint(at, "expected MEMBER.FUNCTION(…)")
                items = self.arguments(name, [(p.name, p.sort) for p in function.parameters], arguments, at)
                return Of(function.result, at, member, Call(function.result, at, function, items))
            case ast.Call(func=ast.Name(id="sent"), args=[message], keywords=keywords):
                return self._sent(message, keywords, at)
            case ast.Call(func=ast.Name(id="all" | "any" as op), args=[ast.GeneratorExp(elt=elt, generators=[loop])], keywords=[]):
                variable = self._loop(loop, at)
                test = self.read(elt, TRUTH)
                del self.locals[variable.name]
                return Quantified(TRUTH, at, op, variable, test)
            case ast.SetComp(elt=ast.Name(id=name), generators=[ast.comprehension(iter=ast.Name(id=sort), ifs=[kept]) as loop]) if (
                sort in self.vocabulary.sorts
            ):
                variable = self._loop(loop, at)
                test = self.read(kept, TRUTH)
                if name != variable.name or not isinstance(variable.sort, Nat):
                    raise complaint(at, "a comprehension collects its own variable, a number")
                del self.locals[variable.name]
                return Gather(SetOf(variable.sort), at, variable, test)
            case _:
                return Reader._read(self, node, wanted)  # noqa: SLF001 (super() does not know the class that slots make anew)

    def _as_member(self, node: ast.expr) -> Expr | None:
        """The expression, if it is a member."""
        if isinstance(node, ast.Name) and node.id in self.vocabulary.sorts:
            return None
        read = self.read(node)
        return read if read.sort == self.vocabulary.sorts.get("Member") else None

    def _loop(self, loop: ast.comprehension, at: Place) -> Local:
        match loop:
            case ast.comprehension(target=ast.Name(id=name), iter=ast.Name(id=sort)) if sort in self.vocabulary.sorts:
                return self.bind(name, self.vocabulary.sorts[sort], at)
            case _:
                raise complaint(at, "write … for NAME in SORT")

    def _sent(self, message: ast.expr, keywords: list[ast.keyword], at: Place) -> Sent:
        match message:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if (
                name in self.vocabulary.events and self.vocabulary.events[name].is_message
            ):
                event = self.vocabulary.events[name]
            case _:
                raise complaint(at, "write sent(MESSAGE(…))")
        if len(arguments) != len(event.fields):
            raise complaint(at, f"{name} has {len(event.fields)} fields, {len(arguments)} given")
        items = tuple(
            None if isinstance(item, ast.Name) and item.id == "_" else self.read(item, sort)
            for item, (_, sort) in zip(arguments, event.fields, strict=True)
        )
        src: Expr | None = None
        for keyword in keywords:
            if keyword.arg != "src":
                raise complaint(at, "sent() knows only src=MEMBER")
            src = self.read(keyword.value, self.vocabulary.sorts["Member"])
        return Sent(TRUTH, at, name, items, src)
