"""Faults happen while they may, and stop when they are told to."""

import pytest
from msgspec.structs import replace

from gaios.sim.cell import Cell
from gaios.sim.faults import MS, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.world import World


def troubled(faults: Faults, seconds: int = 20) -> Cell:
    cell = Cell(World(3), replace(Plan(), replicas=5, clients=2, watchers=0, faults=faults), Observations())
    cell.start()
    cell.world.run(seconds * S)
    return cell


def test_crashed_replicas_come_back() -> None:
    cell = troubled(Faults(process=ProcessFaults(crash_every_ns=S, down_ns=100 * MS, all_at_once=0.3)))
    assert cell.world.sometimes["a replica crashed"] > 10
    assert cell.world.sometimes["all replicas crashed at once"] > 0
    assert cell.world.sometimes["a replica restarted"] > 10
    assert not cell.observations.broken


@pytest.mark.parametrize("kind", ["split", "one", "master", "link", "ring"])
@pytest.mark.parametrize("one_way", [0.0, 1.0])
def test_partitions_of_every_kind_begin_and_heal(kind: str, one_way: float) -> None:
    network = NetworkFaults(partition_every_ns=S, partition_ns=300 * MS, kinds=(kind,), one_way=one_way)
    cell = troubled(Faults(network=network))
    assert cell.world.sometimes["a partition began"] > 5
    assert bool(cell.world.sometimes.get("a partition was one-way")) == (one_way > 0 and kind != "ring")
    cell.nemesis.stop()
    assert not any(cell.network.is_blocked(a, b) for a in cell.seats for b in cell.seats)


def test_a_paused_replica_may_be_cut_off_too() -> None:
    cell = troubled(Faults(process=ProcessFaults(pause_every_ns=2 * S, pause_ns=500 * MS, cut_when_paused=1.0)))
    assert cell.world.sometimes["a partition began"] == cell.world.sometimes["a replica was paused"]


def test_when_faults_stop_everybody_is_up_and_stays_up() -> None:
    cell = troubled(Faults(process=ProcessFaults(crash_every_ns=300 * MS, down_ns=5 * S, pause_every_ns=S, pause_ns=20 * S)))
    cell.nemesis.stop()
    lives = [seat.life for seat in cell.seats.values()]
    cell.world.run(cell.world.now_ns + 20 * S)
    assert [seat.life for seat in cell.seats.values()] == lives
    assert sum(seat.is_serving for seat in cell.seats.values()) == 1
