"""The configurations that change members: each does, and is in the scope where it belongs."""

from gaios.spec import membership
from gaios.spec.check import read_pins
from gaios.spec.configurations import SCOPES


def test_every_one_of_them_changes_the_members() -> None:
    """Rule 1: a value that is told to be a configuration, and somebody who may propose it."""
    for configuration in (*membership.SMALL, *membership.CI, *membership.LARGE):
        assert "Change" in configuration.inputs
        changes = set(configuration.tables["numbered"])
        assert changes == set(configuration.tables["listed"])
        assert all(changes & set(configuration.values[member]) for member in configuration.asked("Change"))


def test_the_gate_runs_them_and_the_rule_of_changes_fires() -> None:
    """[SAFETY 18, 30]"""
    pinned = read_pins()["configurations"]
    for configuration in (*membership.SMALL, *membership.CI):
        assert configuration in SCOPES["ci"]
        assert pinned[configuration.name]["fired"]["M"]


def test_small_ones_are_explored_by_the_running_code_too() -> None:
    """What is checked is what runs."""
    pinned = read_pins()["configurations"]
    assert {name for name in ("growing", "shrinking", "late-change") if pinned[name]["second"] == pinned[name]["states"]} == {
        "growing",
        "shrinking",
        "late-change",
    }
