"""`gaios.sync` is a door to `gaios.client.sync`."""

import gaios.client.sync
import gaios.sync


def test_its_names_are_the_clients_names() -> None:
    """One client, one twin: the door adds nothing."""
    assert gaios.sync.connect is gaios.client.sync.connect
    assert gaios.sync.Cell is gaios.client.sync.Cell
