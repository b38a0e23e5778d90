"""A replica follows the changes of its cell.  [SAFETY 18]"""

import pytest

from gaios.configuration import founders
from gaios.errors import Removed
from gaios.log.codec import NEWS
from tests.log.cell import Cell

FIRST = founders({1: 1, 2: 2, 3: 3})


def test_news_makes_new_members_known_and_settled_news_of_a_removal_ends_a_replica() -> None:
    cell = Cell(3)
    replica = cell.nodes[2].replica
    nonce = cell.nodes[1].nonce(1)
    replica.receive(cell.now, 1, 1, nonce, [(NEWS, FIRST.added(4).encode(), 1)])
    assert replica.peers == (1, 3, 4)
    assert "removed" not in " ".join(replica.why)
    without = FIRST.added(4).removed(2)
    replica.receive(cell.now, 1, 1, nonce, [(NEWS, without.encode(), 0)])
    assert "was removed in configuration 2" in " ".join(replica.why), "and it stays, for the others may need it"
    with pytest.raises(Removed, match="member 2"):
        replica.receive(cell.now, 1, 1, nonce, [(NEWS, without.encode(), 1)])
    assert replica.configuration.number == 0, "nobody is counted for what was told"
