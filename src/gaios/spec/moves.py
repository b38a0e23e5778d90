"""What may happen to one member: steps of the running code, and what the model's environment does to it.

Rule 1. A step is taken twice: by the class that replicas run, and by the variant that counts its rules. Both must do the same.
Rule 2. A step that would leave the scope, or that the environment rules out, does not happen.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from gaios.spec.claims import Claim
from gaios.spec.meaning import Meaning, Said, World, zero
from gaios.spec.packing import Packing, Person, compiled
from gaios.spec.scope import Scope, waiting
from gaios.spec.sorts import Nat
from gaios.spec.statements import Assign, Event, Rule
from gaios.spec.tree import Of, walk


class Step(NamedTuple):
    """What happened to a member: its new local state, messages that left, messages that wait for its disk."""

    label: str
    local: int
    sent: int = 0
    waits: int = 0


def alone(person: Person) -> World:
    """A world in which one can look at one member only."""

    def nothing(_: str) -> Iterator[Said]:
        return iter(())

    return World({person.me: person.core}, {person.me: person.ghosts}, nothing)


def _looks_around(claim: Claim) -> bool:
    """Does an assumption speak of other members?"""
    return any(isinstance(node, Of) for node in walk(claim.function.body))


class Moves:
    """The moves of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.model, self.configuration = scope, scope.model, scope.configuration
        self.core, self._counting = compiled(scope), compiled(scope, coverage=True)
        self.packing = Packing(scope, self.core)
        self.meaning = Meaning(self.model, self.configuration, self.core, scope.maker.constants)
        self.watched = frozenset(claim.about for claim in self.model.assumptions if _looks_around(claim))
        """Inputs that hang on what other members have: see `may`."""

    def take(self, number: int, event: Event, fields: tuple[Any, ...], src: int) -> Step | None:
        """What an event of the core does to a member; None where nothing happens."""
        packing = self.packing
        person, before = packing.unpack(number), packing.look(number)
        world = alone(before)
        if not self._assumed(event.name, fields, world, person.me):
            return None
        now, out = person.ghosts.get("clock", 0), self.core.Out()
        if not person.core.step((event.tag, *map(_copied, fields)), src, now, out):
            return None
        label = self._again(number, (event.tag, *fields), src, now, person, out)
        sent = waits = 0
        for to, message in out.sends:
            kind = self.model.specification.events[message[0] - 1]
            if not self._is_in_scope(kind, message[1:]) or not self._assumed(kind.name, message[1:], world, person.me):
                return None
            if self._is_refused(kind, message[1:]):
                continue
            key, payload = packing.key(kind, person.me, to, message[1:])
            late = kind.after and person.me in self.configuration.ahead
            if (waiting(key, person.me) if late else key.cell("n")) in self.scope.kept:
                bit = packing.message(key, payload)
                sent, waits = (sent, waits | bit) if late else (sent | bit, waits)
        for claim in self.model.updates:
            if claim.about == label and claim.function.name in person.ghosts:
                told = {p.number: v for p, v in zip(claim.function.parameters, fields, strict=False)}
                person.ghosts[claim.function.name] = self.meaning.value(claim.function.body, world, person.me, told)
        return Step(label, packing.pack(person), sent, waits)

    def _again(self, number: int, event: tuple[Any, ...], src: int, now: int, person: Person, out: Any) -> str:  # noqa: ANN401
        """Take the step with the variant that counts its rules; which rule it was."""
        source, twin = self.packing.unpack(number).core, self.packing.participant(self._counting, person.me)
        fields = [item.name for item in self.model.specification.state if item.kind != "given"]
        for name in fields:
            setattr(twin, name, getattr(source, name))
        counted, twin_out = list(self._counting.FIRED), self._counting.Out()
        assert twin.step(tuple(map(_copied, event)), src, now, twin_out)
        assert (twin_out.sends, twin_out.writes) == (out.sends, out.writes)
        assert all(getattr(twin, name) == getattr(person.core, name) for name in fields)
        (index,) = [index for index, count in enumerate(self._counting.FIRED) if count != counted[index]]
        return str(self._counting.RULES[index][0])

    def _assumed(self, name: str, fields: tuple[Any, ...], world: World, me: int, *, around: bool = False) -> bool:
        return all(
            self.meaning.value(c.function.body, world, me, {p.number: v for p, v in zip(c.function.parameters, fields, strict=True)})
            for c in self.model.assumptions
            if c.about == name and _looks_around(c) == around
        )

    def may(self, name: str, fields: tuple[Any, ...], world: World, me: int) -> bool:
        """Whether the environment, which sees everybody, lets a watched input happen."""
        return self._assumed(name, fields, world, me, around=True)

    def _is_in_scope(self, event: Event, fields: tuple[Any, ...]) -> bool:
        sorts = [sort for _, sort in event.fields]
        slots = [value for value, sort in zip(fields, sorts, strict=True) if isinstance(sort, Nat) and sort.name == "Slot"]
        return all(slot <= self.configuration.slots for slot in slots)

    @staticmethod
    def _is_refused(event: Event, fields: tuple[Any, ...]) -> bool:
        """Whether the codec of whoever gets it refuses it."""
        return any(isinstance(sort, Nat) and value < sort.wire for value, (_, sort) in zip(fields, event.fields, strict=True))

    def restart(self, number: int) -> Step:
        """A crash, and the start after it."""
        person, before = self.packing.unpack(number), self.packing.unpack(number)
        if person.durable is not None:
            before.ghosts |= {name: value for name, value in person.durable.items() if name in before.ghosts}
            person.ghosts = dict(before.ghosts)
        restarts = self.model.restarts_without(self.configuration.same)
        told = {name: self.meaning.value(function.body, alone(before), person.me, {}) for name, function in restarts.items()}
        held = {item.name for item in self.model.specification.state if item.kind == "durable"}
        disk = {name: (person.durable or {}).get(name, getattr(person.core, name)) for name in held}
        if person.me == self.scope.maker.constants.get("LOST"):
            lost = {item.name: zero(item.sort) for item in self.model.state() if item.is_on_disk}
            disk, told = {name: lost[name] for name in held}, {n: v for n, v in told.items() if n not in lost}
            person.ghosts |= {name: value for name, value in lost.items() if name in person.ghosts}
        person.core = self.packing.participant(self.core, person.me)
        person.core.restore(**{name: _copied(value) for name, value in disk.items()} | {n: v for n, v in told.items() if n in held})
        person.ghosts |= {name: value for name, value in told.items() if name in person.ghosts}
        boot = next((event for event in self.model.specification.events if event.name == "Boot"), None)
        if boot is not None:
            person.core.step((boot.tag,), person.me, person.ghosts.get("clock", 0), self.core.Out())
        return Step("restart", self.packing.pack(person))

    def sync(self, number: int) -> Step:
        """The disk catches up with its member."""
        person = self.packing.unpack(number)
        held = [item for item in self.packing.fields if item.is_on_disk]
        person.durable = {item.name: person.ghosts[item.name] if item.is_ghost else getattr(person.core, item.name) for item in held}
        return Step("sync", self.packing.pack(person))

    def surround(self, number: int, rule: Rule, world: World) -> Step | None:
        """A rule of the model's own: it may look at everybody."""
        person = self.packing.unpack(number)
        if not all(self.meaning.value(item, world, person.me, {}) for item in rule.guard):
            return None
        for statement in rule.body:
            assert isinstance(statement, Assign), "a rule of the environment assigns"
            person.ghosts[statement.target.name] = self.meaning.value(statement.value, world, person.me, {})
        return Step(rule.label, self.packing.pack(person))


def _copied(value: Any) -> Any:  # noqa: ANN401 (a value of any sort)
    return dict(value) if isinstance(value, dict) else value
