"""A simulated cell as a whole."""

from gaios import api
from gaios.client.core import WRITE
from gaios.sim.faults import S
from tests.sim.test_seat import quiet


def test_replicas_converge() -> None:
    cell = quiet(5)
    cell.world.run(S)
    for number in range(10):
        command = api.encode(api.MultiOp(then=(api.Put(b"k", b"%d" % number),)))
        cell.clients[0].call(WRITE, command, 5 * S, lambda *_: None)
    cell.seats[4].stop(power=True)
    assert not cell.has_converged(), "one of them is down"
    cell.world.run(3 * S)
    cell.seats[4].start()
    cell.world.run(8 * S)
    assert cell.has_converged()
    assert len({seen.checksum for seen in cell.observations.applied if seen.slot == cell.observations.applied[-1].slot}) == 1


def test_one_replica_is_a_cell() -> None:
    cell = quiet(1)
    cell.world.run(S)
    assert cell.seats[1].is_serving
