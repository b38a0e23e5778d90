"""A voter comes back to a cell in which all the others are others.  [SAFETY 3, 8, 18]"""

import pytest

from gaios.sim import RunOptions, run
from gaios.sim.scenario import load

NOBODY = "a voter came back to a cell in which it knew nobody"
OLDER = "an older directory was put back where all others had been replaced"
STOPPED = "a replica without its state stopped: StateLost"


@pytest.mark.parametrize(("seed", "what"), [(0, OLDER), (1, NOBODY)])
def test_whoever_comes_back_is_told_and_an_older_copy_stays_out(seed: int, what: str) -> None:
    report = run(seed, RunOptions(plan=load("left-behind").change))
    assert report.violations == []
    assert report.sometimes[what] == 1
    assert (report.sometimes.get(STOPPED, 0) > 0) == (what == OLDER)
    assert report.sometimes["a new member's machine was set up"] >= 4


def test_whoever_is_still_away_when_faults_end_is_started_once() -> None:
    """Everybody who is down is started then; the last of the others may be replaced only afterwards."""
    report = run(31_023, RunOptions(plan=load("left-behind").change))
    assert report.violations == []
    assert not {NOBODY, OLDER} & report.sometimes.keys()


def test_whoever_was_removed_meanwhile_is_told_so_by_the_one_that_stayed() -> None:
    """Of the four that it knew: its boot is never registered, and links lose much."""
    report = run(0, RunOptions(plan=load("removed-meanwhile").change))
    assert report.violations == []
    assert report.sometimes["a voter came back to a cell in which it knew too few"] == 1
    assert report.sometimes["a removed member was told that it may go"] >= 1
