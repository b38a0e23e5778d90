"""Each bug of this layer is there while it is planted, and gone afterwards; that it is caught, tests/museum shows."""

import pytest

from gaios.sim.museum import Exhibit
from gaios.sim.museum.member_bugs import EXHIBITS
from tests.sim.museum.planted import differs


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_the_code_differs_while_the_bug_is_planted(exhibit: Exhibit) -> None:
    assert exhibit.layer in {"log", "paxos"}
    assert differs(exhibit)
