"""A scope as Promela."""

import re

from gaios.spec.promela import emit_promela
from tests.spec.models import TINY, scope

MODEL = emit_promela(scope())
LINES = MODEL.text.splitlines()


def test_every_step_has_a_line_of_its_own_that_leads_back_to_its_instance() -> None:
    built = scope()
    assert sorted(MODEL.steps.values()) == list(range(len(built.instances)))
    for line, number in MODEL.steps.items():
        assert LINES[line - 1].startswith(":: d_step { ")
        assert f"fire({number})" in LINES[line - 1]


def test_a_guard_comes_first() -> None:
    """Otherwise a step that cannot be taken would leave a trace in the state."""
    for line in MODEL.steps:
        guard, arrow, _ = LINES[line - 1].removeprefix(":: d_step { ").partition(" -> c_code")
        assert arrow
        assert " = " not in guard


def test_an_invariant_is_a_step_that_is_possible_only_where_it_is_violated() -> None:
    claims = [line for line in LINES if "assert(false)" in line]
    named = {match[1] for line in claims if (match := re.search(r"/\* (\w+) \*/$", line))}
    assert {"agreement", "one_value_a_ballot_and_slot", "said_once"} <= named


def test_cells_are_as_wide_as_what_they_hold() -> None:
    assert "unsigned phase_1 : 2;" in LINES
    assert "unsigned nPrepare_1_0_1_0 : 1;" in LINES


def test_what_would_be_overwritten_too_early_is_kept_and_forgotten() -> None:
    """All updates are simultaneous; between steps the helpers are 0, so that they add no states."""
    kept = [line for line in LINES if re.match(r"byte t\d+;", line)]
    assert kept
    for line in MODEL.steps:
        for name in set(re.findall(r"\bt\d+(?= = )", LINES[line - 1])):
            assert f"{name} = 0" in LINES[line - 1]


def test_the_text_depends_on_the_specification_and_the_configuration_alone() -> None:
    assert emit_promela(scope(TINY)).text == MODEL.text
