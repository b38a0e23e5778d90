"""What a replica has on its disk, what of it counts, and what peers are offered of it."""

from gaios.log.snapshots import read_handle
from gaios.server.keeping import Keeping
from gaios.server.loading import Found
from tests.server.parts import CELL
from tests.server.test_snapshots import SMALL, live


def test_the_newest_that_is_proved_is_offered() -> None:
    """[SAFETY 25] And another one, once that cannot be read any more; what is wrong with it is said."""
    cell = live(SMALL, 60)
    replica, kept = cell.nodes[1].replica, list(cell.nodes[1].snapshots.kept)
    old, new = (each.handle.slot for each in kept[-2:])
    keeping = Keeping(Found(CELL, None, (), kept, [], [], [], frozenset({old, new})), replica)
    assert read_handle(replica.offer).slot == new
    keeping._lose(keeping.kept[-1], "it rotted")
    assert read_handle(replica.offer).slot == old
    assert [each.handle.slot for each in keeping.proved] == [old]
    assert keeping.newest is keeping.kept[-1]
    assert keeping.why == ["it rotted"]


def test_what_was_said_of_a_damaged_one_is_over_once_it_is_replaced() -> None:
    """Or once there is a newer one; not by an older one."""
    cell = live(SMALL, 60)
    older, newer = cell.nodes[1].snapshots.kept[-2:]
    keeping = Keeping(Found(CELL, None, (), [], [newer.handle.slot], [], ["it rotted"]), cell.nodes[1].replica)
    keeping._put(older)
    assert keeping.why == ["it rotted"]
    keeping._spoilt.clear()  # its file is about to be replaced
    keeping._put(newer)
    assert keeping.why == []
    assert keeping.kept == [older, newer]
