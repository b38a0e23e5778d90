"""A check can fail, in each of the ways in which it should.  [SAFETY 30]"""

from dataclasses import replace
from typing import Any

import pytest

from gaios.spec import check as checking
from gaios.spec.check import ConfigurationResult, MutationResult, Outcome, check_configuration, check_mutation, pin, the_model
from gaios.spec.configurations import SCOPES, find
from gaios.spec.mutations import MUTATIONS
from tests.spec.models import OWN_VALUE, TINY, with_spin

TINIEST = find("growing")
EVERY_RULE = {rule.label: 1 for rule in the_model().all_rules()}


def judged(result: ConfigurationResult, pins: dict[str, Any] | None) -> list[str]:
    return list(checking._judge([result], [find(result.name)], pins))


def counted(states: int = 787, **changes: Any) -> ConfigurationResult:
    return ConfigurationResult("growing", states=states, **{"fired": EVERY_RULE, **changes})


PINS = {"configurations": {"growing": {"states": 787}}, "mutations": {}}


def test_what_is_as_pinned_is_fine() -> None:
    assert judged(counted(), PINS) == []


def test_a_wrong_count_fails() -> None:
    """A model that lost its states, or won some that nobody looked at."""
    (problem,) = judged(counted(786), PINS)
    assert problem.startswith("configuration growing: 786 states, 787 are pinned")


def test_a_configuration_that_was_never_counted_fails() -> None:
    assert "None are pinned" in judged(counted(), {"configurations": {}, "mutations": {}})[0]


def test_a_vacuous_model_fails() -> None:
    """Without its first input nothing ever happens: one state, no violation, and that must not pass."""
    empty = with_spin(lambda: check_configuration(replace(TINIEST, inputs=()), 0))
    if empty is not None:
        assert (empty.violated, empty.states) == ("", 1)
        problems = judged(empty, PINS)
        assert "1 states, 787 are pinned" in problems[0]
        assert any(problem.startswith("rule P1a (ballots.spec.py:") for problem in problems)


def test_a_rule_that_never_fires_fails() -> None:
    (problem,) = judged(counted(fired={**EVERY_RULE, "L": 0}), PINS)
    assert problem.startswith("rule L (values.spec.py:")
    assert problem.endswith("fires in no configuration of this scope")


def test_a_configuration_that_misses_its_purpose_fails() -> None:
    result = ConfigurationResult("lease-restart", states=7, fired={**EVERY_RULE, "L2": 0})
    problems = judged(result, {"configurations": {"lease-restart": {"states": 7}}, "mutations": {}})
    assert problems[0] == "configuration lease-restart: L2 never fires, so it does not show what it is there for"


def test_engines_that_differ_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        def __init__(self, *_: Any) -> None: ...

        def explore(self) -> Any:
            return checking.ConfigurationResult("x", states=786)

    monkeypatch.setattr(checking, "Explorer", Blind)
    found = with_spin(lambda: check_configuration(TINIEST, 1_000))
    if found is not None:
        assert found.problem == "the engines differ: Spin counts 787 states, the running code 786"
        assert judged(found, PINS) == [f"configuration growing: {found.problem}"]


def test_both_engines_agree_on_a_configuration() -> None:
    found = with_spin(lambda: check_configuration(TINIEST, 1_000))
    if found is not None:
        assert (found.states, found.second, found.problem) == (787, 787, "")


def test_a_violation_is_told_in_the_words_of_the_text() -> None:
    found = with_spin(lambda: check_configuration(TINY, 0, the_model([OWN_VALUE])))
    if found is not None:
        assert found.violated == "agreement"
        assert found.transcript.startswith("agreement is violated in configuration tiny, after 14 steps:")
        assert "▶" in found.diagram
        assert found.mermaid.startswith("sequenceDiagram")


def test_a_mutation_is_caught_and_a_harmless_one_is_not() -> None:
    bug = next(mutation for mutation in MUTATIONS if mutation.configuration == "one-slot")
    caught = with_spin(lambda: check_mutation(bug))
    same = replace(bug, edits=(("return x if x.bal >= y.bal", "return x if x.bal > y.bal"),))
    survived = with_spin(lambda: check_mutation(same))
    if caught is not None:
        assert caught.violated
        assert not caught.problem
        assert survived.violated == ""


def test_a_mutation_that_another_configuration_catches_too_is_told() -> None:
    bug = next(mutation for mutation in MUTATIONS if mutation.configuration == "one-slot")
    found = with_spin(lambda: check_mutation(bug, [find("truncation-catch-up"), TINIEST]))
    if found is not None:
        assert found.others == ("truncation-catch-up",)


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"violated": ""}, "not caught by one-slot"),
        ({"violated": "agreement", "states": 9}, "9 states, 5 are pinned"),
        ({"violated": "agreement", "states": 5, "others": ("lease",)}, "one-slot alone should catch it, and lease does too"),
        ({"problem": "does not match"}, "does not match"),
    ],
)
def test_a_mutation_fails_where_it_is_not_what_it_should_be(result: dict[str, Any], problem: str) -> None:
    name = MUTATIONS[0].name
    found = checking._judge_mutations([MutationResult(name, "one-slot", **result)], {"mutations": {name: {"states": 5}}})
    assert problem in next(iter(found))


def test_who_catches_a_mutation_alone_is_pinned() -> None:
    """It takes a search of all other configurations, which a check that compares with pins leaves out."""
    alone = next(mutation for mutation in MUTATIONS if mutation.alone)
    result = MutationResult(alone.name, alone.configuration, states=5, violated="agreement")
    pins = pin(Outcome("ci", [], [result]), {"configurations": {}, "mutations": {}})
    assert list(checking._judge_mutations([result], pins)) == []
    del pins["mutations"][alone.name]["alone"]
    assert "nobody looked whether" in next(iter(checking._judge_mutations([result], pins)))


def test_a_harmless_change_that_is_caught_fails() -> None:
    harmless = next(mutation for mutation in MUTATIONS if mutation.is_harmless)
    found = checking._judge_mutations([MutationResult(harmless.name, "one-slot", violated="agreement")], {"mutations": {}})
    assert "harmless, and yet agreement is violated" in next(iter(found))


def test_pins_keep_what_other_scopes_gave_and_forget_what_is_gone() -> None:
    outcome = Outcome("small", [counted(140)], [MutationResult(MUTATIONS[0].name, "one-slot", states=3, violated="agreement")])
    pins = {"configurations": {"lease": {"states": 1}, "gone": {"states": 2}}, "mutations": {"gone": {"states": 2}}}
    after = pin(outcome, pins)
    assert set(after["configurations"]) == {"lease", "growing"}
    assert after["configurations"]["growing"]["states"] == 140
    assert after["mutations"][MUTATIONS[0].name]["states"] == 3
    assert set(after["mutations"]) == {MUTATIONS[0].name}


def test_a_scope_is_checked_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one configuration and its mutation: what is missing is told, what is there is counted."""
    monkeypatch.setitem(SCOPES, "small", (TINIEST,))
    lines: list[str] = []
    outcome = with_spin(lambda: checking.check("small", jobs=1, progress=lines.append))
    if outcome is not None:
        assert outcome.states == 787
        assert lines[0].startswith("[1/2] growing: 787 states in ")
        assert any(problem.startswith("rule C2 (") for problem in outcome.problems), "one configuration does not fire every rule"
        told = outcome.json()
        assert {"states", "seconds", "violations", "mutations"} <= set(told)
        assert told["violations"] == outcome.problems
