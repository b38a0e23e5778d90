"""What is bounded is looked at, and full things are seen to be full."""

from gaios.log import Bounds
from gaios.server.effects import Limits
from gaios.sim.levels import levels
from tests.sim.small import worked


def test_every_bounded_thing_is_told_with_its_limit() -> None:
    cell, _ = worked(clients=4, watchers=1, bounds=Bounds(sessions=2), limits=Limits(requests=5, watches=7))
    master = next(seat for seat in cell.seats.values() if seat.is_serving)
    assert master.node is not None
    found = {fill.name: fill for fill in levels(master.node)}
    assert found["clients in the exactly-once table"][1:] == (2, 2), "it is full, and no fuller"
    assert found["answers kept for a client"].limit == Bounds().answers
    assert found["requests of a connection"].limit == 5
    assert found["watches of a connection"][1:] == (1, 7)
