"""Sorts: equal by name, and numbers that fit."""

from gaios.spec.sorts import PLAIN, TRUTH, MapOf, Nat, SetOf, fits, is_number

SLOT, BALLOT = Nat("Slot", 2, 0), Nat("Ballot", 5, 1)


def test_a_sort_is_its_name() -> None:
    """Bounds for the model and the wire do not make another sort."""
    assert Nat("Slot", 9, 1) == SLOT
    assert MapOf(SLOT, BALLOT, "WINDOW") == MapOf(SLOT, BALLOT)
    assert SLOT != BALLOT


def test_a_plain_number_fits_every_kind_of_number_and_no_kind_fits_another() -> None:
    """That is what keeps slots out of ballots."""
    assert fits(PLAIN, SLOT)
    assert fits(SLOT, SLOT)
    assert not fits(SLOT, BALLOT)
    assert not fits(SLOT, PLAIN)
    assert not fits(TRUTH, SLOT)


def test_only_numbers_are_counted_with() -> None:
    """Sets and truth values are none."""
    assert is_number(PLAIN)
    assert is_number(SLOT)
    assert not is_number(TRUTH)
    assert not is_number(SetOf(SLOT))


def test_a_sort_is_named_as_it_is_written() -> None:
    """Complaints and the rule table show it."""
    assert str(MapOf(SLOT, SetOf(BALLOT))) == "Map[Slot, Set[Ballot]]"
    assert [str(PLAIN), str(TRUTH), str(SLOT)] == ["number", "bool", "Slot"]
