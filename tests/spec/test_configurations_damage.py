"""The configurations in which records rot."""

from gaios.spec.configurations import SCOPES
from gaios.spec.configurations_damage import DAMAGE


def test_the_gate_explores_them() -> None:
    """And a record rots in each; each rule of damage has to fire in one at least.  [SAFETY 30]"""
    assert all(configuration in SCOPES["ci"] for configuration in DAMAGE)
    rots = {"Rot": "D1", "Blot": "E3"}
    assert all(any(event in each.inputs and rule in each.must_fire for event, rule in rots.items()) for each in DAMAGE)
    assert any("D2" in configuration.must_fire for configuration in DAMAGE)


def test_a_majority_stays_whole() -> None:
    """Else nothing would be recovered, and nothing could go wrong. Where members change, those are whole who govern what is recovered."""
    same = [configuration for configuration in DAMAGE if "Change" not in configuration.inputs]
    assert len(same) > 3
    assert all(2 * len(configuration.asked("Rot")) < len(configuration.members) for configuration in same)
