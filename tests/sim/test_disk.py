"""The simulated disk keeps exactly what a real one promises, and loses everything else sometimes."""

from functools import partial

import pytest

from gaios.sim.dice import Dice
from gaios.sim.disk import Disk
from gaios.sim.faults import DiskFaults
from gaios.sim.file import SECTOR_BYTES
from gaios.sim.world import World
from gaios.storage.words import Create, Remove, Rename, Sync, SyncDirectory, Write

OLD = b"o" * 1_300
NEW = b"n" * 1_300


def disk_of(seed: int, faults: DiskFaults | None = None) -> tuple[World, Disk]:
    """A disk with one durable file of old bytes."""
    world = World(seed)
    disk = Disk(world, world.dice.split("disk"), faults or DiskFaults(), "1")
    for operation in (Create("wal/a", 1_300), SyncDirectory("wal"), Write("wal/a", 0, OLD), Sync("wal/a")):
        disk.execute(operation)
    return world, disk


def test_synced_bytes_survive_every_power_cut() -> None:
    for seed in range(50):
        _, disk = disk_of(seed)
        disk.power_cut()
        assert disk.read("wal/a", 0, 2_000) == OLD


def test_an_unsynced_write_is_lost_kept_or_torn_at_sectors() -> None:
    """Any subset of a write's sectors, each whole: no more, and over many seeds no less."""
    subsets = set()
    for seed in range(300):
        _, disk = disk_of(seed)
        disk.execute(Write("wal/a", 100, NEW[:1_100]))
        assert disk.read("wal/a", 0, 1_300) == OLD[:100] + NEW[:1_100] + OLD[1_200:]
        disk.power_cut()
        found = disk.read("wal/a", 0, 1_300)
        survived = 0
        for number, (start, end) in enumerate(((100, SECTOR_BYTES), (SECTOR_BYTES, 2 * SECTOR_BYTES), (2 * SECTOR_BYTES, 1_200))):
            assert found[start:end] in {OLD[start:end], NEW[start:end]}
            survived |= (found[start:end] == NEW[start:end]) << number
        assert found[:100] == OLD[:100]
        assert found[1_200:] == OLD[1_200:]
        subsets.add(survived)
    assert subsets == set(range(8))


def test_later_writes_may_survive_earlier_ones() -> None:
    """A disk reorders: that the second of two un-synced writes is there says nothing of the first."""
    outcomes = set()
    for seed in range(100):
        _, disk = disk_of(seed)
        disk.execute(Write("wal/a", 0, NEW[:512]))
        disk.execute(Write("wal/a", 512, NEW[:512]))
        disk.power_cut()
        outcomes.add((disk.read("wal/a", 0, 1), disk.read("wal/a", 512, 1)))
    assert outcomes == {(b"o", b"o"), (b"o", b"n"), (b"n", b"o"), (b"n", b"n")}


def test_a_killed_process_leaves_the_page_cache_behind() -> None:
    for seed in range(20):
        _, disk = disk_of(seed)
        disk.execute(Write("wal/a", 0, NEW))
        disk.kill()
        assert disk.read("wal/a", 0, 2_000) == NEW


def test_a_name_is_durable_only_after_its_own_directory_was_synced() -> None:
    """A file whose bytes were synced may still have no name, or its old one."""
    seen = set()
    for seed in range(100):
        _, disk = disk_of(seed)
        for operation in (Create("wal/b.new", 10), Sync("wal/b.new"), Rename("wal/b.new", "wal/b"), SyncDirectory(""), Remove("wal/a")):
            disk.execute(operation)
        assert disk.names() == ["wal/b"]
        disk.power_cut()
        seen.add(tuple(disk.names()))
    assert {(), ("wal/a",), ("wal/b",), ("wal/a", "wal/b"), ("wal/b.new",)} <= seen
    assert ("wal/a",) in seen
    for seed in range(30):
        _, disk = disk_of(seed)
        for operation in (Create("wal/b.new", 10), Sync("wal/b.new"), Rename("wal/b.new", "wal/b"), SyncDirectory("wal")):
            disk.execute(operation)
        disk.power_cut()
        assert disk.names() == ["wal/a", "wal/b"]
        assert disk.size("wal/b") == 10


