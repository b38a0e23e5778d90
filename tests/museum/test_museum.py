"""Each planted bug is caught, by the checker that should, and by nothing when it is not planted.  [SAFETY 30; STYLE 3]

A bug that nothing catches is a hole in the simulator.
"""

import pytest

from gaios.sim.museum import Exhibit, catches, replay
from gaios.sim.museum.exhibits import EXHIBITS, pins

PATIENCE = 25
"""Seeds tried beyond the pinned ones: when the code moves, so do the seeds. Pin anew with `python -m tests.museum`."""
RULES = {
    "acknowledge before sync",
    "promise not persisted",
    "a promise overtakes an earlier record",
    "recovery takes its own value",
    "proposal below the quorum's chosen-through",
    "quorum off by one",
    "own campaign inside one's own grant",
    "no withholding after a restart",
    "a lease check reused for a later read",
    "cached now",
    "exactly-once table ignored",
    "ballot reused after a crash",
}
"""One for each of SAFETY's rules marked *cell* that a test can break."""


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_a_planted_bug_is_caught_and_sound_code_is_not_accused(exhibit: Exhibit) -> None:
    pinned = pins().get(exhibit.name, [])
    for seed in [*pinned, *(seed for seed in range(PATIENCE) if seed not in pinned)]:
        if catches(exhibit, replay(exhibit, seed)):
            assert not replay(exhibit, seed, planted=False).violations
            return
    pytest.fail(f"{exhibit.name}: nothing caught it in {PATIENCE} seeds")


def test_the_rules_of_the_cell_have_their_exhibits() -> None:
    assert not RULES - {exhibit.name for exhibit in EXHIBITS}
