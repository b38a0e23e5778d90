"""Records for the checkers."""

from gaios.sim.history import Violation


def test_a_violation_reads_as_property_and_detail() -> None:
    assert str(Violation("agreement", "slot 1 chose x and y")) == "agreement: slot 1 chose x and y"
