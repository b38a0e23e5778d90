"""How fast the simulator is: `python bench/sim_speed.py [--seeds N]`, on one core, in processor time.

Four measures, each over seeds from 0 on:

    full runs      the scenario `full`: five replicas, 2,000 client operations, all faults that a seed draws; N seeds
    the swarm      all that a seed draws, as the gate and campaigns run it; 4 N seeds
    a quiet cell   the scenario `quiet`: five replicas at their defaults, eight clients, no faults; N seeds
    an idle cell   the same, asked next to nothing for ten minutes: heartbeats alone; one seed

Cell-hours of simulated time in a core-hour are "times real time". They are all simulated hours over all processor hours, so runs with
much in them weigh most; `median` is that of single seeds.

Exit code 1 when a run violates anything: figures of a broken simulator are worth nothing.
"""

import argparse
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

from msgspec.structs import replace

from gaios.sim import RunOptions, run
from gaios.sim.faults import S
from gaios.sim.plan import Plan
from gaios.sim.scenario import load

HOUR_S = 3_600


def measure(name: str, seeds: int, plan: Callable[[Plan], Plan] | None) -> bool:
    """Run so many seeds; print one line; whether nothing was violated."""
    took = simulated_s = 0.0
    ratios: list[float] = []
    events = calls = broken = 0
    for seed in range(seeds):
        began = process_time()
        report = run(seed, RunOptions(plan=plan))
        ratios.append(report.statistics["simulated_ms"] / 1_000 / (process_time() - began))
        took += process_time() - began
        simulated_s += report.statistics["simulated_ms"] / 1_000
        events += report.statistics["events"]
        calls += report.statistics["calls"]
        broken += bool(report.violations)
    print(
        f"{name}: {seeds * HOUR_S / took:7,.0f} seeds and {simulated_s / took:5,.0f} cell-hours per core-hour "
        f"(median {median(ratios):,.0f}), "
        f"{events / took:7,.0f} events/s, {calls / seeds:5,.0f} operations a seed, {broken} seeds with violations"
    )
    return not broken


def idle(drawn: Plan) -> Plan:
    """Hardly anybody asks for anything."""
    quiet = load("quiet").change(drawn)
    return replace(quiet, clients=1, watchers=0, operations=1, final_operations=1, safety_ns=S, recovery_ns=600 * S)


def main() -> int:
    """Print all measures."""
    parser = argparse.ArgumentParser(description="Measure the simulator's speed, in processor time of one core.")
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    good = [
        measure("full runs", seeds, load("full").change),
        measure("the swarm", 4 * seeds, None),
        measure("a quiet cell", seeds, load("quiet").change),
        measure("an idle cell", 1, idle),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
