"""Faults happen while they may, and stop when they are told to."""

import pytest
from msgspec.structs import replace

from gaios.sim.cell import Cell
from gaios.sim.faults import MS, ClientFaults, DiskFaults, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.history import Lease
from gaios.sim.observations import Observations
from gaios.sim.partitions import KINDS
from gaios.sim.plan import Plan
from gaios.sim.world import World
from tests.sim.small import Asked, put


def troubled(faults: Faults, seconds: int = 20) -> Cell:
    cell = Cell(World(3), replace(Plan(), replicas=5, clients=2, watchers=0, faults=faults), Observations())
    cell.start()
    cell.world.run(seconds * S)
    return cell


def cell_with_work(faults: Faults) -> Cell:
    """As `troubled`, and something stands in its database."""
    cell = Cell(World(3), replace(Plan(), replicas=5, clients=2, watchers=0, faults=faults), Observations())
    cell.start()
    for number in range(60):
        asked = Asked(cell.clients[0], put(b"k%d" % number, b"value"))
        cell.world.run(cell.world.now_ns + 5 * S, stop=asked.is_told)
        cell.world.run(cell.world.now_ns + 50 * MS)
    return cell


def leases(cell: Cell) -> list[Lease]:
    for seat in cell.seats.values():
        seat.onlooker.ended()
    return cell.observations.leases


def test_crashed_replicas_come_back() -> None:
    cell = troubled(Faults(process=ProcessFaults(crash_every_ns=S, down_ns=100 * MS, all_at_once=0.3)))
    assert cell.world.sometimes["a replica crashed"] > 10
    assert cell.world.sometimes["all replicas crashed at once"] > 0
    assert cell.world.sometimes["a replica restarted"] > 10
    assert not cell.observations.broken


def test_bits_flip_in_the_memories_of_a_minority_and_never_the_masters() -> None:
    cell = cell_with_work(Faults(process=ProcessFaults(flip_every_ns=100 * MS)))
    flips = cell.observations.flips
    assert len(flips) > 5
    assert cell.world.sometimes["a replica found its database wrong"] > 3
    assert not any(
        lease.replica == flip.replica and lease.from_ns <= flip.at_ns < lease.until_ns for flip in flips for lease in leases(cell)
    )
    assert not cell.observations.broken


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("one_way", [0.0, 1.0])
def test_partitions_of_every_kind_begin_and_heal(kind: str, one_way: float) -> None:
    network = NetworkFaults(partition_every_ns=S, partition_ns=300 * MS, kinds=(kind,), one_way=one_way)
    cell = troubled(Faults(network=network))
    assert cell.world.sometimes["a partition began"] > 5
    assert bool(cell.world.sometimes.get("a partition was one-way")) == (one_way > 0 and kind not in {"ring", "chain"})
    cell.nemesis.stop()
    assert not any(cell.network.is_blocked(a, b) for a in cell.seats for b in cell.seats)


def test_a_paused_replica_may_be_cut_off_too() -> None:
    cell = troubled(Faults(process=ProcessFaults(pause_every_ns=2 * S, pause_ns=500 * MS, cut_when_paused=1.0)))
    assert cell.world.sometimes["a partition began"] == cell.world.sometimes["a replica was paused"]


def test_a_flapping_partition_ends_when_its_time_is_over_or_faults_stop() -> None:
    network = NetworkFaults(partition_every_ns=2 * S, partition_ns=S, kinds=("split",), one_way=0.0, flap=1.0)
    cell = troubled(Faults(network=network))
    assert cell.world.sometimes["a partition flapped"] == cell.world.sometimes["a partition began"] > 3
    cell.nemesis.stop()
    cell.world.run(cell.world.now_ns + 20 * S)
    assert not any(cell.network.is_blocked(a, b) for a in cell.seats for b in cell.seats)


def test_clogged_links_are_free_when_faults_stop() -> None:
    cell = troubled(Faults(network=NetworkFaults(clog_every_ns=S, clog_ns=60 * S)))
    assert cell.world.sometimes["a clogged link held something back"] > 10
    cell.nemesis.stop()
    assert not any(cell.network.holds((a, b), lambda: None) for a in cell.seats for b in cell.seats)


def test_a_replica_whose_disk_failed_waits_for_an_operator() -> None:
    """Exit code 4: no supervisor starts it again."""
    faults = Faults(disk=DiskFaults(failing=0.3), process=ProcessFaults(down_ns=1, operator_ns=3 * S))
    cell = troubled(faults, 60)
    happened = cell.world.sometimes
    assert happened["a sync failed"] + happened.get("a write failed", 0) >= happened["an operator started a replica"] > 5
    assert "a replica restarted" not in happened
    assert not cell.observations.broken


def test_a_suspended_machine_hears_nothing_and_its_disk_stands_still() -> None:
    cell = troubled(Faults(process=ProcessFaults(pause_every_ns=S, pause_ns=S, suspend=1.0)))
    assert cell.world.sometimes["a machine was suspended"] > 5
    assert cell.world.sometimes["a frame came to a suspended machine"] > 5
    assert "a replica was paused" not in cell.world.sometimes
    cell.nemesis.stop()
    cell.world.run(cell.world.now_ns + 10 * S)
    assert cell.has_converged()