def test_an_existing_file_cannot_be_created() -> None:
    _, disk = disk_of(0)
    with pytest.raises(FileExistsError):
        disk.execute(Create("wal/a", 1))


def test_a_crash_falls_between_any_two_operations() -> None:
    """The second half of a batch must not have happened when its first half was cut off."""
    executed: set[int] = set()
    batch = [Write("wal/a", at, b"n") for at in range(0, 1_300, 512)] + [Sync("wal/a")]
    for seed in range(200):
        world, disk = disk_of(seed, DiskFaults(crash_point=1.0))
        disk.on_crash_point = disk.kill
        disk.submit(batch, lambda: executed.add(-1), lambda: executed.add(-2))
        world.run(10**9)
        executed.add(sum(disk.read("wal/a", at, 1) == b"n" for at in range(0, 1_300, 512)))
        assert world.sometimes["a crash fell between two disk operations"] == 1
    assert executed == {0, 1, 2, 3}


def test_a_failed_sync_ends_the_batch_and_keeps_nothing_for_sure() -> None:
    outcomes = set()
    for seed in range(60):
        world, disk = disk_of(seed, DiskFaults(failing=1.0))
        reported: list[str] = []
        done, failed = partial(reported.append, "done"), partial(reported.append, "failed")
        disk.submit([Write("wal/a", 0, b"n"), Sync("wal/a"), Remove("wal/a")], done, failed)
        world.run(10**9)
        assert reported == ["failed"]
        assert disk.names() == ["wal/a"]
        disk.power_cut()
        outcomes.add(disk.read("wal/a", 0, 1))
    assert outcomes == {b"o", b"n"}


def test_the_first_failure_of_any_operation_ends_the_batch() -> None:
    """A full disk refuses to create or write: what was written of it may be there."""
    left = set()
    for seed in range(200):
        world, disk = disk_of(seed, DiskFaults(failing=1.0))
        reported: list[str] = []
        done, failed = partial(reported.append, "done"), partial(reported.append, "failed")
        disk.submit([Create("wal/b", 512), Rename("wal/b", "wal/c")], done, failed)
        world.run(10**9)
        left.add((*reported, *disk.names()))
    assert left == {("done", "wal/a", "wal/c"), ("failed", "wal/a"), ("failed", "wal/a", "wal/b")}


def test_a_disk_that_hangs_goes_on_when_it_is_told_to() -> None:
    world, disk = disk_of(1)
    disk.stand_still(10**12)
    reported: list[int] = []
    disk.submit([Write("wal/a", 0, b"n"), Sync("wal/a")], lambda: reported.append(world.now_ns), lambda: None)
    world.run(10**9)
    assert not reported
    disk.go_on()
    world.run(2 * 10**9)
    assert reported
    assert bytes(disk.durable().read("wal/a", 0, 1)) == b"n"


def test_a_suspended_disk_does_later_what_it_was_doing() -> None:
    world, disk = disk_of(1)
    reported: list[int] = []
    disk.submit([Write("wal/a", 0, b"n"), Sync("wal/a")], lambda: reported.append(world.now_ns), lambda: None)
    disk.stand_still(5 * 10**9)
    world.run(4 * 10**9)
    assert disk.durable().read("wal/a", 0, 1) == b"o"
    world.run(6 * 10**9)
    assert [at > 5 * 10**9 for at in reported] == [True]


def test_three_batches_run_side_by_side() -> None:
    world, disk = disk_of(1)
    order: list[str] = []
    disk.submit([Create("wal/b", 10), Sync("wal/b"), Sync("wal/b"), Sync("wal/b")], lambda: order.append("aside"), lambda: None)
    disk.submit([Write("wal/a", 0, b"n"), Sync("wal/a")], lambda: order.append("batch"), lambda: None)
    disk.submit([Create("snap/c", 10), Sync("snap/c")], lambda: order.append("another"), lambda: None)
    with pytest.raises(AssertionError):
        disk.submit([], lambda: None, lambda: None)
    world.run(10**9)
    assert sorted(order) == ["another", "aside", "batch"]
    assert order.index("batch") < order.index("aside")


