"""Histories known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios.sim.checkers.lock_exclusivity import lock_exclusivity
from gaios.sim.locks.history import Belief, Written


def held(client: int, revision: int, from_ns: int, until_ns: int, *, shared: bool = False, instance: int = 2) -> Belief:
    return Belief(client, client, client, "/l", instance, shared, (0, revision), 0, from_ns, until_ns)


def test_holders_that_follow_each_other_pass_and_so_do_those_who_share() -> None:
    assert not lock_exclusivity([held(1, 5, 0, 10), held(2, 7, 10, 20), held(1, 9, 25, 30)], [])
    assert not lock_exclusivity([held(1, 5, 0, 10, shared=True), held(2, 5, 0, 9, shared=True), held(3, 6, 4, 20, shared=True)], [])


@pytest.mark.parametrize("shared", [False, True])
def test_two_who_are_sure_at_once_are_found(*, shared: bool) -> None:
    found = lock_exclusivity([held(1, 5, 0, 10), held(2, 7, 9, 20, shared=shared)], [])
    assert "both believe that they hold it at 9 ns" in found[0].detail


def test_the_other_holder_need_not_be_the_neighbour_in_time() -> None:
    assert lock_exclusivity([held(1, 5, 0, 100, shared=True), held(2, 5, 1, 3, shared=True), held(3, 8, 90, 95)], [])


def test_a_lock_of_a_node_that_was_made_anew_is_another_lock() -> None:
    assert not lock_exclusivity([held(1, 5, 0, 10), held(2, 7, 9, 20, instance=6)], [])


@pytest.mark.parametrize("revision", [4, 5])
def test_a_later_holder_with_no_greater_sequencer_is_found(revision: int) -> None:
    found = lock_exclusivity([held(1, 5, 0, 10), held(2, revision, 11, 20)], [])
    assert "whose sequencer is not less" in found[0].detail


def test_one_may_be_sure_of_its_own_grant_again() -> None:
    assert not lock_exclusivity([held(1, 5, 0, 10), held(1, 5, 11, 20)], [])
    assert lock_exclusivity([held(1, 5, 0, 10), held(2, 7, 11, 20), held(1, 5, 21, 30)], [])


def test_who_shares_is_later_than_who_held_it_alone() -> None:
    assert lock_exclusivity([held(1, 5, 0, 10), held(2, 5, 11, 20, shared=True)], [])
    assert lock_exclusivity([held(1, 5, 0, 10, shared=True), held(2, 5, 11, 20)], [])


def test_a_change_that_is_taken_after_a_later_holders_is_found() -> None:
    first, second = Written("/l", (0, 5), 1, 1, 10), Written("/l", (0, 7), 2, 2, 20)
    assert not lock_exclusivity([], [first, first, second, second])
    found = lock_exclusivity([], [first, second, first._replace(at_ns=30)])
    assert "of client 1 under grant 0.5" not in found[0].detail
    assert "what client 1 sent under grant 0.5 of /l was taken at 30 ns" in found[0].detail


def test_changes_are_told_apart_by_whose_they_are_whatever_their_sequencers_say() -> None:
    first, second = Written("/l", (0, 5), 1, 1, 10), Written("/l", (0, 5), 2, 2, 20)
    assert lock_exclusivity([], [first, second, first])
    assert not lock_exclusivity([], [first, second._replace(path="/other"), first])
