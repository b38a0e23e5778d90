"""What is large is what the gate leaves out."""

from gaios.spec import membership
from gaios.spec.configurations import SCOPES
from gaios.spec.large import LARGE


def test_the_gate_runs_none_of_them_and_the_large_scope_all() -> None:
    """Hours are a campaign's."""
    names = {scope: {configuration.name for configuration in SCOPES[scope]} for scope in ("ci", "large")}
    large = {configuration.name for configuration in (*LARGE, *membership.LARGE)}
    assert names["large"] - names["ci"] == large
    assert not names["ci"] & large
