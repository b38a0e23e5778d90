"""A configuration chooses what may happen, and nothing of what rules do."""

from dataclasses import replace

from gaios.spec.configurations import find
from gaios.spec.sorts import TRUTH, Enum, Nat, Opaque
from tests.spec.models import TINY


def test_every_member_is_told_the_same_unless_something_else_is_said() -> None:
    assert TINY.given == {"founders": {1: 0b1110, 2: 0b1110, 3: 0b1110}}
    assert find("growing").given == {"founders": {1: 0b010, 2: 0b010}}


def test_a_sort_has_the_values_that_the_configuration_gives_it() -> None:
    configuration = replace(TINY, slots=2, terms=(3,))
    assert configuration.every(Nat("Ballot", 9, 1)) == (1, 2)
    assert configuration.every(Nat("Slot", 9, 0)) == (1, 2)
    assert configuration.every(Nat("Time", 9, 0)) == (3,)
    assert configuration.every(Nat("Config", 9, 0)) == (0,)
    assert find("growing").every(Nat("Config", 9, 0)) == (0, 1)
    assert configuration.every(Opaque("Value", ("A",), "NOOP")) == (0, 1, 2, 3)
    assert configuration.every(Enum("Phase", ("A", "B"))) == (0, 1)
    assert configuration.every(TRUTH) == (0, 1)


def test_an_input_may_be_asked_of_some_members_only() -> None:
    configuration = replace(TINY, only={"Propose": (2,)})
    assert configuration.asked("Propose") == (2,)
    assert configuration.asked("Campaign") == (1, 2, 3)
