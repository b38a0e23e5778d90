"""The second engine: every state that the running code can reach, found by running it.

It drives the class that replicas run, compiled from the same text, with the numbers of the model in place of three constants; the
network, the crashes, the disks and the clocks around it are not the ones that Spin knows. Where both count the same states, what is
checked is what runs.

Rule 1. A step is computed once for each state of a member and each event; it depends on nothing else.
Rule 2. An invariant is evaluated once for each combination of what it looks at.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from gaios.errors import InvariantViolated
from gaios.spec.instances import RESTART, SYNC, Instance, Key, everything
from gaios.spec.meaning import Said, World, bytes_of, number_of
from gaios.spec.moves import Moves, Step
from gaios.spec.packing import frozen
from gaios.spec.promela import ONCE
from gaios.spec.scope import Scope
from gaios.spec.sorts import Opaque
from gaios.spec.statements import Event, Rule
from gaios.spec.tree import Expr, Sent, State

Snapshot = tuple[tuple[int, ...], int, tuple[int, ...]]
"""The number of each member's local state; the messages that were sent, and those that wait for each member's disk, as bits."""


class Action(NamedTuple):
    """What happened: a rule of a member, and its event. A message's fields are its key and payload."""

    label: str
    me: int
    event: str
    fields: tuple[Any, ...]
    src: int


@dataclass(slots=True)
class Report:
    """What an exploration found."""

    states: int = 0
    fired: dict[str, int] = field(default_factory=dict)
    """How many different steps each rule took."""
    violated: str = ""
    path: list[Action] = field(default_factory=list)


