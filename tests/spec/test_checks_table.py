"""The tables of results."""

from gaios.spec.check import read_pins
from gaios.spec.checks_table import emit_checks
from gaios.spec.configurations import SCOPES
from gaios.spec.mutations import MUTATIONS


def test_every_configuration_and_every_mutation_has_a_row() -> None:
    table = emit_checks(read_pins())
    assert all(f"| {configuration.name} | " in table for configuration in SCOPES["large"])
    assert all(f"| {mutation.name} | [{mutation.rule}] | " in table for mutation in MUTATIONS)


def test_a_row_tells_states_engines_and_what_caught_a_bug() -> None:
    pins = {
        "configurations": {"one-slot": {"states": 12_355, "second": 12_355, "seconds": 0.1, "coverage": "", "fired": {"P1a": 3, "L": 0}}},
        "mutations": {MUTATIONS[0].name: {"states": 1_024, "seconds": 0.0, "violated": "agreement"}},
    }
    table = emit_checks(pins)
    assert "| one-slot | small | 12,355 | both | 0.1 | 3 | 1, 2 | 1 |" in table
    assert f"| {MUTATIONS[0].name} | [{MUTATIONS[0].rule}] | one-slot | `agreement` | 1,024 | 0.0 |" in table
    assert "| P1a | one-slot |" in table
    assert "| L |" not in table


def test_a_search_that_did_not_see_everything_says_so() -> None:
    pins = {"configurations": {"everything": {"states": 9, "coverage": "bitstate, hash factor 3.1", "fired": {}}}, "mutations": {}}
    assert "| everything | large | 9 | Spin, bitstate, hash factor 3.1 |" in emit_checks(pins)