def test_clients_stall_and_go_on_when_faults_stop() -> None:
    cell = troubled(Faults(client=ClientFaults(stall_every_ns=S, stall_ns=60 * S)))
    assert cell.world.sometimes["a client stalled"] > 5
    cell.nemesis.stop()
    asked = Asked(cell.clients[0], put(b"a", b"1"))
    cell.world.run(cell.world.now_ns + 5 * S, stop=asked.is_told)
    assert not isinstance(asked.told[0][0], Exception)


def test_a_replica_that_lost_its_disk_stays_down_and_never_a_majority() -> None:
    """[SAFETY 2, 8]."""
    cell = troubled(Faults(process=ProcessFaults(crash_every_ns=S, down_ns=100 * MS, lose_disk=0.5)))
    assert cell.world.sometimes["a disk was lost for good"] == 2
    assert cell.world.sometimes["a replica without its state stopped: StateMissing"] >= 2
    cell.nemesis.stop()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert sum(seat.node is not None for seat in cell.seats.values()) == 3
    assert cell.has_converged()
    assert not cell.observations.broken


@pytest.mark.parametrize(
    ("kind", "happened", "stops"),
    [
        (ProcessFaults(cloned=1.0), "two processes ran on two copies", 0),
        (ProcessFaults(rolled_back=1.0, put_back=1.0), "a directory was rolled back", 1),
    ],
)
def test_a_directory_that_is_copied_is_the_last_loss(kind: ProcessFaults, happened: str, stops: int) -> None:
    """Who would notice it must keep what it knows; a clone may die before anybody hears it (see `test_twins`).  [SAFETY 3]"""
    cell = cell_with_work(Faults(process=replace(kind, crash_every_ns=S, down_ns=100 * MS, lose_disk=1.0)))
    cell.world.run(cell.world.now_ns + 10 * S)
    assert cell.world.sometimes[happened] == 1
    assert sum(seat.is_lost for seat in cell.seats.values()) == 1
    assert cell.world.sometimes.get("a replica without its state stopped: StateLost", 0) >= stops
    cell.nemesis.stop()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert cell.has_converged()
    assert not cell.observations.broken


def test_a_master_whose_disk_hangs_makes_way() -> None:
    """[SAFETY 9]."""
    cell = troubled(Faults(disk=DiskFaults(hang_every_ns=4 * S, hang_ns=3 * S), process=ProcessFaults(at_master=1.0)))
    assert cell.world.sometimes["a disk hung"] > 2
    assert not cell.observations.broken


def test_disks_are_full_for_a_while() -> None:
    """One, some or all at once; whatever happens, nobody stops for it.  [SAFETY 28]"""
    cell = troubled(Faults(disk=DiskFaults(full_every_ns=2 * S, full_ns=S)))
    assert cell.world.sometimes["a disk was full"] > 4
    assert all(seat.node is not None for seat in cell.seats.values())
    assert not cell.observations.broken
    cell.nemesis.stop()
    assert not any(seat.disk.is_full for seat in cell.seats.values())


def test_a_disk_is_slow_for_a_while() -> None:
    cell = troubled(Faults(disk=DiskFaults(drag_every_ns=2 * S, drag_ns=S, drag_sync_ns=200 * MS)))
    assert cell.world.sometimes["a disk was slow for a while"] > 2
    assert not cell.observations.broken
    cell.nemesis.stop()
    assert not any(seat.disk.drag_ns for seat in cell.seats.values())


def test_a_wall_clock_may_say_anything() -> None:
    """It is never used for safety.  [SAFETY 17]"""
    cell = troubled(Faults(process=ProcessFaults(crash_every_ns=S, down_ns=100 * MS, wall_jump=1.0)))
    assert cell.world.sometimes["a wall clock was off"] > 5
    assert not cell.observations.broken


def test_when_faults_stop_everybody_is_up_and_stays_up() -> None:
    """However long what lasts would have lasted."""
    lasting = ProcessFaults(crash_every_ns=300 * MS, down_ns=5 * S, pause_every_ns=S, pause_ns=20 * S, suspend=0.5, operator_ns=60 * S)
    cell = troubled(Faults(disk=DiskFaults(hang_every_ns=4 * S, hang_ns=60 * S, failing=0.003), process=lasting))
    cell.nemesis.stop()
    lives = [seat.life for seat in cell.seats.values()]
    cell.world.run(cell.world.now_ns + 20 * S)
    assert [seat.life for seat in cell.seats.values()] == lives
    assert sum(seat.is_serving for seat in cell.seats.values()) == 1


def test_processes_with_sessions_are_killed_and_nobody_else() -> None:
    faults = Faults(client=ClientFaults(kill_every_ns=S))
    cell = Cell(World(3), replace(Plan(), replicas=3, clients=2, watchers=0, faults=faults), Observations())
    killed: list[int] = []
    cell.clients[1].on_kill = lambda: killed.append(1)
    cell.start()
    cell.world.run(20 * S)
    assert len(killed) > 5
    cell.nemesis.stop()
    before = len(killed)
    cell.world.run(40 * S)
    assert len(killed) == before


def test_without_sessions_there_is_nobody_to_kill() -> None:
    troubled(Faults(client=ClientFaults(kill_every_ns=S)))
