"""Each seed has a mix of faults of its own, and calm is calm."""

from collections.abc import Callable

from gaios.sim.dice import Dice
from gaios.sim.faults import ClientFaults, DiskFaults, Faults, NetworkFaults, ProcessFaults, StoreFaults, swarm


def test_every_group_of_faults_is_sometimes_off_and_sometimes_on() -> None:
    """Some bugs need a thing not to happen."""
    drawn = [swarm(Dice(seed), 1_000) for seed in range(100)]
    switches: list[Callable[[Faults], float]] = [
        lambda faults: faults.network.loss,
        lambda faults: faults.network.partition_every_ns,
        lambda faults: faults.network.stale,
        lambda faults: faults.process.crash_every_ns,
        lambda faults: faults.process.pause_every_ns,
        lambda faults: faults.disk.crash_point,
        lambda faults: faults.disk.failing,
        lambda faults: faults.disk.hang_every_ns,
        lambda faults: faults.disk.full_every_ns,
        lambda faults: faults.disk.drag_every_ns,
        lambda faults: faults.network.clog_every_ns,
        lambda faults: faults.client.stall_every_ns,
        lambda faults: faults.process.flip_every_ns,
        lambda faults: faults.drift_ppm,
    ]
    for switch in switches:
        on = sum(bool(switch(faults)) for faults in drawn)
        assert 10 < on < 90
    assert 5 < sum(bool(faults.store.put_every_ns) for faults in drawn) < 30


def test_calm_keeps_nothing_but_clocks_and_short_delays() -> None:
    calm = swarm(Dice(7), 1_000).calm()
    assert calm.process == ProcessFaults()
    assert calm.network == NetworkFaults(delay_ns=calm.network.delay_ns, jitter_ns=calm.network.jitter_ns)
    assert calm.client == ClientFaults()
    assert calm.store == StoreFaults(), "the store itself goes on, and is calmed by itself"
    assert calm.disk == DiskFaults(sync_ns=calm.disk.sync_ns)
    assert Faults(drift_ppm=3).calm().drift_ppm == 3
