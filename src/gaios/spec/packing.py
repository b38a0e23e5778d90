"""Running participants and real messages as numbers, and back: what the explorer keeps of a state.

Rule 1. What the scope leaves out, because nothing depends on it, is forgotten here: the scope says which cells these are, the code then
runs without them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from gaios.spec.instances import Key
from gaios.spec.meaning import bytes_of, number_of, zero
from gaios.spec.python_module import emit_core
from gaios.spec.scope import Scope, disk
from gaios.spec.sorts import MapOf, Opaque, Record, SetOf, Sort
from gaios.spec.statements import Event
from gaios.spec.tree import Table

Payload = tuple[Any, ...]
"""What a message says beyond its key."""


@dataclass(slots=True)
class Person:
    """One member in one state: the object that runs, the ghosts that surround it, and its disk, where that may lag."""

    me: int
    core: Any
    """Of the generated class."""
    ghosts: dict[str, Any]
    durable: dict[str, Any] | None


def frozen(value: Any) -> Any:  # noqa: ANN401 (a value of any sort)
    """A value that can be compared and kept."""
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


def thawed(sort: Sort, value: Any) -> Any:  # noqa: ANN401 (a value of any sort)
    """The reverse; always a fresh map."""
    return dict(value) if isinstance(sort, MapOf) else value


def compiled(scope: Scope, *, coverage: bool = False) -> ModuleType:
    """The core as replicas run it, with the numbers of the model in place of its constants."""
    module = ModuleType("gaios.paxos.core (in a model)")
    code = compile(emit_core(scope.model.specification, coverage=coverage), "<generated core>", "exec")
    exec(code, module.__dict__)  # noqa: S102 - the compiler's own output
    for constant in scope.model.specification.constants:
        setattr(module, constant.name, scope.maker.constants[constant.name])
    for function in scope.model.specification.functions:
        if isinstance(function.body, Table):
            setattr(module, function.name, partial(_told, scope.configuration.tables.get(function.name, {})))
    return module


def _told(table: Mapping[int, int], value: bytes) -> int:
    """What a configuration's table says of a value."""
    return table.get(number_of(value), 0)


