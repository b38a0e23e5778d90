"""What a read sees, what a sync keeps, and what a failed sync only seems to keep."""

from gaios.sim.file import PAGE_BYTES, File, put

OLD = b"o" * (2 * PAGE_BYTES)


def file_of(data: bytes = OLD) -> File:
    file = File()
    file.write(0, data)
    file.sync()
    return file


def test_a_read_sees_what_was_written_and_a_sync_makes_it_durable() -> None:
    file = file_of()
    file.write(10, b"new")
    assert file.read(8, 7) == b"oonewoo"
    assert bytes(file.durable) == OLD
    file.sync()
    assert file.is_clean
    assert bytes(file.durable[8:15]) == b"oonewoo"


def test_a_write_behind_the_end_makes_it_longer_with_zeros_between() -> None:
    file = file_of(b"abc")
    file.write(5, b"x")
    file.set_size(8)
    assert file.size() == 8
    assert file.read(0, 100) == b"abc\0\0x\0\0"
    file.sync()
    assert bytes(file.durable) == b"abc\0\0x\0\0"


def test_after_a_failed_sync_the_next_one_keeps_nothing_of_it() -> None:
    """The kernel marks the pages clean: reads see them, and nothing ever writes them.  [mission: fsyncgate]"""
    file = file_of()
    file.write(10, b"new")
    file.fail_to_sync()
    assert file.read(8, 7) == b"oonewoo"
    file.sync()
    assert bytes(file.durable) == OLD
    assert not file.is_clean
    told: list[int] = []
    file.lose_cache(lambda offset, _: told.append(offset))
    assert told == [0], "the whole page"
    assert file.read(8, 7) == b"ooooooo"


def test_a_write_into_a_page_that_passes_for_clean_makes_the_whole_page_dirty_again() -> None:
    file = file_of()
    file.write(10, b"new")
    file.write(PAGE_BYTES + 10, b"new")
    file.fail_to_sync()
    file.write(100, b"!")
    file.sync()
    assert bytes(file.durable[8:15]) == b"oonewoo"
    assert bytes(file.durable[PAGE_BYTES:]) == OLD[PAGE_BYTES:]


def test_a_power_cut_asks_about_every_unsynced_write() -> None:
    file = file_of(b"abc")
    file.write(0, b"x")
    file.write(2, b"z")
    file.lose_cache(lambda offset, written: put(file.durable, offset, written) if offset else None)
    assert file.read(0, 3) == b"abz"
    assert file.is_clean


def test_rot_is_known_until_something_else_stands_there() -> None:
    file = file_of()
    file.rot(100, 4)
    assert file.read(100, 1) == bytes([OLD[100] ^ 4])
    assert [file.is_rotten(*where) for where in ((100, 101), (0, 1 << 62), (0, 100), (101, 200))] == [True, True, False, False]
    file.write(90, b"n" * 20)
    assert file.is_rotten(100, 101), "not on the disk yet"
    file.sync()
    assert not file.is_rotten(0, 1 << 62)
