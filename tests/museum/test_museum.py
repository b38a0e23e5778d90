"""Each planted bug is caught, by the checker that should, and by nothing when it is not planted.  [SAFETY 30; STYLE 3]

A bug that nothing catches is a hole in the simulator.
"""

import re
import statistics

import pytest

from gaios.sim.museum import Exhibit, catches, replay
from gaios.sim.museum.exhibits import EXHIBITS, pins
from tests.tidy.tree import DOCS, read

PATIENCE = 25
"""Seeds tried beyond the pinned ones: when the code moves, so do the seeds. Pin anew with `python -m tests.museum`."""
WITHOUT = {
    30: "it is about checks; the museum is what it asks for",
}
"""Rules of the cell that no exhibit breaks, and why."""


def rules_of_the_cell() -> set[int]:
    """The numbers of SAFETY's rules whose last words say *cell*."""
    parts = re.split(r"^(\d+)\. (?=\*\*)", read(DOCS / "safety.md"), flags=re.MULTILINE)[1:]
    rules = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    return {number for number, rule in rules.items() if (last := re.findall(r"\(([^()]*)\)", rule)) and "cell" in last[-1]}


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_a_planted_bug_is_caught_and_sound_code_is_not_accused(exhibit: Exhibit) -> None:
    pinned = pins().get(exhibit.name, [])
    for seed in [*pinned, *(seed for seed in range(PATIENCE) if seed not in pinned)]:
        if catches(exhibit, replay(exhibit, seed)):
            assert not replay(exhibit, seed, planted=False).violations
            return
    pytest.fail(f"{exhibit.name}: nothing caught it in {PATIENCE} seeds")


def test_every_rule_of_the_cell_has_its_exhibit() -> None:
    rules = rules_of_the_cell()
    assert {5, 10, 13, 19} <= rules, "the text was read"
    broken = {int(number) for exhibit in EXHIBITS if exhibit.rule.startswith("SAFETY ") for number in re.findall(r"\d+", exhibit.rule)}
    assert rules - broken == WITHOUT.keys() & rules


def test_bugs_are_caught_within_few_seeds() -> None:
    assert statistics.median(min(seeds) + 1 for seeds in pins().values()) <= 50
