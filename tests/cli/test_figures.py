"""Figures are what goals are judged by: they must be measured values, and honest at the edges."""

from hypothesis import given
from hypothesis import strategies as st

from gaios.cli import figures


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=200), st.sampled_from([1, 50, 90, 99, 100]))
def test_a_percentile_is_measured_and_covers_its_share(latencies: list[int], percent: int) -> None:
    ordered = sorted(latencies)
    found = figures.percentile_ns(ordered, percent)
    assert found in ordered
    assert sum(value <= found for value in ordered) * 100 >= percent * len(ordered)
    assert sum(value < found for value in ordered) * 100 < percent * len(ordered)


def test_load_has_exactly_the_names_of_the_interface() -> None:
    made = figures.load([2_000_000, 1_000_000, 4_000_000, 3_000_000], 2.0, 0.001)
    assert made == {"ops_per_s": 2.0, "p50_ms": 2.0, "p90_ms": 4.0, "p99_ms": 4.0, "worst_ms": 4.0, "cpu_us_per_op": 250.0}
    assert "250.0 µs" in figures.sentence(made)


def test_no_operation_is_no_division_by_zero() -> None:
    made = figures.load([], 1.0, 5.0)
    assert made["ops_per_s"] == 0
    assert made["cpu_us_per_op"] is None
    assert "unknown" in figures.sentence(made)


def test_the_median_of_an_even_number_of_trials_is_the_lower_of_the_two() -> None:
    made = figures.failover([900_000_000, 300_000_000])
    assert made == {"trials": 2, "p50_ms": 300.0, "worst_ms": 900.0, "each_ms": [900.0, 300.0]}
