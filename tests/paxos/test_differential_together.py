"""Three cores side by side: generated, interpreted from the same tree, written by hand. One step differs, and one of them is wrong."""

from types import ModuleType
from typing import Any

import pytest

from bench import hand_written_core
from gaios.paxos import core
from gaios.spec import core_texts, read_specification
from gaios.spec.sorts import MapOf, SetOf, Sort
from tests.paxos.cell import Cell
from tests.spec.interpreter import Interpreter

SPECIFICATION = read_specification(core_texts())


def mask(members: Any) -> int:
    """A set as a bit mask."""
    return sum(1 << member for member in members)


def as_generated(sort: Sort, value: Any) -> Any:
    """An interpreted value as the generated code holds it."""
    if isinstance(sort, SetOf):
        return mask(value)
    if isinstance(sort, MapOf) and isinstance(sort.value, SetOf):
        return {key: mask(item) for key, item in value.items()}
    return value


def members(mask: int) -> frozenset[int]:
    """A bit mask as a set."""
    return frozenset(member for member in range(mask.bit_length()) if mask >> member & 1)


class Three:
    """A participant that is three, and complains when they differ."""

    def __init__(self, me: int, founders: int) -> None:
        self.generated = core.Participant(me, founders)
        self.by_hand = hand_written_core.Participant(me, founders)
        self.interpreted = Interpreter(SPECIFICATION, me, founders=members(founders))

    def restore(self, **durable: Any) -> None:
        maps = {name: dict(durable[name]) for name in ("acc", "faulty")}
        self.generated.restore(**durable | maps)
        self.interpreted.state.update(durable | {name: dict(durable[name]) for name in maps} | {"voters": members(durable["voters"])})
        for name, value in durable.items():
            setattr(self.by_hand, name, value)

    def step(self, event: tuple[Any, ...], src: int, now: int, out: core.Out) -> bool:
        others = (core.Out(), core.Out())
        fired = self.generated.step(event, src, now, out)
        assert self.by_hand.step(event, src, now, others[0]) is fired, f"by hand: {event} to {self.generated.me}"
        assert self.interpreted.step(event, src, now, others[1]) is fired, f"interpreted: {event} to {self.generated.me}"
        for other in others:
            assert other.sends == out.sends, event
            assert other.writes == out.writes, event
        for field in SPECIFICATION.state:
            value = getattr(self.generated, field.name)
            assert value == getattr(self.by_hand, field.name), (field.name, event)
            assert value == as_generated(field.sort, self.interpreted.state[field.name]), (field.name, event)
        return fired

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generated, name)


def three() -> ModuleType:
    """The core's module with three participants for one."""
    module = ModuleType("three")
    module.__dict__.update(core.__dict__)
    module.__dict__["Participant"] = Three
    return module


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.seeds(3)
def test_generated_interpreted_and_hand_written_cores_do_the_same(seed: int, size: int) -> None:
    """Step by step, field by field: what is sent, what is written, and in which order."""
    Cell(three(), size, seed, rots=seed % 2 == 1).run(1_500, faults=1.0)


@pytest.mark.seeds(2)
def test_functions_of_the_state_agree(seed: int) -> None:
    """The log asks them between steps."""
    cell = Cell(three(), 3, seed)
    functions = {function.name: function for function in SPECIFICATION.functions}
    held = 0
    for _ in range(1_000):
        cell.step(1.0)
        for node in cell.nodes.values():
            it, now = node.participant, node.clock(cell.true_ns)
            lease = functions["holds_lease"]
            expected = it.interpreted.value(lease.body, {lease.parameters[0].number: now})
            assert it.generated.holds_lease(now) == it.by_hand.holds_lease(now) == expected
            assert it.generated.leads() == it.by_hand.leads() == it.interpreted.value(functions["leads"].body, {})
            held += expected
    assert held
