"""An acceptor on a bad disk forgets no vote, and takes nothing for chosen that was not.  [SAFETY 5, 6, 7, 15]"""

import pytest

from gaios.storage import patient
from tests.server.acceptor import Acceptor


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segments are of a block or less."""
    monkeypatch.setattr(patient, "BLOCK_BYTES", 64)


@pytest.mark.seeds(40)
def test_whatever_its_disk_does_an_acceptor_says_what_it_knew(seed: int) -> None:
    """Torn batches, failed syncs, rot of any amount: what it cannot read it calls damaged, or it says nothing."""
    Acceptor(seed).live()


def test_all_of_that_happens() -> None:
    """[SAFETY 30]"""
    seen = Acceptor(0).seen
    for seed in range(20):
        acceptor = Acceptor(seed)
        acceptor.live()
        seen += acceptor.seen
    assert set(seen) == {
        "a batch was cut short",
        "a record rotted",
        "a snapshot was taken over",
        "a start found slots faulty",
        "a start was silent",
        "a value was backed up",
        "a whole end of a file was lost",
        "damage was found while it ran",
        "its disk failed",
        "the disk gave something back no more",
    }
