"""How fast the simulator is: `python bench/sim_speed.py [--seeds N]`, on one core, in processor time.

Two measures, each over seeds 0 … N-1 with the plans that the seeds draw, but for what is named here:

    full runs   five replicas, 2,000 client operations, all faults on: how many an hour
    the swarm   as the gate runs it: cell-hours of simulated time in an hour, which is "times real time"

Exit code 1 when a run violates anything: figures of a broken simulator are worth nothing.
"""

import argparse
import sys
from collections.abc import Callable
from time import process_time

from msgspec.structs import replace

from gaios.sim import RunOptions, run
from gaios.sim.faults import S
from gaios.sim.plan import Plan

HOUR_S = 3_600
OPERATIONS = 2_000


def full(plan: Plan) -> Plan:
    """Five replicas, 2,000 operations, and time to begin them all."""
    return replace(plan, replicas=5, operations=OPERATIONS, clients=8, safety_ns=max(plan.safety_ns, 60 * S))


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
    good = [measure("full runs", seeds, full), measure("the swarm", 4 * seeds, None)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