class Explorer:
    """One scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.model, self.configuration = scope, scope.model, scope.configuration
        self.members = self.configuration.members
        self.moves = Moves(scope)
        self.packing = self.moves.packing
        self.fired: dict[str, set[Any]] = {}
        self._memory: dict[tuple[Any, ...], Any] = {}
        self._receivers: dict[Key, list[int]] = {}
        self._concerns = [(invariant.name, *_concern([invariant.body])) for invariant in self.model.invariants]
        self._around: dict[str, list[tuple[Rule, frozenset[str]]]] = {
            event.name: [(rule, _concern(rule.guard)[0]) for rule in self.model.rules_of(event)] for event in self.model.inputs
        }

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever `make` makes)
        if key not in self._memory:
            self._memory[key] = make()
        return self._memory[key]

    def start(self) -> Snapshot:
        """Where everything begins."""
        return tuple(self.packing.pack(self.packing.fresh(me)) for me in self.members), 0, (0,) * len(self.members)

    def world(self, state: Snapshot) -> World:
        """A state to look at."""
        people = [self.packing.look(number) for number in state[0]]

        def sent(name: str) -> Iterator[Said]:
            for key, payload in self.packing.of(state[1] & self.packing.kind(name)):
                yield key.src, self.packing.fields_of(key, payload)

        return World({person.me: person.core for person in people}, {person.me: person.ghosts for person in people}, sent)

    # -- what may happen -------------------------------------------------------------------------------------------------

    def successors(self, state: Snapshot) -> Iterator[tuple[Action, Snapshot | str]]:
        """Everything that may happen next, and the state that it leads to, or the name of what it breaks."""
        for position, me in enumerate(self.members):
            number = state[0][position]
            for event in self.model.events:
                if event.name in self.configuration.inputs and me in self.configuration.asked(event.name):
                    for fields in self._choices(event, me):
                        yield from self._happen(state, position, event, fields, 0)
            if me in self.configuration.restarts:
                restarted: Step = self._once((number, RESTART), partial(self.moves.restart, number))
                yield Action("restart", me, RESTART, (), 0), _with(state, position, restarted.local, state[1], 0)
            if me in self.configuration.ahead:
                synced: Step = self._once((number, SYNC), partial(self.moves.sync, number))
                yield Action("sync", me, SYNC, (), 0), _with(state, position, synced.local, state[1] | state[2][position], 0)
        for key, payload in self.packing.of(state[1]):
            if key.message not in self.configuration.without:
                if key not in self._receivers:
                    self._receivers[key] = self.scope.maker.receivers(key)
                for me in self._receivers[key]:
                    yield from self._happen(state, self.members.index(me), self.model.event(key.message), (key, payload), key.src)

    def _choices(self, event: Event, me: int) -> list[tuple[Any, ...]]:
        """What an input's fields may be."""

        def make() -> list[tuple[Any, ...]]:
            ranges = [
                [bytes_of(value) for value in self.configuration.values[me]] if isinstance(sort, Opaque) else self.moves.meaning.every(sort)
                for _, sort in event.fields
            ]
            return list(product(*ranges))

        choices: list[tuple[Any, ...]] = self._once(("choices", event.name, me), make)
        return choices

    def _happen(
        self, state: Snapshot, position: int, event: Event, what: tuple[Any, ...], src: int
    ) -> Iterator[tuple[Action, Snapshot | str]]:
        number = state[0][position]
        step: Step | None = None
        if event.name in self.moves.watched and not self.moves.may(event.name, what, self.world(state), self.members[position]):
            return
        if event.name in self._around:
            for rule, fields in self._around[event.name]:
                make = partial(self._surround, number, rule, state)
                step = step or self._once((rule.label, number, self._seen(state, fields)), make)
        else:
            step = self._once((number, event.name, what), partial(self._take, number, event, what, src))
        if step is None:
            return
        action = Action(step.label, self.members[position], event.name, what, src)
        self.fired.setdefault(step.label, set()).add((number, what))
        new = step.sent | step.waits
        if new and self._contradicts(new, state[1] | state[2][position]):
            yield action, ONCE
        yield action, _with(state, position, step.local, state[1] | step.sent, state[2][position] | step.waits)

    def _surround(self, number: int, rule: Rule, state: Snapshot) -> Step | None:
        return self.moves.surround(number, rule, self.world(state))

    def _take(self, number: int, event: Event, what: tuple[Any, ...], src: int) -> Step | None:
        return self.moves.take(number, event, self.packing.fields_of(*what) if event.is_message else what, src)

    def _contradicts(self, new: int, said: int) -> bool:
        """Whether a message that is said once is said again, with other contents."""
        for key, payload in self.packing.of(new):
            if key.message in self.model.once:
                earlier = self.packing.of(said & self.packing.kind(key.message))
                if any(other == key and what != payload for other, what in earlier):
                    return True
        return False

    # -- what must hold --------------------------------------------------------------------------------------------------

    def violation(self, state: Snapshot) -> str:
        """The first invariant that does not hold."""
        for name, fields, messages in self._concerns:
            mask = 0
            for message in messages:
                mask |= self.packing.kind(message)
            if not self._once((name, self._seen(state, fields), state[1] & mask), partial(self._holds, name, state)):
                return name
        return ""

    def _seen(self, state: Snapshot, fields: frozenset[str]) -> tuple[Any, ...]:
        return tuple(self._once(("seen", number, fields), partial(self._project, number, fields)) for number in state[0])

    def _project(self, number: int, fields: frozenset[str]) -> tuple[Any, ...]:
        person = self.packing.look(number)
        names = sorted({self.configuration.same.get(name, name) for name in fields})
        return tuple(frozen(person.ghosts[name] if name in person.ghosts else getattr(person.core, name)) for name in names)

    def _holds(self, name: str, state: Snapshot) -> bool:
        invariant = next(item for item in self.model.invariants if item.name == name)
        meaning, world = self.moves.meaning, self.world(state)
        return all(
            meaning.value(invariant.body, world, self.members[0], {p.number: v for p, v in zip(invariant.parameters, values, strict=True)})
            for values in product(*(meaning.every(parameter.sort) for parameter in invariant.parameters))
        )

    # -- searching -------------------------------------------------------------------------------------------------------

    def explore(self) -> Report:
        """Every state, in breadth; stops at the first violation, with the shortest way to it."""
        start = self.start()
        parents: dict[Snapshot, tuple[Snapshot, Action] | None] = {start: None}
        queue = deque([start])
        report = Report()
        while queue and not report.violated:
            state = queue.popleft()
            report.violated = self.violation(state)
            if report.violated:
                report.path = _path(parents, state)
                break
            for action, after in self.successors(state):
                if isinstance(after, str):
                    report.violated, report.path = after, [*_path(parents, state), action]
                    break
                if after not in parents:
                    parents[after] = (state, action)
                    queue.append(after)
        report.states = len(parents)
        report.fired = {label: len(steps) for label, steps in self.fired.items()}
        return report

    def follow(self, trail: Sequence[int]) -> Report:
        """Take the steps of a trail of instances, one after the other, and name what the last state violates.

        Raises:
            InvariantViolated: the running code cannot take a step of the trail, or violates nothing: the engines differ.
        """
        state, report = self.start(), Report()
        for number in trail:
            wanted = self.scope.instances[number]
            for action, after in self.successors(state):
                if not isinstance(after, str) and self._is(action, wanted):
                    state = after
                    report.path.append(action)
                    break
            else:
                detail = f"step {len(report.path) + 1}: {wanted.label} of member {wanted.me}"
                raise InvariantViolated(invariant="the running code can do what the model does", detail=detail)
        report.violated = self.violation(state)
        if not report.violated:
            wrong = next(((action, after) for action, after in self.successors(state) if isinstance(after, str)), None)
            if wrong is None:
                detail = f"after {len(trail)} steps nothing is wrong"
                raise InvariantViolated(invariant="what the model violates the running code violates", detail=detail)
            report.path.append(wrong[0])
            report.violated = wrong[1]
        return report

    def _is(self, action: Action, wanted: Instance) -> bool:
        if (action.label, action.me, action.event) != (wanted.label, wanted.me, wanted.event):
            return False
        if wanted.received is not None:
            return bool(action.fields[0] == wanted.received)
        return [number_of(value) if isinstance(value, bytes) else value for value in action.fields] == list(wanted.fields)

    def along(self, path: Sequence[Action]) -> Iterator[Snapshot]:
        """The states along a path, the first one too; without that of a last step which contradicts what was said."""
        state = self.start()
        yield state
        for step in path:
            found = [after for action, after in self.successors(state) if action == step]
            if isinstance(found[0], str):
                return
            state = found[0]
            yield state


def _concern(bodies: Sequence[Expr]) -> tuple[frozenset[str], frozenset[str]]:
    """The fields and the messages that expressions look at."""
    nodes = [node for body in bodies for node in everything(body)]
    fields = {node.name for node in nodes if isinstance(node, State)}
    return frozenset(fields), frozenset(node.message for node in nodes if isinstance(node, Sent))


def _path(parents: dict[Snapshot, tuple[Snapshot, Action] | None], state: Snapshot) -> list[Action]:
    path = []
    while (before := parents[state]) is not None:
        state, action = before
        path.append(action)
    return path[::-1]


def _with(state: Snapshot, position: int, local: int, sent: int, waits: int) -> Snapshot:
    locals_, late = list(state[0]), list(state[2])
    locals_[position], late[position] = local, waits
    return tuple(locals_), sent, tuple(late)
