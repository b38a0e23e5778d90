"""Each invariant over the merged state refuses a state that breaks it, and takes those beside it.  [SAFETY 30]"""

import pytest

from gaios.trace.cell import Cell, Reign
from gaios.trace.words import Illegal

A, B = b"a" * 16, b"b" * 16
B1, B2 = 65_537, 131_074
"""Ballots of members 1 and 2."""


@pytest.fixture
def cell() -> Cell:
    made = Cell()
    made.voters = 0b1110
    return made


def chosen(cell: Cell, slot: int = 1, ballot: int = B1, value: bytes = A) -> None:
    for member in (1, 2):
        cell.durable(member, slot, ballot, value)


def test_a_majority_of_durable_votes_in_one_ballot_chooses(cell: Cell) -> None:
    cell.durable(1, 1, B1, A)
    cell.durable(2, 1, B2, A)
    cell.durable(1, 1, B1, A)
    cell.durable(4, 1, B1, A)
    assert not cell.chosen, "a member that does not vote, and one that voted twice"
    cell.durable(3, 1, B1, A)
    assert cell.chosen == {1: A}


def test_nobody_accepts_two_values_for_a_slot_in_one_ballot(cell: Cell) -> None:
    cell.accepted(1, B1, A)
    cell.accepted(1, B2, B)
    cell.accepted(2, B1, B)
    with pytest.raises(Illegal, match="V4 one value a ballot and slot"):
        cell.accepted(1, B1, B)


def test_a_slot_keeps_the_value_that_was_chosen(cell: Cell) -> None:
    chosen(cell)
    cell.accepted(1, B2, A)
    with pytest.raises(Illegal, match="V4 one value a slot"):
        cell.accepted(1, B2 + 65_536, B)
    with pytest.raises(Illegal, match="V4 one value a slot"):
        cell.believed(1, B1, B)
    with pytest.raises(Illegal, match="V4 one value a slot"):
        chosen(cell, ballot=B2, value=B)
    with pytest.raises(Illegal, match="V4 one value a slot"):
        cell.trusted(1, B1, B)


def test_an_older_ballot_may_come_late_with_another_value(cell: Cell) -> None:
    """A minority accepted it before the newer ballot began."""
    chosen(cell, ballot=B2)
    cell.accepted(1, B1, B)


def test_what_is_taken_for_chosen_is_chosen_by_then(cell: Cell) -> None:
    cell.durable(1, 1, B1, A)
    with pytest.raises(Illegal, match="V4 chosen-through true"):
        cell.believed(1, B1, A)
    chosen(cell)
    cell.believed(1, B1, A)


def test_who_is_counted_has_accepted_durably_or_knew_the_slot_to_be_chosen(cell: Cell) -> None:
    cell.durable(1, 1, B1, A)
    cell.vote(1, 1, B1)
    with pytest.raises(Illegal, match="V4 votes"):
        cell.vote(2, 1, B1)
    with pytest.raises(Illegal, match="V4 votes"):
        cell.vote(1, 1, B2)
    chosen(cell)
    cell.vote(3, 1, B2)


def test_what_was_heard_from_the_unrecorded_may_have_chosen(cell: Cell) -> None:
    """Then only what contradicts itself is wrong."""
    cell.is_partial = True
    cell.believed(1, B1, A)
    cell.vote(3, 2, B1)
    with pytest.raises(Illegal, match="V4 one value a slot"):
        cell.believed(1, B1, B)


def test_a_ballot_is_spoken_for_in_one_boot_of_its_member(cell: Cell) -> None:
    cell.speaks(B1, (1, 1, 7))
    cell.speaks(B1, (1, 1, 7))
    with pytest.raises(Illegal, match="V4 one owner a ballot"):
        cell.speaks(B1, (1, 2, 8))
    with pytest.raises(Illegal, match="V4 one owner a ballot"):
        cell.speaks(B2, (1, 1, 7))


def test_no_two_members_hold_the_lease_at_one_true_time(cell: Cell) -> None:
    cell.reigned("clock", Reign(1, B1, 10, 20))
    cell.reigned("clock", Reign(2, B2, 20, 30))
    cell.reigned("clock", Reign(1, B1, 15, 20))
    cell.reigned("another machine's clock", Reign(2, B2, 10, 20))
    with pytest.raises(Illegal, match=r"V4 lease exclusivity: .*member 2 in ballot 131074, from 20 to 30 ns.*member 3"):
        cell.reigned("clock", Reign(3, B2 + 1, 29, 40))
