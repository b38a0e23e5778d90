"""Planted bugs of records that rot."""

from gaios.spec.configurations_damage import DAMAGE
from gaios.spec.damage_mutations import MUTATIONS


def test_each_is_caught_where_records_rot() -> None:
    """And nearly every configuration in which they do is there for a bug.  [SAFETY 29]"""
    names = {configuration.name for configuration in DAMAGE}
    caught = {mutation.configuration for mutation in MUTATIONS}
    assert caught <= names
    assert names - caught == {"damage-truncation"}


def test_each_rule_that_they_break_is_cited() -> None:
    """Promises, starts, repair, snapshots, members."""
    assert {"SAFETY 6", "SAFETY 7", "SAFETY 26", "SAFETY 6, 18", "SAFETY 15, 18"} <= {mutation.rule for mutation in MUTATIONS}
