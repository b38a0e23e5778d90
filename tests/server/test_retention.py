"""What stays of snapshots and log: what a start may need, what policy says, and nothing for what is not proved."""

from gaios.log import Options
from gaios.log.snapshots import Handle
from gaios.server.loading import Kept
from gaios.server.retention import settle

HOUR_MS = 3_600_000


def kept(*slots: int) -> list[Kept]:
    """Each of 100 bytes, an hour a slot apart."""
    return [Kept(Handle(1, bytes(16), slot, 0, bytes(16), 1, slot * HOUR_MS, 10, bytes(32)), 100) for slot in slots]


def settled(slots: list[int], proved: set[int], *, through: int = 0, bytes_max: int = 1, full: bool = False) -> tuple[int, list[int]]:
    options = Options(keep_bytes=bytes_max, keep_hours=10)
    return settle(kept(*slots), proved.__contains__, options, 20 * HOUR_MS, through, 1_000, is_full=full)


def test_two_that_are_proved_stay_and_the_log_above_the_older() -> None:
    assert settled([16, 17, 18], {16, 17, 18}) == (17, [16])
    assert settled([16, 17], {16, 17}) == (16, [])


def test_what_policy_keeps_stays_unless_the_disk_is_full() -> None:
    assert settled([16, 17, 18], {16, 17, 18}, bytes_max=1 << 20) == (0, [])
    assert settled([16, 17, 18], {16, 17, 18}, bytes_max=1 << 20, full=True) == (17, [16])
    assert settled([3, 17, 18], {3, 17, 18}, bytes_max=1 << 20) == (3, [3])


def test_nothing_goes_for_what_is_not_proved() -> None:
    """[SAFETY 26] However full the disk is; and the newest of it stay, for they may be proved yet."""
    assert settled([15, 16, 17, 18], {15}, through=15, full=True) == (15, [16])
    assert settled([16, 17, 18], set(), full=True) == (0, [16])


def test_what_is_older_than_enough_that_is_proved_goes() -> None:
    assert settled([14, 15, 16, 17], {14, 16}, bytes_max=1 << 20) == (0, [15])
    assert settled([15, 16, 17], {16}, bytes_max=1 << 20) == (0, [])


def test_what_the_log_begins_behind_stays_without_a_proof() -> None:
    """A start needs it."""
    assert settled([10, 15, 16, 17], set(), through=10) == (10, [15])
