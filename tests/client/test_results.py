"""What methods give back is frozen, and a range is used like a tuple of its entries."""

import pytest

from gaios.api import Entry
from gaios.client.results import Deleted, Done, Entries, Number, Swapped, expect
from gaios.errors import ProtocolError

ENTRIES = tuple(Entry(b"k%d" % number, b"v", 1, number, number) for number in range(3))


@pytest.mark.parametrize("result", [Done(1), Deleted(1, 2), Swapped(True, 2), Number(1, 2), Entries(ENTRIES, 3)])
def test_results_are_frozen_and_name_their_revision(result: Done) -> None:
    assert result.revision in {1, 2, 3}
    with pytest.raises(AttributeError):
        result.revision = 9  # type: ignore[misc]


def test_entries_are_a_sequence() -> None:
    found = Entries(ENTRIES, 3, more=True)
    assert (len(found), list(found), found[1], found[1:], found.more) == (3, list(ENTRIES), ENTRIES[1], ENTRIES[1:], True)
    assert ENTRIES[0] in found
    assert not Entries((), 3)


def test_an_answer_to_another_question_is_named() -> None:
    assert expect(Done, Done(1)) == Done(1)
    with pytest.raises(ProtocolError, match="with a Number"):
        expect(Done, Number(1, 2))
