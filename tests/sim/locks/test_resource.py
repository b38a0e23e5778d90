"""A resource that checks sequencers refuses a former holder; one that does not takes everything."""

from gaios.lock_api import Sequencer
from gaios.sim.faults import S
from gaios.sim.locks.history import Records
from gaios.sim.locks.resource import Resource
from tests.sim.small import cell_of


def test_what_comes_behind_a_later_holders_is_refused_and_told() -> None:
    cell, records = cell_of(), Records()
    resource = Resource(cell.world, cell.network, cell.world.dice.split("resource"), records)
    old, new = Sequencer("/l", shared=False, generation=0, revision=5), Sequencer("/l", shared=False, generation=0, revision=9)
    for sequencer in (old, old, new, old):
        resource.write(1, 3, sequencer)
        cell.world.run(cell.world.now_ns + 20 * S)
    assert [written.grant for written in records.written] == [(0, 5), (0, 5), (0, 9)]
    assert cell.world.sometimes["a fenced resource refused a former holder's change"] == 1
    assert cell.world.sometimes["a former holder's change came to a resource that checks nothing"] == 1
