"""The dice: equal everywhere, apart from each other, and as fair as their docstrings say."""

import os
import subprocess
import sys

from gaios.sim.dice import Dice


def thrown(dice: Dice) -> list[object]:
    """A throw of every kind."""
    return [
        dice.chance(0.5), dice.below(10**6), dice.between(-5, 5), dice.skewed(1, 10**6), dice.around(10**6), dice.pick("abcdef"),
        dice.some(range(20)), dice.shuffled(range(20)), dice.bytes(8).hex(),
    ]  # fmt: skip


def test_a_seed_throws_the_same_in_every_process_under_every_hash_seed() -> None:
    """A reproduction that a failure prints must work on another machine."""
    script = (
        "from gaios.sim.dice import Dice\nfrom tests.sim.test_dice import thrown\n"
        "print(thrown(Dice(7)), thrown(Dice(7).split('disk').split('2')))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": os.pathsep.join(sys.path)}
    elsewhere = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True).stdout
    assert elsewhere == f"{thrown(Dice(7))} {thrown(Dice(7).split('disk').split('2'))}\n"


def test_a_split_does_not_depend_on_what_was_thrown_before() -> None:
    """A fault more in the network must not change what the disks do."""
    fresh, used = Dice(3), Dice(3)
    thrown(used)
    thrown(used.split("network"))
    assert thrown(fresh.split("disk")) == thrown(used.split("disk"))


def test_throwing_a_split_does_not_change_its_origin() -> None:
    one, other = Dice(3), Dice(3)
    thrown(one.split("disk"))
    assert thrown(one) == thrown(other)


def test_two_names_two_seeds_and_an_origin_are_different_dice() -> None:
    """Dice that are equal by accident correlate faults that should meet by chance."""
    every = [Dice(3), Dice(4), Dice(3).split("a"), Dice(3).split("b"), Dice(4).split("a"), Dice(3).split("a").split("a")]
    assert len({str(thrown(dice)) for dice in every}) == len(every)


def test_a_chance_of_zero_never_comes_and_of_one_always() -> None:
    """0 turns a fault off; scenarios ask for certainty."""
    dice = Dice(0)
    assert not any(dice.chance(0.0) for _ in range(1_000))
    assert all(dice.chance(1.0) for _ in range(1_000))
    assert 200 < sum(dice.chance(0.3) for _ in range(1_000)) < 400


def test_both_ends_of_a_range_are_thrown_and_nothing_beyond() -> None:
    """The ends are where limits break."""
    dice = Dice(1)
    assert {dice.below(3) for _ in range(200)} == {0, 1, 2}
    assert {dice.between(-1, 1) for _ in range(200)} == {-1, 0, 1}
    assert {dice.pick("abc") for _ in range(200)} == set("abc")
    assert {dice.skewed(1, 3) for _ in range(500)} <= {1, 2, 3}


def test_skewed_numbers_are_small_as_often_as_large() -> None:
    """Rates are drawn across orders of magnitude: a uniform draw would hardly ever be small."""
    dice = Dice(2)
    drawn = [dice.skewed(10, 100_000) for _ in range(2_000)]
    assert 10 <= min(drawn) < 12
    assert 80_000 < max(drawn) <= 100_000
    assert 800 < sum(number < 1_000 for number in drawn) < 1_200


def test_waits_have_their_mean_and_a_bound() -> None:
    """An unbounded wait would now and then outlast a run, and hide a hang."""
    dice = Dice(3)
    drawn = [dice.around(1_000) for _ in range(5_000)]
    assert 900 < sum(drawn) / len(drawn) < 1_100
    assert 1 <= min(drawn) < 10
    assert 4_000 < max(drawn) <= 8_000
    assert dice.around(0) == 1


def test_some_keeps_the_order_and_gives_every_subset() -> None:
    dice = Dice(4)
    assert {tuple(dice.some((1, 2, 3))) for _ in range(200)} == {(), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)}
    assert dice.some((1, 2, 3), 1.0) == [1, 2, 3]


def test_shuffling_gives_every_order_and_leaves_its_argument_alone() -> None:
    dice, cards = Dice(5), [1, 2, 3]
    orders = [tuple(dice.shuffled(cards)) for _ in range(600)]
    assert cards == [1, 2, 3]
    counts = {order: orders.count(order) for order in set(orders)}
    assert len(counts) == 6
    assert min(counts.values()) > 60


def test_bytes_are_as_many_as_asked() -> None:
    dice = Dice(6)
    assert [len(dice.bytes(count)) for count in (0, 1, 16)] == [0, 1, 16]
    assert dice.bytes(16) != dice.bytes(16)
