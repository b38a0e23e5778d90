"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.lease_exclusivity import lease_exclusivity
from gaios.sim.history import Lease


def test_leases_that_follow_each_other_pass() -> None:
    """A lease that ends when another begins does not overlap it; renewals of one ballot may."""
    assert not lease_exclusivity([Lease(1, 10, 0, 50), Lease(1, 10, 30, 80), Lease(2, 20, 80, 100), Lease(1, 30, 100, 120)])


def test_an_empty_interval_overlaps_nothing() -> None:
    assert not lease_exclusivity([Lease(1, 10, 0, 50), Lease(2, 20, 30, 30)])


def test_overlapping_leases_of_two_replicas_are_found() -> None:
    found = lease_exclusivity([Lease(1, 10, 0, 50), Lease(2, 20, 49, 60)])
    assert "replica 1 holds ballot 10's lease from 0 to 50" in found[0].detail


def test_two_ballots_of_one_replica_may_not_overlap_either() -> None:
    assert lease_exclusivity([Lease(1, 10, 0, 50), Lease(1, 20, 40, 60)])


def test_a_long_lease_is_compared_with_all_that_begin_in_it() -> None:
    """The overlap need not be with the neighbour in time."""
    leases = [Lease(1, 10, 0, 100), Lease(1, 10, 10, 20), Lease(2, 20, 90, 95)]
    assert len(lease_exclusivity(leases)) == 1
    assert len(lease_exclusivity(reversed(leases))) == 1
