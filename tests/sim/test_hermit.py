"""An older copy from when it was alone stays out, however often it was started.  [SAFETY 3, 8]"""

from gaios.sim import RunOptions, run
from gaios.sim.scenario import load


def test_it_serves_while_it_is_alone_and_stops_once_it_is_reached() -> None:
    report = run(0, RunOptions(plan=load("hermits").change))
    assert report.violations == []
    assert report.sometimes["an older copy from when it was alone met the others"] == 1
    assert report.sometimes["a master was elected"] >= 20, "most of them by itself"
    assert report.sometimes["a replica without its state stopped: StateLost"] >= 1
