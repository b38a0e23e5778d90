"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.exactly_once import Submitted, exactly_once
from gaios.sim.history import Executed

LOG = {(5, 0): Submitted(1, 0, 1), (6, 0): Submitted(1, 0, 2), (7, 0): Submitted(1, 0, 1), (7, 1): Submitted(1, 1, 1)}


def test_a_retried_command_that_was_carried_out_once_passes() -> None:
    """It stands in the log twice; restarts carry it out again, in another life."""
    life = [Executed(1, 1, 5, 0), Executed(1, 1, 6, 0), Executed(1, 1, 7, 1)]
    again = [Executed(1, 2, done.slot, done.nth) for done in life]
    assert not exactly_once(life + again, LOG, [(1, 5, 0), (2, 6, 0)])


def test_a_retried_command_that_was_carried_out_twice_is_found() -> None:
    found = exactly_once([Executed(1, 1, 5, 0), Executed(1, 1, 7, 0)], LOG, [])
    assert "sequence 1 of client 1.0 at slot 5.0 and at 7.0" in found[0].detail


def test_an_acknowledged_command_that_nobody_carried_out_is_found() -> None:
    assert "call 9 was acknowledged at slot 6.0" in exactly_once([Executed(1, 1, 5, 0)], LOG, [(9, 6, 0)])[0].detail


def test_a_command_out_of_nowhere_is_found() -> None:
    assert "no command stands" in exactly_once([Executed(1, 1, 9, 0)], LOG, [])[0].detail


def test_a_command_that_is_said_to_be_carried_out_and_was_not_is_found() -> None:
    done = [Executed(1, 1, 5, 0)]
    assert not exactly_once(done, LOG, [], [(9, Submitted(1, 0, 1))])
    assert "call 9 was told to be carried out" in exactly_once(done, LOG, [], [(9, Submitted(1, 0, 2))])[0].detail
