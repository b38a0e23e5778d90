"""Claims about the feature level."""

import pytest

from gaios.errors import TooOld
from gaios.log.feature import FIRST, LEVEL, LEVEL_END, check


def test_what_is_supported_goes_on() -> None:
    """The level itself, and all below."""
    for level in (FIRST, LEVEL):
        check(level, LEVEL, "slot 7")
    assert FIRST <= LEVEL < LEVEL_END


def test_what_is_not_supported_says_what_to_do() -> None:
    """What it met, what it knows, and the way out."""
    with pytest.raises(TooOld, match=r"slot 7: it has feature level 3, and this version supports levels up to 2; .*install the newer one"):
        check(3, 2, "slot 7")
