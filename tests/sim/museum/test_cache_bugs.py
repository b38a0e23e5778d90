"""Each bug of this layer is there while it is planted, and gone afterwards; that it is caught, tests/museum shows."""

import pytest

from gaios.sim.museum import Exhibit
from gaios.sim.museum.cache_bugs import CACHED, EXHIBITS, SILENT
from gaios.sim.run import RunOptions, run
from tests.sim.museum.planted import differs


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_the_code_differs_while_the_bug_is_planted(exhibit: Exhibit) -> None:
    assert exhibit.layer in {"locks", "client"}
    assert differs(exhibit)


@pytest.mark.parametrize("seed", range(2))
def test_clients_that_acknowledge_nothing_do_no_harm(seed: int) -> None:
    """[SAFETY 24] No change waits for them longer than a lease, and what they carry out they need not acknowledge."""
    with SILENT():
        assert run(seed, RunOptions(plan=CACHED)).violations == []
