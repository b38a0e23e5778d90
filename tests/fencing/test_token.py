"""A token is compared by generation, then by revision, and nothing else is one."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gaios.errors import InvalidToken
from gaios.fencing.token import NUMBER_MAX, Token
from gaios.lock_api import Sequencer

NUMBERS = st.integers(0, NUMBER_MAX)
TOKENS = st.builds(Token, NUMBERS, NUMBERS)
NONE = [
    "",
    ".",
    "1",
    "1.",
    ".1",
    "1.2.3",
    "01.2",
    "1.02",
    "+1.2",
    "-1.2",
    " 1.2",
    "1.2\n",
    "1_0.2",
    "1,2",
    "1.2e3",
    "0x1.2",
    "١.٢",
    "1.2\0",
]
TOO_LARGE = [f"{NUMBER_MAX + 1}.0", f"0.{NUMBER_MAX + 1}", "9" * 5000 + ".1"]


def test_the_generation_counts_first() -> None:
    """A cell that was restored from a backup may give a revision again, never a generation."""
    assert Token(0, 9) < Token(0, 10) < Token(1, 2)
    assert Token(1, 2) == Token(1, 2)
    assert not Token(1, 2) < Token(1, 2)


@given(TOKENS)
def test_text_and_token_are_one_to_one(token: Token) -> None:
    assert Token.parse(str(token)) == token
    assert Token.from_sortable(token.sortable) == token
    assert len(token.sortable) == 39


@given(TOKENS, TOKENS)
@example(Token(0, 9), Token(0, 10))
@example(Token(9, 0), Token(10, 0))
def test_sortable_texts_are_ordered_like_their_tokens(one: Token, other: Token) -> None:
    """So a database compares tokens without knowing what they are."""
    assert (one < other) == (one.sortable < other.sortable)
    assert one.sortable > ""


@pytest.mark.parametrize("text", [*NONE, *TOO_LARGE])
def test_other_text_is_refused(text: str) -> None:
    """Two texts of one token, or a number that a database cannot hold, would be a way around the comparison."""
    with pytest.raises(InvalidToken) as refused:
        Token.parse(text)
    assert refused.value.definite
    assert len(str(refused.value)) < 500
    with pytest.raises(InvalidToken):
        Token.from_sortable(text)


@given(st.text())
def test_hostile_text_is_a_token_or_a_typed_error(text: str) -> None:
    with suppress(InvalidToken):
        assert str(Token.parse(text)) == text


@pytest.mark.parametrize("numbers", [(-1, 0), (0, -1), (NUMBER_MAX + 1, 0), (0, NUMBER_MAX + 1), (True, 1), (1.0, 2), ("1", 2), (None, 1)])
def test_a_token_that_exists_is_valid(numbers: tuple[int, int]) -> None:
    """Rule 1: no adapter has to look again."""
    with pytest.raises(InvalidToken):
        Token(*numbers)


def test_a_sequencer_a_text_and_a_token_stand_for_it() -> None:
    """Whoever holds a lock hands over what is at hand."""
    sequencer = Sequencer(path="/jobs", shared=False, generation=1, revision=812)
    assert Token.of(sequencer) == Token.of(str(sequencer)) == Token.of(Token(1, 812)) == Token(1, 812)
    for other in (None, 812, b"1.812", (1, 812)):
        with pytest.raises(InvalidToken):
            Token.of(other)  # type: ignore[arg-type]
