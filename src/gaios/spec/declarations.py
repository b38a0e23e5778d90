"""What the texts declare: constants, sorts, inputs, messages, state. First pass of the compiler.

Rule 1. Every name is declared once over all texts, before it is used in another declaration.
Rule 2. What is not listed in docs/specification.md is refused with its place; nothing is guessed.
"""

import ast
from dataclasses import dataclass, field
from typing import cast

from gaios.spec.sorts import TRUTH, Enum, MapOf, Nat, Opaque, Record, SetOf, Sort
from gaios.spec.source import Place, Text, complaint
from gaios.spec.statements import Const, Event, Field
from gaios.spec.tree import Function

BUILTINS = frozenset(
    {"me", "now", "src", "len", "min", "max", "top", "keys", "range", "run", "send", "event", "OTHERS", "RECORDS", "step", "restore"}
    | {"True", "False", "None", "tracer", "essentials"}
)
"""Words of the language, and members of every generated class; no text may declare them."""
_KINDS = {"Given": "given", "Durable": "durable", "Ghost": "ghost", "Recorded": "recorded"}


@dataclass(slots=True)
class Vocabulary:
    """All that was declared, by name."""

    role: str = ""
    constants: dict[str, Const] = field(default_factory=dict)
    sorts: dict[str, Sort] = field(default_factory=dict)
    words: dict[str, Sort] = field(default_factory=dict)
    """Members of enumerations and no-ops of opaque sorts, with their sort."""
    events: dict[str, Event] = field(default_factory=dict)
    state: dict[str, Field] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    routes: dict[str, tuple[Text, ast.expr]] = field(default_factory=dict)
    """`to` of messages, read after the functions that it may call."""
    definitions: list[tuple[Text, ast.FunctionDef]] = field(default_factory=list)
    cases: list[tuple[Text, ast.match_case]] = field(default_factory=list)

    def declare(self, name: str, place: Place) -> None:
        """Take a name that nobody has.

        Raises:
            SpecError: it is taken.
        """
        if name in BUILTINS:
            raise complaint(place, f"{name!r} is a word of the language")
        if name in self.places:
            raise complaint(place, f"{name!r} is declared twice; first at {self.places[name].file}:{self.places[name].line}")
        self.places[name] = place


def declare_all(texts: tuple[Text, ...]) -> Vocabulary:
    """Read the declarations of all texts.

    Raises:
        SpecError: a declaration that the language does not have, or that contradicts another.
    """
    vocabulary = Vocabulary()
    for text in texts:
        for index, node in enumerate(text.parse().body):
            declare(vocabulary, text, node, is_first=index == 0)
    if not vocabulary.role:
        raise complaint(Place(texts[-1].name, 1, 1), "no role is declared: class NAME(Role)")
    return vocabulary


def declare(vocabulary: Vocabulary, text: Text, node: ast.stmt, *, is_first: bool = False) -> None:
    """Read one declaration.

    Raises:
        SpecError: the language does not have it, or it contradicts another.
    """
    match node:
        case ast.Expr(value=ast.Constant(value=str())) if is_first:
            return
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="Const"), args=[], keywords=keywords) as call):
            vocabulary.declare(name, text.place(node))
            numbers = _numbers(text, call, keywords, ("model", "run"))
            vocabulary.constants[name] = Const(name, numbers["model"], numbers["run"], _comment(text, node), text.place(node))
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=kind)) as call) if kind in {"Nat", "Opaque", "Enum"}:
            vocabulary.declare(name, text.place(node))
            vocabulary.sorts[name] = _simple_sort(vocabulary, text, name, kind, call)
        case ast.ClassDef(name=name, bases=[ast.Name(id="Record")], keywords=[], decorator_list=[]):
            vocabulary.declare(name, text.place(node))
            parts = tuple((part, sort) for part, sort, _ in _fields(vocabulary, text, node.body))
            if not parts:
                raise complaint(text.place(node), f"record {name} has no parts")
            vocabulary.sorts[name] = Record(name, parts)
        case ast.ClassDef(bases=[ast.Name(id="Input" | "Msg")], keywords=[], decorator_list=[]):
            _declare_event(vocabulary, text, node)
        case ast.ClassDef(bases=[ast.Name(id="Role")], keywords=[], decorator_list=[]):
            _declare_role(vocabulary, text, node)
        case ast.FunctionDef(name=name):
            vocabulary.declare(name, text.place(node))
            vocabulary.definitions.append((text, node))
        case _:
            raise complaint(
                text.place(node), "a text declares Const, Nat, Opaque, Enum, Record, Input, Msg, Role and one-line functions; nothing else"
            )


def _comment(text: Text, node: ast.stmt) -> str:
    """What stands behind the declaration's `#`: the constant's documentation."""
    line = text.content.splitlines()[(node.end_lineno or node.lineno) - 1]
    return line.partition("#")[2].strip()


def _numbers(text: Text, call: ast.Call, keywords: list[ast.keyword], wanted: tuple[str, ...], optional: str = "") -> dict[str, int]:
    found: dict[str, int] = {}
    for keyword in keywords:
        match keyword.value:
            case ast.Constant(value=int() as value) if not isinstance(value, bool) and keyword.arg in (*wanted, optional):
                found[keyword.arg] = value
            case _:
                raise complaint(text.place(keyword.value), f"expected {', '.join(f'{name}=NUMBER' for name in wanted)}")
    for name in wanted:
        if name not in found:
            raise complaint(text.place(call), f"{name}=NUMBER is missing")
    return found


