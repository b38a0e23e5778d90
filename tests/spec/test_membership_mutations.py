"""Planted bugs of changing members."""

from gaios.spec import membership
from gaios.spec.membership_mutations import MUTATIONS


def test_each_is_caught_where_members_change() -> None:
    """[SAFETY 18, 29]"""
    names = {configuration.name for configuration in membership.CI}
    assert names - {mutation.configuration for mutation in MUTATIONS} == {"change-after-change"}
    assert {mutation.configuration for mutation in MUTATIONS} - names == {"change-of-four", "growing"}


def test_each_rule_that_they_break_is_cited() -> None:
    """Lost disks, leases across a change, and changes themselves."""
    assert {mutation.rule for mutation in MUTATIONS} == {"SAFETY 8", "SAFETY 11", "SAFETY 18", "SAFETY 18, 26"}
