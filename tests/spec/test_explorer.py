"""The second engine: the running code, driven through every state."""

from dataclasses import replace
from pathlib import Path

import pytest

from gaios.errors import InvariantViolated
from gaios.spec import spin
from gaios.spec.check import read_pins
from gaios.spec.configurations import find
from gaios.spec.explorer import Explorer
from gaios.spec.promela import ONCE
from tests.spec.models import OWN_VALUE, TINY, scope, with_spin


def test_nothing_is_violated_and_every_rule_of_the_scope_fires() -> None:
    report = Explorer(scope()).explore()
    assert report.violated == ""
    assert report.states > 1_000
    assert {"P1a", "P1b", "P1c", "P2a", "P2a-again", "P2b", "P2b-known", "P3", "L"} == set(report.fired)


@pytest.mark.parametrize("name", ["growing", "release"])
def test_it_counts_the_states_that_are_pinned(name: str) -> None:
    """The number that Spin counted."""
    assert Explorer(scope(find(name))).explore().states == read_pins()["configurations"][name]["states"]


def test_both_engines_count_the_same(tmp_path: Path) -> None:
    """What is checked is what runs."""
    configuration = replace(TINY, restarts=(1,), without=("Learn",))
    found = with_spin(lambda: spin.run(scope(configuration), spin.Search(tmp_path)).states)
    counted = Explorer(scope(configuration)).explore().states
    assert found in {None, counted}


def test_a_violation_is_found_by_the_shortest_way() -> None:
    report = Explorer(scope(TINY, OWN_VALUE)).explore()
    assert report.violated == "agreement"
    assert [action.label for action in report.path].count("P2a") == 2
    assert len(report.path) == 14


def test_a_trail_of_the_model_is_taken_by_the_running_code() -> None:
    built = scope(TINY, OWN_VALUE)
    explorer = Explorer(built)
    path = explorer.explore().path
    trail = [next(n for n, each in enumerate(built.instances) if explorer._is(action, each)) for action in path]
    again = Explorer(built).follow(trail)
    assert again.violated == "agreement"
    assert again.path == path


def test_a_trail_that_the_running_code_cannot_take_is_refused() -> None:
    """Then the engines differ, and that is worse than any violation."""
    built = scope()
    recover = next(number for number, each in enumerate(built.instances) if each.label == "P2a-again")
    with pytest.raises(InvariantViolated, match="the running code can do what the model does"):
        Explorer(built).follow([recover])
    with pytest.raises(InvariantViolated, match="what the model violates the running code violates"):
        Explorer(built).follow([])


def test_saying_twice_what_is_said_once_is_noticed() -> None:
    """A restart that forgot its promise promises again, with other contents."""
    configuration = replace(TINY, restarts=(3,))
    forgetful = ("promised:  Durable[Ballot]", "promised:  Ballot")
    silent = ("return q.promised >= b or q.lost or not sent(Promise(b, _, _, _, _), src=q)", "return q.promised >= 0 or b > 0")
    assert Explorer(scope(configuration, forgetful)).explore().violated == "a_promise_is_kept"
    assert Explorer(scope(configuration, forgetful, silent)).explore().violated in {
        ONCE,
        "a_chosen_value_is_held_by_a_majority",
        "agreement",
    }


def test_states_along_a_path() -> None:
    explorer = Explorer(scope(TINY, OWN_VALUE))
    report = explorer.explore()
    states = list(explorer.along(report.path))
    assert len(states) == len(report.path) + 1
    assert explorer.violation(states[-1]) == "agreement"
    assert not any(explorer.violation(state) for state in states[:-1])
