"""The gate of the core: from what a specification says of its messages, one check for each.

Rule 1. A check is total: any object becomes a message of exact types and ranges, or a `ProtocolError`; nothing else leaves it.
Rule 2. What is checked is what the text declares: `wire=` of a Nat is its least value, a map's third argument its most entries.
Rule 3. No default is let in where a map would hold it: keys and ballots of entries are checked like all other numbers.
"""

from dataclasses import dataclass, field

from gaios.spec.python_words import Lines, Names, default, python_type, screaming, snake
from gaios.spec.sorts import Enum, MapOf, Nat, Opaque, Plain, Record, SetOf, Sort, Truth
from gaios.spec.source import digest
from gaios.spec.statements import Event, Specification

WORD_BITS = 63
"""Numbers on the wire are below 2**63: they fit the signed 64-bit integers of every other language."""
SET_BITS = 1 << 16
"""Members are below 2**16, and so is a set's highest bit.  [SAFETY 1]"""


def _wanted(sort: Sort) -> str:
    """What a field must be, in words."""
    match sort:
        case Nat(wire=least):
            return f"a number from {least} to 2**{WORD_BITS} - 1"
        case Plain():
            return f"a number from 0 to 2**{WORD_BITS} - 1"
        case Enum(members=members):
            return f"a number from 0 to {len(members) - 1}"
        case SetOf():
            return f"a bit mask below 2**{SET_BITS}"
        case Truth():
            return "true or false"
        case Opaque():
            return "bytes"
        case Record(parts=parts):
            return f"a list of {len(parts)}"
        case MapOf(most=most):
            return f"a map of at most {most} entries"


def _fails(sort: Sort, name: str) -> str:
    """The condition under which a field of a simple sort is refused."""
    match sort:
        case Nat(wire=least):
            return f"type({name}) is not int or not {least} <= {name} < _WORD"
        case Plain():
            return f"type({name}) is not int or not 0 <= {name} < _WORD"
        case Enum(members=members):
            return f"type({name}) is not int or not 0 <= {name} < {len(members)}"
        case SetOf():
            return f"type({name}) is not int or {name} < 0 or {name}.bit_length() > {SET_BITS}"
        case Truth():
            return f"type({name}) is not bool"
        case Opaque():
            return f"type({name}) is not bytes"
        case Record(parts=parts):
            return f"not isinstance({name}, list | tuple) or len({name}) != {len(parts)}"
        case MapOf(most=most):
            return f"type({name}) is not dict or len({name}) > {most}"


@dataclass(slots=True)
class _Check:
    """One message's check."""

    event: Event
    lines: Lines
    imports: set[str] = field(default_factory=set)

    def emit(self) -> None:
        add, event = self.lines.add, self.event
        tag = screaming(event.name)
        self.imports.update({tag, event.name})
        size = len(event.fields) + 1
        add(f"def _{snake(event.name)}(message: _Raw) -> {event.name}:")
        self.lines.depth += 1
        add(f"if len(message) != {size}:")
        add(f'    raise _length("{event.name}", {size}, len(message))')
        locals_ = Names({"message": ""})
        names = [locals_.fresh(name, "Any") for name, _ in event.fields]
        if names:
            add(f"{', '.join(['_', *names])} = message")
        values = [self._field(f"{event.name}.{label}", name, sort) for (label, sort), name in zip(event.fields, names, strict=True)]
        add(f"return ({', '.join([tag, *values])}{',' if not values else ''})")
        self.lines.depth -= 1

    def _field(self, label: str, name: str, sort: Sort) -> str:
        """Check one field; the expression of its checked value."""
        add = self.lines.add
        if isinstance(sort, MapOf):
            self.imports.add(sort.most)
        add(f"if {_fails(sort, name)}:")
        add(f'    raise _refused("{label}", "{_wanted(sort)}", {name})')
        if isinstance(sort, Record):
            parts = [f"{name}_{part}" for part, _ in sort.parts]
            add(f"{', '.join(parts)}{',' if len(parts) == 1 else ''} = {name}")
            values = [self._field(f"{label}.{part}", local, inner) for (part, inner), local in zip(sort.parts, parts, strict=True)]
            return f"({', '.join(values)}{',' if len(values) == 1 else ''})"
        if isinstance(sort, MapOf):
            checked, key, item = f"{name}_checked", f"{name}_key", f"{name}_item"
            add(f"{checked}: {python_type(sort)} = {default(sort)}")
            add(f"for {key}, {item} in {name}.items():")
            self.lines.depth += 1
            self._field(f"{label} key", key, sort.key)
            value = self._field(f"{label} value", item, sort.value)
            add(f"{checked}[{key}] = {value}")
            self.lines.depth -= 1
            return checked
        return name


