"""What a bench says: percentiles of latencies, rounded to what can be told apart.

Rule. A percentile is a latency that was measured (nearest rank), never an interpolation between two.
"""

from collections.abc import Iterable, Mapping
from typing import Any

_NS_PER_MS = 1_000_000


def percentile_ns(ordered: "list[int]", percent: float) -> int:
    """The smallest of these, in ascending order, that at least `percent` of them do not exceed; 0 if there are none."""
    if not ordered:
        return 0
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def load(latencies_ns: Iterable[int], seconds: float, cpu_seconds: float | None) -> dict[str, Any]:
    """The figures of a run of closed-loop load.

    Args:
        latencies_ns: Of each operation that was acknowledged within the measured time.
        seconds: How long was measured.
        cpu_seconds: What all replicas used meanwhile; None if it could not be told.
    """
    ordered = sorted(latencies_ns)
    return {
        "ops_per_s": round(len(ordered) / seconds, 1),
        "p50_ms": _ms(percentile_ns(ordered, 50)),
        "p90_ms": _ms(percentile_ns(ordered, 90)),
        "p99_ms": _ms(percentile_ns(ordered, 99)),
        "worst_ms": _ms(ordered[-1] if ordered else 0),
        "cpu_us_per_op": None if cpu_seconds is None or not ordered else round(cpu_seconds * 1e6 / len(ordered), 1),
    }


def failover(trials_ns: Iterable[int]) -> dict[str, Any]:
    """The figures of fail-over trials; `each_ms` in the order in which they were made."""
    each = list(trials_ns)
    ordered = sorted(each)
    return {
        "trials": len(each),
        "p50_ms": _ms(percentile_ns(ordered, 50)),
        "worst_ms": _ms(ordered[-1] if ordered else 0),
        "each_ms": [_ms(ns) for ns in each],
    }


def sentence(figures: Mapping[str, Any]) -> str:
    """The figures of load for people."""
    cpu = figures["cpu_us_per_op"]
    return (
        f"{figures['ops_per_s']:,.0f} a second; p50 {figures['p50_ms']} ms, p90 {figures['p90_ms']} ms, p99 {figures['p99_ms']} ms,"
        f" worst {figures['worst_ms']} ms; server CPU {'unknown' if cpu is None else f'{cpu} µs'} an operation, over all replicas"
    )


def _ms(ns: int) -> float:
    return round(ns / _NS_PER_MS, 3)
