"""What a seed draws is legal, and rarities are drawn often."""

from gaios.sim.dice import Dice
from gaios.sim.plan import draw


def test_every_draw_is_legal_and_rarities_are_common() -> None:
    """`Options` refuses what cannot work, so drawing is the test; and what breaks only at a limit must meet it."""
    plans = [draw(Dice(seed)) for seed in range(200)]
    assert {plan.replicas for plan in plans} >= {1, 2, 3, 4, 5, 6, 7}
    assert sum(plan.options.batch_entries < 3 for plan in plans) > 20
    assert sum(plan.segment_bytes == 1 << 10 for plan in plans) > 30
    assert sum(plan.options.cache_bytes == 1 for plan in plans) > 10
    assert sum(plan.bounds.sessions == 3 for plan in plans) > 5


def test_one_seed_draws_one_plan() -> None:
    assert draw(Dice(9)) == draw(Dice(9))