def emit_codec(specification: Specification) -> str:
    """The module that checks what other members send, as text."""
    messages = [event for event in specification.events if event.is_message]
    imports: set[str] = set()
    checks = Lines()
    for event in messages:
        checks.add()
        checks.add()
        check = _Check(event, checks)
        check.emit()
        imports |= check.imports
    head = Lines()
    add = head.add
    add(f"# Generated from {', '.join(text.name for text in specification.texts)}; do not edit; run `make fix`.")
    add(f"# sha256 of the texts: {digest(specification.texts)}")
    add('"""What may reach the core from another member: every field of every message, its type and its range.')
    add()
    add("Rule 1. A check is total: any object becomes a message of the core, or a `ProtocolError`.")
    add("Rule 2. A checked message shares nothing mutable with the object that it was made from.")
    add('"""')
    add()
    add("from collections.abc import Callable")
    add("from typing import Any, Final")
    add()
    add("from gaios.errors import ProtocolError")
    names = sorted(imports, key=_import_order)
    line = f"from gaios.paxos.core import {', '.join(names)}"
    if len(line) <= 140:
        add(line)
    else:
        add("from gaios.paxos.core import (")
        for name in names:
            add(f"    {name},")
        add(")")
    add()
    add(f"_WORD: Final = 1 << {WORD_BITS}")
    add("_Raw = list[Any] | tuple[Any, ...]")
    add()
    add()
    add("def check_message(message: object) -> tuple[Any, ...]:")
    add('    """An untrusted object, as a MessagePack decoder makes it, as one message of the core.')
    add()
    add("    Raises:")
    add("        ProtocolError: it is none.")
    add('    """')
    add("    if (type(message) is list or type(message) is tuple) and message:")
    add("        tag = message[0]")
    add("        if type(tag) is int and 0 < tag < len(_CHECKS):")
    add("            return _CHECKS[tag](message)")
    add('    raise ProtocolError(reason="a message is a list that begins with a message\'s tag")')
    add()
    add()
    add("def _refused(field: str, wanted: str, found: object) -> ProtocolError:")
    add('    return ProtocolError(reason=f"{field} must be {wanted}; a value of type {type(found).__name__} came")')
    add()
    add()
    add("def _length(message: str, wanted: int, found: int) -> ProtocolError:")
    add('    return ProtocolError(reason=f"{message} has {wanted} elements; {found} came")')
    add()
    add()
    add("def _input(_: _Raw) -> tuple[Any, ...]:")
    add("    raise ProtocolError(reason=\"a message's tag is not known: it is an input's\")")
    tail = Lines()
    tail.add()
    tail.add()
    table = ["_input", *(f"_{snake(event.name)}" if event.is_message else "_input" for event in specification.events)]
    tail.bracketed("_CHECKS: Final[tuple[Callable[[_Raw], tuple[Any, ...]], ...]] = (", table, ")")
    return "\n".join([*head.lines, *checks.lines, *tail.lines]) + "\n"


def _import_order(name: str) -> tuple[int, str]:
    """Constants, then classes, as the import sorter has it."""
    return (0 if name.isupper() else 1, name)
