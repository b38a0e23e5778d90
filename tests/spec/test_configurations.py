"""The named configurations: each has a reason, and together they cover what SAFETY 29 asks for."""

import pytest

from gaios.spec.check import read_pins, the_model
from gaios.spec.configuration import Configuration
from gaios.spec.configurations import SCOPES, find

ALL = SCOPES["large"]


def test_names_are_names() -> None:
    assert len({configuration.name for configuration in ALL}) == len(ALL)
    assert all(configuration.why for configuration in ALL)
    with pytest.raises(KeyError):
        find("nowhere")


def test_a_larger_scope_holds_the_smaller_ones() -> None:
    small, ci, large = ({configuration.name for configuration in SCOPES[scope]} for scope in ("small", "ci", "large"))
    assert small < ci < large


@pytest.mark.parametrize("scope", SCOPES)
def test_each_rule_fires_in_each_scope(scope: str) -> None:
    """`gaios spec check` demands it: the smallest scope, its default, failed on sound text, and nobody ran it."""
    counted = [read_pins()["configurations"][configuration.name]["fired"] for configuration in SCOPES[scope]]
    assert {rule.label for rule in the_model().all_rules()} <= {label for fired in counted for label, count in fired.items() if count}


@pytest.mark.parametrize("configuration", ALL, ids=lambda each: each.name)
def test_a_configuration_speaks_of_what_the_text_has(configuration: Configuration) -> None:
    """An input that was renamed would silently be left out."""
    model = the_model()
    events = {event.name for event in model.events}
    assert set(configuration.inputs) <= {event.name for event in model.events if not event.is_message}
    assert set(configuration.without) <= events
    assert set(configuration.only) <= set(configuration.inputs)
    assert set(configuration.constants) <= set(model.constants)
    assert set(configuration.same) <= {ghost.name for ghost in model.ghosts}
    assert set(configuration.must_fire) <= {rule.label for rule in model.all_rules()}
    round_ = configuration.constants["ROUND"]
    assert all(ballot % round_ in configuration.members for ballot in configuration.ballots), "a ballot without an owner is none"


def test_members_lead_twice_in_some_and_three_ballots_meet_in_some() -> None:
    """Some bugs show only there."""
    owners = [[ballot % configuration.constants["ROUND"] for ballot in configuration.ballots] for configuration in SCOPES["ci"]]
    assert any(len(set(each)) < len(each) for each in owners)
    assert any(len(set(each)) == 3 for each in owners)
    assert any(configuration.slots == 2 for configuration in SCOPES["ci"])


@pytest.mark.parametrize("name", ["lease-restart", "truncation-recovery"])
def test_pairs_of_concerns_meet(name: str) -> None:
    """[SAFETY 29]: the rules of both concerns fired when the states were counted."""
    configuration = find(name)
    assert configuration.must_fire
    fired = read_pins()["configurations"][name]["fired"]
    assert all(fired[label] for label in configuration.must_fire)


@pytest.mark.parametrize("configuration", SCOPES["ci"], ids=lambda each: each.name)
def test_the_states_of_the_gate_are_pinned(configuration: Configuration) -> None:
    assert read_pins()["configurations"][configuration.name]["states"] > 100
