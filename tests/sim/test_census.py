"""Who the members are, and how many may be bad.  [SAFETY 18]"""

from typing import NamedTuple

from gaios.configuration import Configuration, founders
from gaios.sim.census import Census

FIVE = founders({number: number for number in range(1, 6)})


class Machine:
    def __init__(self, number: int) -> None:
        self.replica = self.place = number
        self.is_lost = False
        self.configuration: Configuration | None = FIVE


class Cell(NamedTuple):
    machines: list[Machine]
    census: Census


def five() -> Cell:
    machines = [Machine(number) for number in range(1, 6)]
    return Cell(machines, Census(machines))


def test_what_anybody_knew_once_stays_known() -> None:
    machines, census = five()
    machines[3].configuration = FIVE.removed(2)
    assert not census.lists(2)
    machines[3].configuration = None
    assert census.newest.number == 1
    assert census.least == 4


def test_a_minority_may_be_bad() -> None:
    _, census = five()
    assert census.spares({1, 2})
    assert census.spares({1}, 1)
    assert not census.spares({1, 2}, 1)
    assert not census.spares({1, 2, 3})
    assert census.spares({1, 2, 9}), "9 is no member"


def test_what_was_asked_for_may_be_chosen() -> None:
    machines, census = five()
    census.ask(FIVE.removed(5))
    assert not census.spares({1, 2}), "two of four"
    assert census.least == 4
    for machine in machines:
        machine.configuration = FIVE.added(6)
    assert census.spares({1, 2}), "another change was chosen in its stead"
    assert census.spares({1}, wanted=FIVE.added(6).removed(5))
    assert not census.spares({1, 2}, wanted=FIVE.added(6).removed(5))


def test_a_learner_that_is_bad_counts() -> None:
    machines, census = five()
    machines[0].configuration = FIVE.replaced(5)
    assert census.spares({6})
    assert not census.spares({1, 6}), "it may vote soon"


def test_who_is_lost_and_listed_is_told() -> None:
    machines, census = five()
    machines[1].is_lost = machines[4].is_lost = True
    machines[0].configuration = FIVE.removed(5)
    assert census.lost() == {2}