def test_dice_are_their_own() -> None:
    """A disk that throws more dice must not change what the network does."""
    first, second = Dice(3), Dice(3)
    first.split("disk").below(6)
    assert [first.split("network").below(100) for _ in range(5)] == [second.split("network").below(100) for _ in range(5)]


def test_a_file_that_is_created_under_a_taken_name_is_told_and_ends_its_batch() -> None:
    """A real disk refuses it: whoever asks for it has a bug, and no fault explains it."""
    world, disk = disk_of(1)
    told: list[str] = []
    ended: list[str] = []
    disk.on_refusal = lambda error: told.append(str(error))
    disk.submit([Create("wal/a", 10), Create("wal/b", 10)], partial(ended.append, "done"), partial(ended.append, "failed"))
    world.run(10**9)
    assert (told, ended) == (["wal/a"], ["failed"])
    assert disk.read("wal/a", 0, 2_000) == OLD
    assert "wal/b" not in disk.names()


def test_a_file_that_is_removed_and_is_not_there_is_told_and_ends_its_batch() -> None:
    world, disk = disk_of(1)
    told: list[str] = []
    ended: list[str] = []
    disk.on_refusal = lambda error: told.append(str(error))
    disk.submit([Remove("wal/b"), Remove("wal/a")], partial(ended.append, "done"), partial(ended.append, "failed"))
    world.run(10**9)
    assert (told, ended) == (["wal/b"], ["failed"])
    assert disk.names() == ["wal/a"]


def test_a_file_that_rot_took_is_gone_for_good() -> None:
    """Whatever was done with its name, and not synced; who calls it damaged is right."""
    _, disk = disk_of(1)
    disk.execute(Rename("wal/a", "wal/b"))
    assert not disk.may_be_rotten("wal/a", 0, 1)
    disk.lose_file("wal/a")
    disk.lose_file("wal/b")
    disk.power_cut()
    assert disk.names() == disk.durable().names() == []
    assert disk.has_rotted
    assert disk.may_be_rotten("wal/a", 0, 1)


def test_a_full_disk_has_no_room_for_a_new_file() -> None:
    """Whoever makes one beside the log is told so; what is there is written as ever."""
    world, disk = disk_of(1)
    ended: list[str] = []
    disk.is_full = True
    disk.submit([Create("wal/b", 10)], partial(ended.append, "done"), partial(ended.append, "failed"), partial(ended.append, "no room"))
    disk.submit([Write("wal/a", 0, b"new"), Sync("wal/a")], partial(ended.append, "written"), partial(ended.append, "failed"))
    world.run(10**9)
    assert sorted(ended) == ["no room", "written"]
    assert "wal/b" not in disk.names()
    disk.is_full = False
    disk.submit([Create("wal/b", 10)], partial(ended.append, "done"), partial(ended.append, "failed"), partial(ended.append, "no room"))
    world.run(2 * 10**9)
    assert ended[-1] == "done"


def test_a_batch_of_the_log_that_makes_a_file_on_a_full_disk_is_told() -> None:
    """It may not fail for that: whoever lets it has a bug.  [SAFETY 28]"""
    world, disk = disk_of(1)
    told: list[OSError] = []
    ended: list[str] = []
    disk.is_full, disk.on_refusal = True, told.append
    disk.submit([Create("wal/b", 10)], partial(ended.append, "done"), partial(ended.append, "failed"))
    world.run(10**9)
    assert len(told) == 1
    assert ended == ["failed"]


def test_a_disk_that_drags_takes_longer_for_each_sync() -> None:
    world, disk = disk_of(1)
    ended: list[int] = []
    disk.drag_ns = 10**8
    disk.submit([Sync("wal/a")] * 20, lambda: ended.append(world.now_ns), lambda: None)
    world.run(10**11)
    assert ended[0] > 5 * 10**8
    assert disk.is_ill


def test_what_is_removed_and_still_named_on_the_disk_may_rot() -> None:
    """Its name is gone from the cache alone. Rot struck such a snapshot, and the run ended in an exception."""
    _, disk = disk_of(0)
    disk.execute(Remove("wal/a"))
    assert disk.names() == []
    disk.damage("wal/a", 3, 1)
    assert disk.durable().read("wal/a", 0, 1_300) == OLD[:3] + bytes([OLD[3] ^ 1]) + OLD[4:]
