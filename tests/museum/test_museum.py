"""Each planted bug is caught, by the checker that should, and by nothing when it is not planted.  [SAFETY 30; STYLE 3]

A bug that nothing catches is a hole in the simulator.
"""

import re
import statistics

import pytest

from gaios.sim.museum import Exhibit, catches, replay
from gaios.sim.museum.exhibits import EXHIBITS, pins
from tests.tidy.test_citations import SAFETY_RULES

PATIENCE = 25
"""Seeds tried beyond the pinned ones: when the code moves, so do the seeds. Pin anew with `python -m tests.museum`."""
WITHOUT = {
    29: "it is about configurations of the model",
    30: "it is about checks; the museum is what it asks for",
}
"""Rules that no exhibit breaks, and why."""


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_a_planted_bug_is_caught_and_sound_code_is_not_accused(exhibit: Exhibit) -> None:
    pinned = pins().get(exhibit.name, [])
    for seed in [*pinned, *(seed for seed in range(PATIENCE) if seed not in pinned)]:
        if catches(exhibit, replay(exhibit, seed)):
            assert not replay(exhibit, seed, planted=False).violations
            return
    pytest.fail(f"{exhibit.name}: nothing caught it in {PATIENCE} seeds")


def test_every_rule_has_its_exhibit() -> None:
    broken = {int(number) for exhibit in EXHIBITS if exhibit.rule.startswith("SAFETY ") for number in re.findall(r"\d+", exhibit.rule)}
    assert set(range(1, SAFETY_RULES + 1)) - broken == WITHOUT.keys()


def test_bugs_are_caught_within_few_seeds() -> None:
    assert statistics.median(min(seeds) + 1 for seeds in pins().values()) <= 50
