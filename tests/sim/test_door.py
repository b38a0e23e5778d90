"""A replica takes nothing from a client that takes nothing from it, and ends it in the end."""

from gaios.sim.cell import Cell
from gaios.sim.door import SLOW_NS
from gaios.sim.faults import MS, ClientFaults, Faults, S
from gaios.sim.workload import Workload
from tests.sim.small import Asked, cell_of, put, served, until

FULL = Faults(client=ClientFaults(full_bytes=1))


def asked_and_stalled(stall_ns: int) -> tuple[Cell, Asked]:
    """A client that stands still while its answer is on its way."""
    cell = served(faults=FULL)
    client = cell.clients[0]
    first = Asked(client, put(b"a", b"1"))
    until(cell, first.is_told)
    asked = Asked(client, put(b"b", b"2"), 60 * S)
    cell.world.run(cell.world.now_ns + MS // 10)
    client.stall(stall_ns)
    return cell, asked


def test_a_client_that_takes_nothing_is_paused_and_goes_on_where_it_was() -> None:
    cell, asked = asked_and_stalled(300 * MS)
    until(cell, asked.is_told)
    assert cell.world.sometimes["a client that took nothing was paused"] == 1
    assert "a client that took nothing was cut" not in cell.world.sometimes
    assert not isinstance(asked.told[0][0], Exception)
    again = Asked(cell.clients[0], put(b"c", b"3"))
    until(cell, again.is_told)
    assert not isinstance(again.told[0][0], Exception), "it is taken from again"


def test_a_client_that_takes_nothing_for_long_is_cut() -> None:
    cell, asked = asked_and_stalled(SLOW_NS + 2 * S)
    cell.world.run(cell.world.now_ns + SLOW_NS + S)
    assert cell.world.sometimes["a client that took nothing was cut"] == 1
    until(cell, asked.is_told)
    assert not isinstance(asked.told[0][0], Exception), "it dials again, and is told"


def test_a_client_that_dials_a_dead_replica_is_refused() -> None:
    cell = cell_of()
    for seat in cell.seats.values():
        seat.start()
        seat.stop(power=False)
    asked = Asked(cell.clients[0], put(b"a", b"1"), 300 * MS)
    until(cell, asked.is_told)
    assert isinstance(asked.told[0][0], Exception)


def test_a_watcher_that_stalls_misses_nothing() -> None:
    cell = served(faults=FULL, watchers=1, operations=30)
    workload = Workload(cell.world, cell.plan, cell.clients, cell.observations)
    workload.begin()
    cell.world.run(cell.world.now_ns + 500 * MS)
    cell.clients[-1].stall(SLOW_NS + 3 * S)
    until(cell, lambda: workload.is_done, 60 * S)
    cell.world.run(cell.world.now_ns + SLOW_NS + 5 * S)
    workload.finish_watches()
    (watch,) = cell.observations.watches
    master = next(seat for seat in cell.seats.values() if seat.is_serving)
    assert master.node is not None
    assert watch.next_revision == master.node.replica.applier.machine.revision + 1  # type: ignore[attr-defined]
