"""Each bug that simulated cells meet too seldom is caught by its own test, which passes without it.  [SAFETY 30; STYLE 3]"""

import pytest

from gaios.errors import Error
from tests.museum.rare import RARE, Rare


@pytest.mark.parametrize("rare", RARE, ids=lambda rare: rare.name)
def test_a_rare_bug_is_caught_by_its_own_test(rare: Rare) -> None:
    rare.test(**rare.arguments)
    with rare.plant(), pytest.raises((AssertionError, Error, LookupError, pytest.fail.Exception)):
        rare.test(**rare.arguments)
