"""What every generated Python file is made of: types, defaults, names, lines.

Rule 1. Lines come out as the formatter leaves them, so that the gate's format check holds for generated files too.
Rule 2. In one method a name has one type, and no local hides a builtin that generated code uses.
"""

import builtins
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gaios.spec.sorts import Enum, MapOf, Nat, Opaque, Plain, Record, SetOf, Sort, Truth
from gaios.spec.tree import Local

WIDTH = 140
"""Columns of a line of the generated files, as for all our Python."""
RESERVED = frozenset({"self", "event", "src", "now", "out", "sends", *keyword.kwlist, *dir(builtins)})


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


def number(value: int) -> str:
    """A literal, with underscores where it is long."""
    return f"{value:_}" if value >= 10_000 else str(value)


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
        while name in RESERVED or (name in self.types and not (shared and self.types[name] == type_)):
            name += "_"
        self.types[name] = type_
        return name


_COMPREHENSION = re.compile(r"\{(.+?) (for .+?) (if .+)\}")


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

    def comprehension(self, head: str, text: str) -> None:
        """An expression on one line; a comprehension with a test on five, where that is too long, as the formatter does."""
        parts = _COMPREHENSION.fullmatch(text)
        if len(head + text) + 4 * self.depth <= WIDTH or parts is None:
            self.add(head + text)
            return
        self.add(head + "{")
        for part in parts.groups():
            self.add(f"    {part}")
        self.add("}")

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
