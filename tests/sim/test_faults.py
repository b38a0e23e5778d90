"""The swarm: each run has some faults, and lacks others.  [Groce et al. 2012]"""

from functools import cache
from itertools import combinations

import msgspec
from msgspec.structs import replace

from gaios.sim.dice import Dice
from gaios.sim.faults import MS, DiskFaults, Faults, NetworkFaults, ProcessFaults, swarm

SEEDS = 400
SWITCHES = (
    "disk.slow", "disk.failing", "disk.crash_point", "network.loss", "network.duplicate", "network.reorder", "network.corrupt",
    "network.stale", "network.partition_every_ns", "network.break_every_ns", "process.crash_every_ns", "process.pause_every_ns",
    "drift_ppm",
)  # fmt: skip
"""What is off at 0."""


@cache
def drawn() -> list[Faults]:
    return [swarm(Dice(seed), 1_000) for seed in range(SEEDS)]


def value(faults: Faults, switch: str) -> float:
    """What a switch is set to."""
    where: object = faults
    for name in switch.split("."):
        where = getattr(where, name)
    assert isinstance(where, int | float)
    return where


def test_every_fault_is_on_in_some_seeds_and_off_in_others() -> None:
    """Some bugs need a fault, some need one not to happen."""
    for switch in SWITCHES:
        on = sum(value(faults, switch) > 0 for faults in drawn())
        assert SEEDS / 10 < on < SEEDS * 9 / 10, f"{switch} is on in {on} of {SEEDS}"


def test_every_two_faults_meet_and_miss_each_other() -> None:
    """Were two always drawn together, one would hide what the other alone shows."""
    for one, other in combinations(SWITCHES, 2):
        met = {(value(faults, one) > 0, value(faults, other) > 0) for faults in drawn()}
        assert len(met) == 4, f"{one} and {other}: {met}"


def test_rates_span_orders_of_magnitude() -> None:
    """A rare fault shows other things than a frequent one."""
    for switch in ("disk.slow", "disk.crash_point", "network.loss", "network.duplicate", "network.corrupt", "network.stale"):
        rates = [value(faults, switch) for faults in drawn() if value(faults, switch)]
        assert max(rates) > 10 * min(rates), switch
        assert min(rates) > 0
        assert max(rates) <= 0.3


def test_whole_numbers_of_nanoseconds_and_probabilities_below_one() -> None:
    """A float of time would make two machines differ; a probability above 1 is a unit mistaken."""
    for faults in drawn():
        for part in (faults.disk, faults.network, faults.process):
            for name, setting in msgspec.structs.asdict(part).items():
                if name.endswith("_ns"):
                    assert isinstance(setting, int), name
                    assert setting >= 0, name
                elif isinstance(setting, float):
                    assert 0 <= setting <= 1, name


def test_the_same_dice_draw_the_same_faults() -> None:
    assert swarm(Dice(5), 1_000) == drawn()[5]


def test_clocks_drift_by_the_bound_or_not_at_all() -> None:
    assert {faults.drift_ppm for faults in drawn()} == {0, 1_000}
    assert {swarm(Dice(seed), 0).drift_ppm for seed in range(20)} == {0}


def test_without_a_word_there_are_no_faults() -> None:
    """A scenario names its faults; what it does not name must not happen."""
    assert all(value(Faults(), switch) == 0 for switch in SWITCHES)


def test_calm_ends_every_fault_and_leaves_the_machines_as_they_are() -> None:
    """Liveness is judged in a calm world: a fault that went on there would be taken for a bug, or excuse one."""
    for faults in drawn():
        calm = faults.calm()
        assert replace(calm.disk, sync_ns=DiskFaults().sync_ns) == DiskFaults()
        quiet = NetworkFaults()
        assert replace(calm.network, delay_ns=quiet.delay_ns, jitter_ns=quiet.jitter_ns) == quiet
        assert calm.process == ProcessFaults()
        assert (calm.disk.sync_ns, calm.drift_ppm) == (faults.disk.sync_ns, faults.drift_ppm)
        assert calm.network.delay_ns <= MS
        assert calm.network.jitter_ns <= MS
