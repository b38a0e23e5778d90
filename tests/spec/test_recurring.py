"""What configurations share means the same in each."""

from gaios.spec.configurations import SCOPES
from gaios.spec.recurring import CLOCKS, ROUND


def test_a_lease_is_shortened_by_what_clocks_may_gain() -> None:
    """A term of 3 ticks ends 2 ticks early, and two clocks drift apart by no more than that."""
    early = 3 - (3 - 3 * CLOCKS["DRIFT_PPM"] // 1_000_000 - 1)
    assert early == 2 * CLOCKS["SKEW"]


def test_every_configuration_has_the_constants_that_all_need() -> None:
    """Without a round no ballot has an owner."""
    assert all(ROUND.keys() <= configuration.constants.keys() for configuration in SCOPES["large"])
