"""What a replica's clock shows."""

from gaios.sim.clock import WALL_MS, WALL_OFF_MS, Clock, wall_clock
from gaios.sim.dice import Dice

SECOND = 10**9


def clocks(count: int = 60, bound_ppm: int = 1_000) -> list[Clock]:
    return [Clock(Dice(seed), bound_ppm) for seed in range(count)]


def test_no_clock_gains_more_than_the_bound_on_another() -> None:
    """The bound is between two clocks; some pair comes close to it."""
    gains = [clock.read(1_000 * SECOND) - clock.read(0) for clock in clocks()]
    assert max(gains) - min(gains) <= SECOND
    assert max(gains) - min(gains) > 0.99 * SECOND


def test_when_is_the_first_instant_that_shows_a_reading() -> None:
    for clock in clocks():
        for elapsed in (1, 999, SECOND, 123_456_789):
            reading = clock.read(0) + elapsed
            at = clock.when(reading)
            assert clock.read(at) >= reading
            assert at == 0 or clock.read(at - 1) < reading


def test_a_clock_that_is_made_wrong_goes_on_from_where_it_was() -> None:
    clock = clocks(1)[0]
    before = clock.read(5 * SECOND)
    clock.skew(5 * SECOND, 100_000)
    assert clock.read(5 * SECOND) == before
    assert clock.read(15 * SECOND) == before + 11 * SECOND
    assert clock.when(before + 11 * SECOND) == 15 * SECOND
    assert clock.drift_ppm == 100_000


def test_a_machine_that_lost_power_counts_anew() -> None:
    clock = clocks(1)[0]
    before = clock.read(5 * SECOND)
    clock.restart(6 * SECOND)
    assert clock.read(6 * SECOND) <= 60 * SECOND
    assert clock.when(before) > 6 * SECOND
    assert clock.when(0) == 6 * SECOND


def test_a_wall_clock_may_say_anything_within_a_day() -> None:
    assert wall_clock(3_000_000, Dice(1), 0.0) == (WALL_MS + 3, False)
    shown = [wall_clock(0, Dice(seed), 1.0) for seed in range(50)]
    assert all(is_off and abs(wall_ms - WALL_MS) <= WALL_OFF_MS for wall_ms, is_off in shown)
    assert min(shown) < (WALL_MS, True) < max(shown)
