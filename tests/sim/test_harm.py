"""What is called damaged is compared with what rot left.  [SAFETY 7, 15, 30]"""

import pytest

from gaios.sim.disk import Disk
from gaios.sim.faults import S
from gaios.sim.harm import NAME, Harm
from gaios.sim.observations import Observations
from gaios.storage import Create, Damage, Piece, Place, Problem, Sync, SyncDirectory, Write
from tests.sim.test_disk import disk_of
from tests.sim.test_seat import quiet

FILE = "wal/00000002.wal"


def harmed(*offsets: int) -> tuple[Harm, Observations, Disk]:
    """One segment of a thousand bytes, of which these rotted."""
    world, disk = disk_of(0)
    for operation in (Create(FILE, 0), Write(FILE, 0, bytes(1_000)), Sync(FILE), SyncDirectory("wal")):
        disk.execute(operation)
    for offset in offsets:
        disk.damage(FILE, offset, 4)
    seen = Observations()
    return Harm(world, seen, 1, disk), seen, disk


@pytest.mark.parametrize(
    ("place", "is_real"),
    [
        (Place(2, 500, 501), True),
        (Place(2, 100, 900), True),
        (Place(2, 501, 900), False),
        (Place(2, 100, 500), False),
        (Place(1, 500, 501), False),
        (Place(2, 400, 400), True),
        (Place(2, 501, 501), False),
    ],
)
def test_a_place_has_a_rotten_byte_or_is_a_finding(place: Place, *, is_real: bool) -> None:
    """Where nothing stands that should, a place has no length, and what rotted stands behind it."""
    for told in ("scrub", "start"):
        harm, seen, _ = harmed(500)
        if told == "scrub":
            piece = Piece(10, place)
            assert harm.scrubbed(piece) is piece
        else:
            harm.started([Damage(*place, "record", "", 0)])
        assert [each.property for each in seen.broken] == ([] if is_real else [NAME]), told


def test_what_was_written_anew_is_damaged_no_more() -> None:
    """But not when it was read, and written back as it was."""
    harm, seen, disk = harmed(500)
    disk.execute(Write(FILE, 400, disk.read(FILE, 400, 200)))
    disk.execute(Sync(FILE))
    harm.in_log("run", [Place(2, 500, 501)])
    assert not seen.broken
    disk.execute(Write(FILE, 400, bytes(200)))
    disk.execute(Sync(FILE))
    harm.in_log("run", [Place(2, 500, 501)])
    assert [each.property for each in seen.broken] == [NAME]


def test_a_file_that_was_given_up_since_says_nothing() -> None:
    harm, seen, _ = harmed()
    harm.in_log("run", [Place(7, 0, 10)], may_be_gone=True)
    assert not seen.broken
    harm.in_log("start", [Place(7, 0, 0)])
    assert seen.broken


def test_a_snapshot_and_a_copy_are_judged_whole() -> None:
    """A copy that was cut short is known from the start."""
    problem = Problem("promise-1", 12, "copy", "")
    for found in (problem, problem._replace(file="snap/9.snap")):
        harm, seen, _ = harmed()
        harm.scrubbed(Piece(80, found))
        assert [each.property for each in seen.broken] == [NAME]
    harm, seen, _ = harmed()
    harm.started([problem])
    harm.scrubbed(Piece(80, problem))
    assert not seen.broken
    assert harm.scrubbed(None) is None


def test_what_rotted_of_files_that_were_put_back_is_not_known() -> None:
    harm, seen, disk = harmed(500)
    disk.put_back({FILE: disk.read(FILE, 0, 1_000)})
    harm.in_log("start", [Place(2, 10, 20)])
    assert not seen.broken


def test_a_simulated_replica_that_scrubs_is_judged() -> None:
    """The scrub is the production one, which finds what a bit of rot did; one that invents damage is found out."""
    cell = quiet()
    cell.world.run(S)
    seat = cell.seats[1]
    seat._disk_done(seat.life, "scrubbed", lambda: Piece(80, Place(1, 0, 1 << 20)))
    assert [each.property for each in cell.observations.broken] == [NAME]
