"""How fast the simulator is: `python bench/sim_speed.py [--seeds N]`, on one core, in processor time.

Two measures, each over seeds from 0 on:

    full runs   the scenario `full`: five replicas, 2,000 client operations, all faults that a seed draws; N seeds
    the swarm   all that a seed draws, as the gate and campaigns run it; 4 N seeds

Cell-hours of simulated time in a core-hour are "times real time".

Exit code 1 when a run violates anything: figures of a broken simulator are worth nothing.
"""

import argparse
import sys
from collections.abc import Callable
from time import process_time

from gaios.sim import RunOptions, run
from gaios.sim.plan import Plan
from gaios.sim.scenario import load

HOUR_S = 3_600


def measure(name: str, seeds: int, plan: Callable[[Plan], Plan] | None) -> bool:
    """Run so many seeds; print one line; whether nothing was violated."""
    took = simulated_s = 0.0
    events = calls = broken = 0
    for seed in range(seeds):
        began = process_time()
        report = run(seed, RunOptions(plan=plan))
        took += process_time() - began
        simulated_s += report.statistics["simulated_ms"] / 1_000
        events += report.statistics["events"]
        calls += report.statistics["calls"]
        broken += bool(report.violations)
    print(
        f"{name}: {seeds * HOUR_S / took:7,.0f} seeds and {simulated_s / took:5,.0f} cell-hours per core-hour, "
        f"{events / took:7,.0f} events/s, {calls / seeds:5,.0f} operations a seed, {broken} seeds with violations"
    )
    return not broken


def main() -> int:
    """Print both measures."""
    parser = argparse.ArgumentParser(description="Measure the simulator's speed, in processor time of one core.")
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    good = [measure("full runs", seeds, load("full").change), measure("the swarm", 4 * seeds, None)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
