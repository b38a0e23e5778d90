"""The simulated tier carries out every rule that a cell has a use for.  [SAFETY 30]"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from gaios.sim import RunOptions, run
from gaios.trace import check

SEEDS_MAX = 60
UNUSED = {"I-known"}
"""It takes damage that hid a configuration, and a snapshot that covers it."""


def test_simulated_cells_carry_out_every_rule(tmp_path: Path, carried_out: Callable[[str, Mapping[str, int]], None]) -> None:
    """A handful of seeds, and each of them is legal."""
    counts: Counter[str] = Counter()
    for seed in range(SEEDS_MAX):
        directory = str(tmp_path / str(seed))
        if "a directory was rolled back" in run(seed, RunOptions(record=directory)).sometimes:
            continue  # that is no legal start, and the check says so
        report = check([directory])
        assert not report.violations, f"gaios sim --seed {seed} --record DIR; gaios spec trace DIR: {report.violations[0]}"
        counts.update(report.coverage)
        if all(count for rule, count in counts.items() if rule not in UNUSED):
            break
    carried_out("simulated cells", counts)
    assert all(count for rule, count in counts.items() if rule not in UNUSED), counts
