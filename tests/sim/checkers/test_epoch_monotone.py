"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.epoch_monotone import epoch_monotone
from gaios.sim.history import Applied


def applied(replica: int, slot: int, epoch: int, boot: int = 1) -> Applied:
    return Applied(0, replica, boot, slot, b"", b"", 0, epoch, 0)


def test_growing_epochs_pass() -> None:
    assert not epoch_monotone([applied(1, 1, 5), applied(1, 2, 5), applied(1, 3, 9), applied(2, 1, 5), applied(1, 1, 5, boot=2)])


def test_an_epoch_that_goes_back_is_found() -> None:
    assert "epoch 9 at slot 1, 5 at slot 2" in epoch_monotone([applied(1, 1, 9), applied(1, 2, 5)])[0].detail


def test_replicas_that_differ_at_a_slot_are_found() -> None:
    assert "replicas 1 and 2 have epochs 5 and 9" in epoch_monotone([applied(1, 1, 5), applied(2, 1, 9)])[0].detail
