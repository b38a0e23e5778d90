"""Planted bugs: enough of them, each an edit that still matches, each with a place where it is caught."""

import pytest

from gaios.errors import ConfigurationError
from gaios.spec.check import read_pins, the_model
from gaios.spec.configurations import SCOPES, find
from gaios.spec.mutation import Mutation
from gaios.spec.mutations import MUTATIONS

NAMES = [mutation.name for mutation in MUTATIONS]


def test_there_are_enough_and_some_are_harmless() -> None:
    """Twenty bugs at least, and controls that must survive."""
    assert len(set(NAMES)) == len(NAMES)
    assert sum(not mutation.is_harmless for mutation in MUTATIONS) >= 20
    assert sum(mutation.is_harmless for mutation in MUTATIONS) >= 2


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_a_mutation_is_an_edit_that_the_compiler_takes(mutation: Mutation) -> None:
    """A bug that no longer matches is a bug that is no longer planted."""
    planted, sound = the_model(mutation.edits), the_model()
    assert [planted.specification.rules, planted.specification.functions, planted.specification.events, planted.specification.state] != [
        sound.specification.rules,
        sound.specification.functions,
        sound.specification.events,
        sound.specification.state,
    ] or [planted.assumptions, planted.invariants, planted.restarts, planted.updates] != [
        sound.assumptions,
        sound.invariants,
        sound.restarts,
        sound.updates,
    ]
    assert find(mutation.configuration).name == mutation.configuration


def test_a_mutation_that_does_not_match_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must match exactly once"):
        the_model([("this stands nowhere", "nor this")])


def test_each_pair_of_concerns_has_a_mutation_that_it_alone_catches() -> None:
    """[SAFETY 29]"""
    alone = {mutation.configuration for mutation in MUTATIONS if mutation.alone}
    assert {"lease-restart", "truncation-recovery", "change-lease", "lost-disk"} <= alone


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_the_pins_tell_what_caught_it(mutation: Mutation) -> None:
    if find(mutation.configuration) in SCOPES["ci"]:
        assert bool(read_pins()["mutations"][mutation.name]["violated"]) != mutation.is_harmless
