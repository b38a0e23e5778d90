"""A level is raised, and the members are changed, at once.  [SAFETY 17, 18]"""

from gaios.log.options import MS
from gaios.paxos import core
from tests.log.cell import Cell
from tests.log.test_raising import NEXT, levels, upgrade


def test_a_level_that_is_to_be_raised_waits_for_a_configuration_that_is_under_way() -> None:
    """A leader proposes nothing behind a configuration that is not chosen."""
    cell = Cell(3)
    cell.elect()
    for member in (1, 2):
        upgrade(cell.nodes[member])
        cell.run(2_000)
    master = cell.elect()
    if master.me == 3:
        master.replica.retire(cell.now)
        cell.run(100)
        master = cell.elect()
    cell.run(2_000)
    upgrade(cell.nodes[3])
    cell.run(400)
    raising = master.replica.raising
    while not (0 < raising._ask_due - cell.now <= 10 * MS):
        cell.run(1, step_ms=1)
    assert levels(cell) == [1] * 3
    assert min(raising._told(cell.now, member) for member in (1, 2, 3) if member != master.me) in (0, 1, NEXT)
    cell.cut = lambda _a, _b, m: m[0] == core.ACCEPTED
    token = object()
    master.replica.change(cell.now, token, master.replica.configuration.added(4))
    master.drain()
    for _ in range(3):
        cell.run(400, step_ms=1) if master.replica.core.fence <= master.replica.core.chosen else cell.run(100, step_ms=1)
    cell.cut = lambda _a, _b, _m: False
    cell.run(3_000)
    assert levels(cell) == [NEXT] * 3