class Packing:
    """Numbers for the local states and the messages of one scope; a number is given once."""

    def __init__(self, scope: Scope, module: ModuleType) -> None:
        self.scope, self.model, self.configuration, self.module = scope, scope.model, scope.configuration, module
        self.messages: list[tuple[Key, Payload]] = []
        self.fields = [item for item in self.model.state() if item.kind != "given" and item.name not in self.configuration.same]
        names = scope.maker.cells.names
        self._layout = {me: [(f, list(names(f.sort, f"{f.name}_{me}"))) for f in self.fields] for me in self.configuration.members}
        self._numbers: dict[tuple[Key, Payload], int] = {}
        self._kinds: dict[str, int] = {}
        self._locals: dict[tuple[int, tuple[int, ...]], int] = {}
        self._known: list[tuple[int, tuple[int, ...]]] = []
        self._people: dict[int, Person] = {}

    # -- members ---------------------------------------------------------------------------------------------------------

    def participant(self, module: ModuleType, me: int) -> Any:  # noqa: ANN401 (of a class made in memory)
        """A fresh one."""
        given = self.configuration.given
        role = getattr(module, self.model.specification.role)
        return role(me, *(given[item.name][me] for item in self.model.specification.state if item.kind == "given"))

    def fresh(self, me: int) -> Person:
        """A member before everything."""
        ghosts = {item.name: zero(item.sort) for item in self.fields if item.is_ghost}
        durable = {item.name: zero(item.sort) for item in self.fields if item.is_on_disk}
        return Person(me, self.participant(self.module, me), ghosts, durable if me in self.configuration.ahead else None)

    def pack(self, person: Person) -> int:
        """A member's state as a number."""
        kept, layout = self.scope.kept, self._layout[person.me]
        cells: list[int] = []
        for item, names in layout:
            value = person.ghosts[item.name] if item.is_ghost else getattr(person.core, item.name)
            cells += [number for name, number in zip(names, self._leaves(item.sort, value), strict=True) if name in kept]
        if person.durable is not None:
            for item, names in layout:
                if item.is_on_disk:
                    numbers = self._leaves(item.sort, person.durable[item.name])
                    cells += [number for name, number in zip(names, numbers, strict=True) if disk(name) in kept]
        local = person.me, tuple(cells)
        number = self._locals.setdefault(local, len(self._known))
        if number == len(self._known):
            self._known.append(local)
        return number

    def unpack(self, number: int) -> Person:
        """The member of a number, made anew: it may be changed."""
        me, local = self._known[number]
        cells = iter(local)
        person = self.fresh(me)
        for item, names in self._layout[me]:
            value = self._value(item.sort, iter([self._next(name, cells) for name in names]))
            if item.is_ghost:
                person.ghosts[item.name] = value
            else:
                setattr(person.core, item.name, value)
        if person.durable is not None:
            for item, names in self._layout[me]:
                if item.is_on_disk:
                    person.durable[item.name] = self._value(item.sort, iter([self._next(disk(name), cells) for name in names]))
        return person

    def look(self, number: int) -> Person:
        """The member of a number, to look at only."""
        if number not in self._people:
            self._people[number] = self.unpack(number)
        return self._people[number]

    def shown(self, number: int) -> Iterator[tuple[str, Any]]:
        """A member's fields, as far as the scope keeps them."""
        person = self.look(number)
        for item, names in self._layout[person.me]:
            if any(name in self.scope.kept for name in names):
                yield item.name, person.ghosts[item.name] if item.is_ghost else getattr(person.core, item.name)

    def _next(self, name: str, cells: Iterator[int]) -> int:
        """The next of the kept cells, or the only value of one that is not kept, or nothing that matters."""
        return next(cells) if name in self.scope.kept else self._constant(name)

    def _constant(self, name: str) -> int:
        known: Mapping[str, int] = self.scope.maker.cells.known
        return known[name] if name in known else 0  # noqa: SIM401 (it knows more names than it holds)

    def _leaves(self, sort: Sort, value: Any) -> Iterator[int]:  # noqa: ANN401 (a value of any sort)
        match sort:
            case MapOf(key=key, value=inner):
                keys = self.configuration.scope(key)
                assert set(value) <= set(keys), f"a map holds {set(value)}, the scope {keys}"
                for each in keys:
                    yield from self._leaves(inner, value.get(each, zero(inner)))
            case SetOf(item=key):
                for each in self.configuration.scope(key):
                    yield value >> each & 1
            case Record(parts=parts):
                for (_, part), each in zip(parts, value, strict=True):
                    yield from self._leaves(part, each)
            case Opaque():
                yield number_of(value)
            case _:
                yield int(value)

    def _value(self, sort: Sort, cells: Iterator[int]) -> Any:  # noqa: ANN401 (a value of any sort)
        match sort:
            case MapOf(key=key, value=inner):
                made = {each: self._value(inner, cells) for each in self.configuration.scope(key)}
                return {each: value for each, value in made.items() if value != zero(inner)}
            case SetOf(item=key):
                return sum(next(cells) << each for each in self.configuration.scope(key))
            case Record(parts=parts):
                return tuple(self._value(part, cells) for _, part in parts)
            case Opaque():
                return bytes_of(next(cells))
            case _:
                return next(cells)

    # -- messages --------------------------------------------------------------------------------------------------------

    def message(self, key: Key, payload: Payload) -> int:
        """A message as one bit."""
        number = self._numbers.setdefault((key, payload), len(self.messages))
        if number == len(self.messages):
            self.messages.append((key, payload))
            self._kinds[key.message] = self.kind(key.message) | 1 << number
        return 1 << number

    def kind(self, name: str) -> int:
        """The bits of all messages of a name."""
        return self._kinds.get(name, 0)

    def of(self, mask: int) -> Iterator[tuple[Key, Payload]]:
        """The messages of a mask, in the order in which they were first sent."""
        while mask:
            low = mask & -mask
            yield self.messages[low.bit_length() - 1]
            mask ^= low

    def key(self, event: Event, me: int, to: int, fields: tuple[Any, ...]) -> tuple[Key, Payload]:
        """What a message becomes that a member sends."""
        maker = self.scope.maker
        numbers = [number_of(value) if isinstance(sort, Opaque) else value for value, (_, sort) in zip(fields, event.fields, strict=True)]
        source = me if event.name in maker.named_senders else 0
        addressee = 0 if event.others or event.to is not None else to
        key = Key(event.name, source, addressee, tuple(numbers[index] for index in maker.key_fields(event)))
        return key, self._kept(event, key, [fields[index] for index in maker.payload_fields(event)])

    def _kept(self, event: Event, key: Key, payload: list[Any]) -> Payload:
        """A payload without the cells that the scope leaves out."""
        maker = self.scope.maker
        names = iter(maker.payload_names(event, key))
        result = []
        for index, value in zip(maker.payload_fields(event), payload, strict=True):
            sort = event.fields[index][1]
            numbers = []
            for number in self._leaves(sort, value):
                name = next(names)
                numbers.append(number if name in self.scope.kept else self._constant(name))
            result.append(frozen(self._value(sort, iter(numbers))))
        return tuple(result)

    def fields_of(self, key: Key, payload: Payload) -> tuple[Any, ...]:
        """A message's fields, as replicas see them."""
        event, maker = self.model.event(key.message), self.scope.maker
        values: dict[int, Any] = {}
        for index, number in zip(maker.key_fields(event), key.fields, strict=True):
            values[index] = bytes_of(number) if isinstance(event.fields[index][1], Opaque) else number
        for index, value in zip(maker.payload_fields(event), payload, strict=True):
            values[index] = thawed(event.fields[index][1], value)
        return tuple(values[index] for index in range(len(event.fields)))
