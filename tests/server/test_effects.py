"""Bounds of one client."""

from gaios.server.effects import Limits


def test_a_client_alone_can_fill_a_batch_and_no_more_than_its_share() -> None:
    assert (Limits().requests, Limits().watches) == (1_024, 256)
