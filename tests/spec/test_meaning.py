"""Claims, evaluated over running participants."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gaios.spec.meaning import Meaning, Said, World, bytes_of, number_of, zero
from gaios.spec.packing import compiled
from gaios.spec.sorts import MapOf, Nat, Opaque, Record
from tests.spec.models import TINY, scope

SCOPE = scope()
MODULE = compiled(SCOPE)
MEANING = Meaning(SCOPE.model, TINY, MODULE, SCOPE.maker.constants)


def world(sent: dict[str, list[Said]], **fields: Any) -> World:
    people = {}
    for me in TINY.members:
        people[me] = MODULE.Participant(me, 0b1110)
        for name, value in fields.items():
            setattr(people[me], name, value)
    ghosts = {me: {"clock": 0, "first": 0, "lost": 0} for me in TINY.members}

    def told(name: str) -> Iterator[Said]:
        return iter(sent.get(name, []))

    return World(people, ghosts, told)


def holds(name: str, state: World, **values: Any) -> bool:
    invariant = next(item for item in SCOPE.model.invariants if item.name == name)
    return bool(MEANING.value(invariant.body, state, 1, {p.number: values[p.name] for p in invariant.parameters}))


def test_values_are_bytes_and_the_no_op_is_empty() -> None:
    assert [number_of(bytes_of(number)) for number in (0, 1, 2)] == [0, 1, 2]
    assert bytes_of(0) == b""
    assert zero(Opaque("Value", ("A",), "NOOP")) == b""
    assert zero(Record("Entry", (("bal", Nat("Ballot", 1, 1)),))) == (0,)
    assert zero(MapOf(Nat("Slot", 1, 0), Nat("Ballot", 1, 1))) == {}


def test_two_values_of_one_ballot_are_noticed() -> None:
    one = {"Accept": [(1, (1, 1, 1, b"\1"))]}
    two = {"Accept": [*one["Accept"], (1, (1, 1, 1, b"\2"))]}
    choice = {"b": 1, "s": 1, "v": b"\1", "w": b"\2"}
    assert holds("one_value_a_ballot_and_slot", world(one), **choice)
    assert not holds("one_value_a_ballot_and_slot", world(two), **choice)


def test_a_majority_is_what_the_running_code_calls_one() -> None:
    """`decided` counts senders, among whom the slot's configuration lists: here the founders."""
    votes: dict[str, list[Said]] = {"Accept": [(1, (1, 0, 1, b"\1"))], "Accepted": [(1, (1, 0, 1)), (3, (1, 0, 1))]}
    lost = world(votes)
    held = world(votes, acc={1: (1, b"\1")})
    assert not holds("a_chosen_value_is_held_by_a_majority", lost, b=1, s=1)
    assert holds("a_chosen_value_is_held_by_a_majority", held, b=1, s=1)


def test_a_ghost_that_is_not_told_apart_is_the_field_it_stands_for() -> None:
    state = world({}, chosen=1)
    (claim,) = [claim for claim in SCOPE.model.assumptions if claim.about == "Truncate"]
    assert MEANING.value(claim.function.body, state, 1, {claim.function.parameters[0].number: 2})


def test_what_it_does_not_know_it_does_not_guess() -> None:
    with pytest.raises(AssertionError):
        MEANING.value(SimpleNamespace(), world({}), 1, {})  # type: ignore[arg-type]
