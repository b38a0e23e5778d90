"""Claims about rot: what it leaves is enough."""

from gaios.sim import RunOptions, run
from gaios.sim.scenario import load

KINDS = {
    "a record's payload rotted",
    "a record's header rotted",
    "a record was lost without a trace",
    "a record was written to another's place",
    "a snapshot rotted",
    "a damaged snapshot was fetched again",
    "a replica started without some of what it accepted",
    "rot was found while a replica ran",
}


def test_everything_rots_and_nothing_is_lost() -> None:
    """[SAFETY 6, 7, 15] Every kind of it, at rest and at starts; no checker has anything to say."""
    seen: set[str] = set()
    for seed in range(1, 17):
        if seed > 4 and seen >= KINDS:
            return
        report = run(seed, RunOptions(plan=load("rot").change))
        assert not report.violations, f"gaios sim --scenario rot --seed {seed}: {report.violations[0]}"
        seen |= set(report.sometimes)
    assert seen >= KINDS
