"""A smaller run is exactly what its flags say."""

import pytest
from msgspec.structs import replace

from gaios.log import Options
from gaios.sim.faults import DiskFaults, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.plan import Plan
from gaios.sim.shrink import drawn
from gaios.sim.smaller import Smaller, active, causes, names

FULL = Plan(
    faults=Faults(
        disk=DiskFaults(slow=0.1, tear=0.5),
        network=NetworkFaults(loss=0.1, reorder=True, partition_every_ns=S),
        process=ProcessFaults(crash_every_ns=S),
        drift_ppm=1_000,
    ),
    options=Options(pipeline=1),
    compacts=0.1,
)


def test_nothing_left_out_is_the_same_plan() -> None:
    assert Smaller().change(FULL) == FULL
    assert Smaller().flags() == ""


def test_only_what_is_named_is_left_in() -> None:
    changed = Smaller(only=("crash", "loss")).change(FULL)
    assert active(changed) == ["loss", "crash"]
    assert changed.faults.process.crash_every_ns == S
    assert changed.faults.network.loss == 0.1
    assert changed.options == Options()
    assert changed.watchers == 0


def test_none_leaves_a_world_without_faults() -> None:
    changed = Smaller(only=()).change(drawn(3))
    assert active(changed) == []
    assert changed.faults.calm().network.loss == changed.faults.network.loss == 0


def test_numbers_take_the_place_of_drawn_ones() -> None:
    changed = Smaller(replicas=1, clients=2, operations=3, until_ms=4).change(FULL)
    assert changed == replace(FULL, replicas=1, clients=2, operations=3)
    assert Smaller(until_ms=4).until_ns == 4_000_000


@pytest.mark.parametrize(
    ("smaller", "flags"),
    [
        (Smaller(only=()), " --only none"),
        (Smaller(only=("crash", "power-cut"), clients=2), " --only crash,power-cut --clients 2"),
        (Smaller(replicas=3, operations=10, until_ms=800), " --replicas 3 --operations 10 --until-ms 800"),
    ],
)
def test_the_flags_say_all_of_it(smaller: Smaller, flags: str) -> None:
    assert smaller.flags() == flags


def test_every_fault_of_the_simulator_has_a_name_of_its_own() -> None:
    """Rule 2: a fault that could not be named could not be left out."""
    fields = [field for group in (DiskFaults, NetworkFaults, ProcessFaults) for field in group.__struct_fields__]
    rates = [field for field in fields if field.endswith("_every_ns") or isinstance(getattr(FULL.faults, field, 0.0), float)]
    assert len(names()) == len(set(names()))
    for field in rates:
        if not field.endswith("_ns") or field.endswith("_every_ns"):
            assert field == "kinds" or field.removesuffix("_every_ns").replace("_", "-") in names()
    assert set(causes()) < set(names())
    assert "power-cut" not in causes()
