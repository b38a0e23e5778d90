"""Plans: every one legal, and the rare sizes often among them."""

from collections import Counter
from collections.abc import Callable
from functools import cache

from gaios.log import Bounds, Options
from gaios.paxos import core
from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.plan import DRIFT_BOUND_PPM, SEGMENT_BYTES, Plan, draw

SEEDS = 1_000


@cache
def drawn() -> list[Plan]:
    """`Options` refuses what cannot work, so that a plan is drawn at all is a claim of its own."""
    return [draw(Dice(seed)) for seed in range(SEEDS)]


def test_every_plan_is_legal() -> None:
    """A plan that no cell could have would waste its seed, or be mistaken for a finding."""
    for plan in drawn():
        assert 1 <= plan.replicas <= 7
        assert plan.clients > 0
        assert plan.keys > 0
        assert plan.operations > 0
        assert plan.burst > 0
        assert 0 < plan.think_ns < plan.safety_ns
        assert plan.deadline_ns > 0
        assert plan.segment_bytes in SEGMENT_BYTES
        assert min(plan.bounds.sessions, plan.bounds.answers, plan.bounds.answer_bytes, plan.bounds.table_bytes) > 0


def test_what_breaks_only_at_a_limit_is_drawn_often() -> None:
    """Every smallest setting in at least one seed of fifty."""
    rare: dict[str, Callable[[Plan], bool]] = {
        "one replica": lambda plan: plan.replicas == 1,
        "an even cell": lambda plan: plan.replicas % 2 == 0,
        "one slot in flight": lambda plan: plan.options.pipeline == 1,
        "one entry in a batch": lambda plan: plan.options.batch_entries == 1,
        "a batch of few bytes": lambda plan: plan.options.batch_bytes < 100,
        "a queue of two": lambda plan: plan.options.queue_entries == 2,
        "one slot asked for": lambda plan: plan.options.seek_slots == 1,
        "one byte supplied": lambda plan: plan.options.supply_bytes == 1,
        "no cache": lambda plan: plan.options.cache_bytes == 1,
        "one entry applied at a time": lambda plan: plan.options.apply_entries == 1,
        "a table of three sessions": lambda plan: plan.bounds.sessions == 3,
        "a session of two answers": lambda plan: plan.bounds.answers == 2,
        "no answer kept": lambda plan: plan.bounds.answer_bytes == 1,
        "a table of few bytes": lambda plan: plan.bounds.table_bytes == 100,
        "tiny segments": lambda plan: plan.segment_bytes == min(SEGMENT_BYTES),
        "one key": lambda plan: plan.keys == 1,
        "a short lease": lambda plan: plan.options.term_ms <= 200,
        "retransmission before a sync ends": lambda plan: plan.options.retransmit_ms < 40,
        "an impatient candidate": lambda plan: plan.options.campaign_ms < 150,
        "a hasty client": lambda plan: plan.think_ns < MS,
    }
    for what, holds in rare.items():
        count = sum(holds(plan) for plan in drawn())
        assert count >= SEEDS / 50, f"{what}: in {count} of {SEEDS} seeds"


def test_defaults_are_drawn_too() -> None:
    """What everybody runs must not be missed for the sake of what nobody does."""
    usual = [
        plan
        for plan in drawn()
        if plan.bounds == Bounds() and plan.options.batch_entries == Options().batch_entries and plan.options.term_ms == Options().term_ms
    ]
    assert len(usual) > SEEDS / 10


def test_every_size_of_cell_is_drawn_and_three_and_five_most() -> None:
    sizes = Counter(plan.replicas for plan in drawn())
    assert set(sizes) == set(range(1, 8))
    assert {size for size, _ in sizes.most_common(2)} == {3, 5}


def test_a_seed_draws_one_plan() -> None:
    assert draw(Dice(9)) == drawn()[9]
    assert len({str(plan) for plan in drawn()}) == SEEDS


def test_faults_are_dice_of_their_own() -> None:
    """A setting more in a plan must not change which faults a seed has."""
    used = Dice(9)
    used.below(6)
    assert draw(used).faults == drawn()[9].faults


def test_clocks_drift_as_far_as_the_specification_allows() -> None:
    """Less would not test the bound; more would break its premise."""
    assert DRIFT_BOUND_PPM == core.DRIFT_PPM
    assert max(plan.faults.drift_ppm for plan in drawn()) == DRIFT_BOUND_PPM
