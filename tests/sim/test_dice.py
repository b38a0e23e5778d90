"""Every random choice comes from the seed, and stays within what was asked for."""

from collections import Counter

from gaios.sim.dice import Dice


def test_one_seed_throws_one_sequence() -> None:
    first, second = Dice(5), Dice(5)
    assert [first.below(1_000) for _ in range(20)] == [second.below(1_000) for _ in range(20)]
    assert [Dice(5).below(1 << 30), Dice(6).below(1 << 30)] != [Dice(5).below(1 << 30)] * 2


def test_dice_that_were_split_off_are_independent_of_how_often_others_are_thrown() -> None:
    """A disk that throws more dice must not change what the network does."""
    first, second = Dice(3), Dice(3)
    first.split("disk").below(6)
    first.below(6)
    assert [first.split("network").below(100) for _ in range(5)] == [second.split("network").below(100) for _ in range(5)]
    assert first.split("network").bytes(8) != first.split("disk").bytes(8)


def test_throws_stay_within_their_bounds_and_reach_them() -> None:
    dice = Dice(1)
    assert {dice.below(3) for _ in range(200)} == {0, 1, 2}
    assert {dice.between(-1, 1) for _ in range(200)} == {-1, 0, 1}
    assert {dice.pick("ab") for _ in range(100)} == {"a", "b"}
    skewed = [dice.skewed(10, 10_000) for _ in range(2_000)]
    assert min(skewed) >= 10
    assert max(skewed) <= 10_000
    assert 800 < sum(value < 316 for value in skewed) < 1_200, "half of them below the geometric mean"
    waits = [dice.around(1_000) for _ in range(2_000)]
    assert min(waits) >= 1
    assert max(waits) <= 8_000
    assert 900 < sum(waits) / len(waits) < 1_100


def test_chances_come_true_as_often_as_they_should() -> None:
    dice = Dice(2)
    assert not any(dice.chance(0.0) for _ in range(100))
    assert all(dice.chance(1.0) for _ in range(100))
    assert 250 < sum(dice.chance(0.3) for _ in range(1_000)) < 350


def test_subsets_and_shuffles_lose_and_invent_nothing() -> None:
    dice = Dice(4)
    orders = Counter(tuple(dice.shuffled((1, 2, 3))) for _ in range(600))
    assert len(orders) == 6
    assert min(orders.values()) > 50
    subsets = {tuple(dice.some((1, 2))) for _ in range(100)}
    assert subsets == {(), (1,), (2,), (1, 2)}
