"""What a seed draws is legal, and rarities are drawn often."""

from gaios.sim.dice import Dice
from gaios.sim.plan import Locks, draw


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


def test_clients_have_sessions_in_some_seeds_and_their_leases_are_short() -> None:
    drawn = [draw(Dice(seed)).locks for seed in range(200)]
    with_sessions = [locks for locks in drawn if locks.clients]
    assert 50 < len(with_sessions) < 120
    assert all(min(locks.leases_ms) <= 2_000 for locks in with_sessions)
    assert {locks.locks for locks in with_sessions} >= {1, 2, 4}
    assert all(locks == Locks() for locks in drawn if not locks.clients)
    assert 20 < sum(locks.caching > 0 for locks in with_sessions) < 60
    assert all(bool(locks.cached) == (locks.caching > 0) for locks in drawn)


def test_disks_are_read_again_where_nothing_rots_too() -> None:
    """Now and then, and in pieces that are shorter than some records: what the scrub finds there is nothing."""
    drawn = [draw(Dice(seed)) for seed in range(200)]
    quiet = [plan.limits for plan in drawn if not plan.faults.disk.rot_every_ns]
    assert 10 < sum(limits.scrub_every_ms < 10_000 for limits in quiet) < 50
    assert any(limits.scrub_piece_bytes < plan.value_bytes * 2 for plan in drawn for limits in [plan.limits])
