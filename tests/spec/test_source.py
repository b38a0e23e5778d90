"""Texts: their size, their syntax, and edits that plant bugs."""

import pytest

from gaios.errors import ConfigurationError
from gaios.spec import SpecError, core_texts, edited
from gaios.spec.source import COLUMNS_MAX, LINES_MAX, TEXTS, Place, Text, digest
from tests.spec.small import SMALL, small


def test_the_core_is_three_texts_in_order() -> None:
    """Ballots before values before leases: each uses what stands before it."""
    assert tuple(text.name for text in core_texts()) == TEXTS


def test_a_line_that_is_too_long_is_refused_at_its_end() -> None:
    """One hundred and twenty columns: two texts fit beside each other."""
    text = Text("t.spec.py", f"X = 1\n{'#' * (COLUMNS_MAX + 1)}\n")
    with pytest.raises(SpecError, match=rf"^t\.spec\.py:2:{COLUMNS_MAX + 1}: a line has 121 columns"):
        text.parse()
    Text("t.spec.py", "#" * COLUMNS_MAX).parse()


def test_a_text_that_is_too_long_is_refused() -> None:
    """A concern that needs more is two concerns."""
    with pytest.raises(SpecError, match=rf"^t\.spec\.py:{LINES_MAX + 1}:1: the text has 121 lines"):
        Text("t.spec.py", "#\n" * (LINES_MAX + 1)).parse()


def test_bad_syntax_is_refused_where_it_stands() -> None:
    """Python's own message, with our place."""
    with pytest.raises(SpecError, match=r"^t\.spec\.py:2:\d+: not Python syntax"):
        Text("t.spec.py", "A = 1\ndef (:\n").parse()


def test_a_complaint_is_a_configuration_error_with_a_place_and_a_hint() -> None:
    """Exit code 2, and where to read on."""
    error = SpecError(place=Place("t.spec.py", 3, 4), problem="no")
    assert isinstance(error, ConfigurationError)
    assert str(error) == "t.spec.py:3:4: no"
    assert "docs/specification.md" in error.hint


@pytest.mark.parametrize(("old", "times"), [("nowhere", 0), ("Slot", SMALL.count("Slot"))])
def test_an_edit_that_does_not_match_exactly_once_is_refused(old: str, times: int) -> None:
    """A planted bug that silently stops being planted would prove nothing."""
    with pytest.raises(SpecError, match=f"matches {times} times"):
        edited([small()], [(old, "x")])


def test_edits_are_applied_one_after_the_other_to_whichever_text_matches() -> None:
    """The museum need not know in which file a rule stands."""
    texts = edited([Text("a", "one two"), Text("b", "three")], [("two", "2"), ("2", "zwei"), ("three", "drei")])
    assert [text.content for text in texts] == ["one zwei", "drei"]


def test_an_edit_counts_over_all_texts_together() -> None:
    """Once in each of two texts is twice."""
    with pytest.raises(SpecError, match="matches 2 times"):
        edited([Text("a", "x"), Text("b", "x")], [("x", "y")])


def test_a_digest_tells_names_borders_and_order() -> None:
    """It stands in the heads of generated files."""
    digests = {
        digest([Text("a", "xy"), Text("b", "")]),
        digest([Text("a", "x"), Text("b", "y")]),
        digest([Text("b", "y"), Text("a", "x")]),
        digest([Text("c", "x"), Text("b", "y")]),
    }
    assert len(digests) == 4
