"""Claims about rot: what it leaves is enough."""

from msgspec.structs import replace

from gaios.log import RecordKind
from gaios.sim import RunOptions, run
from gaios.sim.faults import MS, S
from gaios.sim.plan import Plan
from gaios.sim.rot import _over_others
from gaios.sim.scenario import load
from gaios.storage.record import Header

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


def test_ends_blocks_and_files_of_segments_are_lost_and_nothing_else() -> None:
    """[SAFETY 6, 7, 15] Of many records at once nothing is left; no checker has anything to say."""

    def lossy(plan: Plan) -> Plan:
        rot = load("rot").change(plan)
        faults = replace(rot.faults, disk=replace(rot.faults.disk, rot_every_ns=20 * MS, rot_far=0.5))
        return replace(rot, faults=faults, operations=200, safety_ns=8 * S, segment_bytes=2_048)

    report = run(5, RunOptions(plan=lossy))
    assert not report.violations
    assert set(report.sometimes) >= {"the rest of a segment read as zeros", "a block read as zeros", "a segment's file was lost"}


def test_rot_may_choose_what_was_voted_for_over_another_value() -> None:
    """The newest record of a slot, where an older one is of an older ballot; only among those that may rot."""

    def header(kind: int, slot: int, ballot: int) -> Header:
        return Header(b"", 1, kind, 0, slot, ballot, 0, 0, 1, 0, 0, 0, 0, 0)

    accept, chosen = int(RecordKind.ACCEPT), int(RecordKind.CHOSEN)
    log = [
        header(accept, 1, 5),
        header(accept, 2, 5),
        header(chosen, 1, 9),
        header(accept, 1, 6),
        header(accept, 2, 5),
        header(accept, 1, 7),
    ]
    assert _over_others(log, range(6)) == [5]
    assert _over_others(log, range(5)) == []
