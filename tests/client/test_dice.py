"""Two clients with one seed choose alike; what is chosen stays within its bounds."""

from gaios.client.dice import Dice


def test_dice_are_a_function_of_the_seed() -> None:
    first, again, other = Dice(1), Dice(1), Dice(2)
    rolls = [first.below(1000) for _ in range(50)]
    assert rolls == [again.below(1000) for _ in range(50)]
    assert rolls != [other.below(1000) for _ in range(50)]
    assert len(set(rolls)) > 40
    assert {first.between((3, 5)) for _ in range(100)} == {3, 4, 5}
    assert all(160 <= first.back_off(9, (10, 320)) <= 320 for _ in range(100))
    assert all(5 <= first.back_off(1, (10, 320)) <= 10 for _ in range(100))