def _simple_sort(vocabulary: Vocabulary, text: Text, name: str, kind: str, call: ast.Call) -> Sort:
    if kind == "Nat":
        if call.args:
            raise complaint(text.place(call), "write Nat(model=NUMBER): the bound is the model's alone")
        numbers = _numbers(text, call, call.keywords, ("model",), "wire")
        return Nat(name, numbers["model"], numbers.get("wire", 0))
    words = []
    for argument in call.args:
        match argument:
            case ast.Constant(value=str() as word) if word.isidentifier():
                words.append(word)
            case _:
                raise complaint(text.place(argument), "expected a name in quotation marks")
    if not words:
        raise complaint(text.place(call), f"{kind} needs at least one name")
    if kind == "Enum":
        if call.keywords:
            raise complaint(text.place(call), "Enum takes names only")
        enum = Enum(name, tuple(words))
        for word in words:
            vocabulary.declare(word, text.place(call))
            vocabulary.words[word] = enum
        return enum
    match call.keywords:
        case [ast.keyword(arg="noop", value=ast.Constant(value=str() as noop))]:
            opaque = Opaque(name, tuple(words), noop)
            vocabulary.declare(noop, text.place(call))
            vocabulary.words[noop] = opaque
            return opaque
        case _:
            raise complaint(text.place(call), 'Opaque needs noop="NAME", the empty value')


def sort_of(vocabulary: Vocabulary, text: Text, node: ast.expr) -> Sort:
    """The sort that an annotation names."""
    match node:
        case ast.Name(id="bool"):
            return TRUTH
        case ast.Name(id=name) if name in vocabulary.sorts:
            return vocabulary.sorts[name]
        case ast.Subscript(value=ast.Name(id="Set"), slice=item):
            return SetOf(_nat(vocabulary, text, item))
        case ast.Subscript(value=ast.Name(id="Map"), slice=ast.Tuple(elts=[key, value, *rest])) if len(rest) <= 1:
            most = ""
            if rest:
                match rest[0]:
                    case ast.Name(id=name) if name in vocabulary.constants:
                        most = name
                    case _:
                        raise complaint(text.place(rest[0]), "a map's bound is a declared constant")
            element = sort_of(vocabulary, text, value)
            if isinstance(element, MapOf):
                raise complaint(text.place(value), "a map of maps is not in the language")
            return MapOf(_nat(vocabulary, text, key), element, most)
        case ast.Name(id=name):
            raise complaint(text.place(node), f"unknown sort {name!r}")
        case _:
            raise complaint(text.place(node), "expected a sort: a declared name, bool, Set[…] or Map[…, …]")


def _nat(vocabulary: Vocabulary, text: Text, node: ast.expr) -> Nat:
    sort = sort_of(vocabulary, text, node)
    if not isinstance(sort, Nat):
        raise complaint(text.place(node), f"members of sets and keys of maps are Nat, not {sort}")
    return sort


def _fields(vocabulary: Vocabulary, text: Text, body: list[ast.stmt]) -> list[tuple[str, Sort, Place]]:
    found: list[tuple[str, Sort, Place]] = []
    for node in body:
        match node:
            case ast.Pass():
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
                if any(name == other for other, _, _ in found):
                    raise complaint(text.place(node), f"field {name!r} is declared twice")
                found.append((name, sort_of(vocabulary, text, annotation), text.place(node)))
            case ast.Assign(targets=[ast.Name(id="to" | "after")]):
                pass
            case _:
                raise complaint(text.place(node), "expected NAME: SORT")
    return found


def _declare_event(vocabulary: Vocabulary, text: Text, node: ast.ClassDef) -> None:
    is_message = cast("ast.Name", node.bases[0]).id == "Msg"
    vocabulary.declare(node.name, text.place(node))
    fields = _fields(vocabulary, text, node.body)
    others = after = False
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if not is_message:
                raise complaint(text.place(statement), f"an input has no {name!r}")
            case ast.Assign(targets=[ast.Name(id="after")], value=ast.Name(id="RECORDS")):
                after = True
            case ast.Assign(targets=[ast.Name(id="to")], value=ast.Name(id="OTHERS")):
                others = True
            case ast.Assign(targets=[ast.Name(id="to")], value=value):
                vocabulary.routes[node.name] = (text, value)
            case ast.Assign():
                raise complaint(text.place(statement), "expected after = RECORDS, to = OTHERS or to = a member")
            case _:
                pass
    for name, sort, place in fields:
        if is_message and isinstance(sort, MapOf) and not sort.most:
            raise complaint(place, f"a map in a message states its bound: {name}: Map[{sort.key}, {sort.value}, CONSTANT]")
    pairs = tuple((name, sort) for name, sort, _ in fields)
    tag = len(vocabulary.events) + 1
    vocabulary.events[node.name] = Event(node.name, tag, pairs, is_message, others, after, text.place(node))


def _declare_role(vocabulary: Vocabulary, text: Text, node: ast.ClassDef) -> None:
    if not vocabulary.role:
        vocabulary.declare(node.name, text.place(node))
        vocabulary.role = node.name
    elif vocabulary.role != node.name:
        raise complaint(text.place(node), f"there is one role, {vocabulary.role}; re-open that")
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
                kind = "volatile"
                if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name) and annotation.value.id in _KINDS:
                    kind, annotation = _KINDS[annotation.value.id], annotation.slice
                vocabulary.declare(name, text.place(statement))
                vocabulary.state[name] = Field(name, sort_of(vocabulary, text, annotation), kind, text.place(statement))
            case ast.Match(subject=ast.Name(id="event"), cases=cases):
                vocabulary.cases.extend((text, case) for case in cases)
            case _:
                raise complaint(text.place(statement), "a role holds NAME: SORT and `match event:`")
