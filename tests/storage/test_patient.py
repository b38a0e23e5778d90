"""Claims about a disk that does not give some of its bytes back, and what a start makes of that.  [SAFETY 7, 15]"""

import errno
import os
from pathlib import Path

import pytest

from gaios.errors import DiskFailed, StateDamaged
from gaios.storage import (
    STATE,
    UNREADABLE,
    Create,
    Journal,
    Problem,
    Record,
    Recovered,
    Write,
    create,
    patient,
    scrub_copies,
    scrub_segment,
)
from gaios.storage.copies import NAMES, Copy, load
from gaios.storage.disk import Directory, Disk, verify_directory
from gaios.storage.patient import FAILURES_MAX, Patient
from gaios.storage.record import HEADER_BYTES
from gaios.storage.segment import OPENING_BYTES, SEGMENT_BYTES_MIN, name
from tests.storage.memory import ME, Memory

BLOCK_BYTES = 64
KIND = 5


class Bad(Memory):
    """What stands in `gone` cannot be read; where something is written it can be again."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: dict[str, list[tuple[int, int]]] = {}

    def read(self, name: str, offset: int, length: int) -> bytes:
        if any(start < offset + length and offset < end for start, end in self.gone.get(name, ())):
            raise StateDamaged(file=name, offset=offset, kind=UNREADABLE, detail="the disk does not give it back")
        return super().read(name, offset, length)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many of them in a small file."""
    monkeypatch.setattr(patient, "BLOCK_BYTES", BLOCK_BYTES)


def state() -> Record:
    return Record(STATE, 0, 0, b"state")


def disk_with(batches: int) -> Bad:
    """A log of one slot a batch, in several segments."""
    disk = Bad()
    disk.execute(create(ME, b"copies", state(), segment_bytes=SEGMENT_BYTES_MIN))
    journal = start(disk)[0]
    for number in range(1, batches + 1):
        disk.execute(journal.batch(None, [Record(KIND, number, 7, bytes([number]) * 100)], state))
    disk.execute(journal.close())
    return disk


def start(disk: Memory) -> tuple[Journal, Recovered]:
    journal, found = Journal.open(ME, disk, segment_bytes=SEGMENT_BYTES_MIN, indexed={KIND})
    disk.execute(found.operations)
    return journal, found


def slots(found: Recovered) -> list[int]:
    return [record.slot for record in found.records if record.kind == KIND]


def test_what_can_be_read_is_and_the_rest_is_named() -> None:
    """In its place stands what is neither a file's end nor a record."""
    disk = Bad()
    disk.execute([Create("file", 1_000), Write("file", 0, b"a" * 1_000)])
    disk.gone["file"] = [(130, 140)]
    reader = Patient(disk)
    data = reader.read("file", 10, 5_000)
    assert len(data) == 990
    assert data[:118] + data[182:] == b"a" * (118 + 808)
    assert 0 not in data
    assert reader.gaps == {"file": [(128, 192)]}
    assert reader.misses("file", 191, 200)
    assert not reader.misses("file", 192, 200)
    assert not reader.misses("another", 128, 192)


def test_a_disk_that_gives_nothing_back_is_not_asked_for_ever() -> None:
    """Each attempt may take seconds."""
    disk = Bad()
    disk.execute([Create("file", 2 * FAILURES_MAX * BLOCK_BYTES)])
    disk.gone["file"] = [(0, FAILURES_MAX * BLOCK_BYTES)]
    reader = Patient(disk)
    assert len(reader.read("file", 0, 1 << 20)) == 2 * FAILURES_MAX * BLOCK_BYTES
    assert len(reader.gaps["file"]) == FAILURES_MAX + 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_start_goes_around_a_sector_that_cannot_be_read(number: int) -> None:
    """All else is read, and what is lost is damage that is repaired as any other is."""
    disk = disk_with(20)
    whole = slots(start(disk)[1])
    disk.gone[name(number)] = [(OPENING_BYTES + 240, OPENING_BYTES + 241)]
    journal, found = start(disk)
    assert 0 < len(whole) - len(slots(found)) <= 2
    assert {damage.kind for damage in found.damaged} == {UNREADABLE}
    assert sum(damage.lost for damage in found.damaged) >= len(whole) - len(slots(found))
    places = [piece.damage for piece in scrub_segment(disk, ME, number) if piece.damage is not None]
    assert [place for place in places if not isinstance(place, Problem)] == [damage.place for damage in found.damaged]
    disk.execute(journal.batch(None, [Record(KIND, 99, 7, b"more")], state))
    assert slots(start(disk)[1])[-1] == 99


def test_an_opening_that_cannot_be_read_is_gone_around() -> None:
    """The segment goes on behind it."""
    disk = disk_with(20)
    disk.gone[name(2)] = [(0, 1)]
    found = start(disk)[1]
    assert {damage.kind for damage in found.damaged} == {UNREADABLE}
    assert slots(found)[-1] == 20


def test_an_end_that_cannot_be_read_is_a_failed_disk_and_is_never_cut() -> None:
    """It may have been acknowledged: what would pass for an unfinished write, were it zeros, may be there tomorrow."""
    disk = disk_with(20)
    journal, found = start(disk)
    disk.execute(journal.batch(None, [Record(KIND, 21, 7, b"acknowledged")], state))
    place = journal.locate(KIND, 21)
    assert place is not None
    before = {file: bytes(each.current) for file, each in disk.files.items()}
    disk.gone[place.file] = [(place.offset, place.offset + 1)]
    with pytest.raises(DiskFailed, match=place.file):
        Journal.open(ME, disk, segment_bytes=SEGMENT_BYTES_MIN)
    assert {file: bytes(each.current) for file, each in disk.files.items()} == before
    disk.gone.clear()
    found = start(disk)[1]
    assert slots(found)[-1] == 21


@pytest.mark.parametrize("spoilt", ["header", "payload"])
def test_what_rotted_before_an_end_that_cannot_be_read_is_never_cut(spoilt: str) -> None:
    """What would prove that it was synced is what the disk does not give back."""
    disk = disk_with(12)
    journal, _ = start(disk)
    for number in (13, 14, 15):
        disk.execute(journal.batch(None, [Record(KIND, number, 7, b"acknowledged" * 3)], state))
    rotten, unreadable = journal.locate(KIND, 13), journal.locate(KIND, 14)
    assert rotten is not None
    assert unreadable is not None
    disk.files[rotten.file].current[rotten.offset + (4 if spoilt == "header" else HEADER_BYTES + 8)] ^= 255
    disk.gone[unreadable.file] = [(unreadable.offset, disk.size(unreadable.file))]
    with pytest.raises(DiskFailed, match=rotten.file):
        Journal.open(ME, disk, segment_bytes=SEGMENT_BYTES_MIN)
    disk.gone.clear()
    found = start(disk)[1]
    assert slots(found)[-2:] == [14, 15]


def test_what_cannot_be_read_where_nothing_was_written_yet_stops_no_start() -> None:
    """An end of zeros is one, whatever stands far behind it."""
    disk = disk_with(17)
    journal, _ = start(disk)
    place = journal.locate(KIND, 17)
    assert place is not None
    size = disk.size(place.file)
    disk.gone[place.file] = [(size - 1, size)]
    assert slots(start(disk)[1])[-1] == 17


@pytest.mark.parametrize("which", [0, 1])
def test_a_promise_copy_that_cannot_be_read_is_made_anew(which: int) -> None:
    """As another file: a page that cannot be read cannot be written in part."""
    disk = disk_with(3)
    old = disk.files[NAMES[which]]
    disk.gone[NAMES[which]] = [(0, 1)]
    journal, found = Journal.open(ME, disk, segment_bytes=SEGMENT_BYTES_MIN)
    disk.execute(found.operations)
    disk.gone.clear()
    assert disk.files[NAMES[which]] is not old
    assert all(isinstance(copy, Copy) for copy in load(disk, disk.names()))
    assert [each.kind for each in journal.found] == [UNREADABLE]


def test_a_promise_copy_that_cannot_be_read_while_running_is_made_anew() -> None:
    """The scrub finds it; both at once are made anew one after the other, so that one is whole at any time."""
    disk = disk_with(3)
    journal, _ = start(disk)
    disk.gone = {file: [(0, 1)] for file in NAMES}
    found = [piece.damage for piece in scrub_copies(disk)]
    assert [each.kind for each in found if isinstance(each, Problem)] == [UNREADABLE] * 2
    journal.unreadable.update(NAMES)
    old = dict(disk.files)
    for operation in journal.batch(b"newer", [], state):
        disk.perform(operation)
        assert any(file in disk.files for file in NAMES)
    disk.gone.clear()
    assert not any(disk.files[file] is old[file] for file in NAMES)
    assert [copy.payload for copy in load(disk, disk.names()) if isinstance(copy, Copy)] == [b"newer"] * 2


def test_promise_copies_that_cannot_be_read_are_a_failed_disk() -> None:
    """Their state is not known to be lost."""
    disk = disk_with(3)
    disk.gone = {file: [(0, 1)] for file in NAMES}
    with pytest.raises(DiskFailed, match=NAMES[0]):
        Journal.open(ME, disk)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real one, whose second segment has a bad page."""
    monkeypatch.setattr(patient, "BLOCK_BYTES", 512)
    disk = Disk(tmp_path / "replica-1", create=True)
    disk.execute_now(create(ME, b"copies", state(), segment_bytes=4_096))
    journal, found = Journal.open(ME, disk.reader, segment_bytes=4_096)
    disk.execute_now(found.operations)
    for number in range(1, 100):
        disk.execute_now(journal.batch(None, [Record(KIND, number, 7, bytes(100))], state))
    disk.execute_now(journal.close())
    disk.close()
    bad, pread = (disk.path / name(2)).stat().st_ino, os.pread

    def failing(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad and offset < 1_536 and offset + length > 1_024:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    return disk.path


def test_a_real_disk_that_fails_to_read_is_gone_around(directory: Path) -> None:
    """What the kernel says is told as what it is."""
    reader = Directory(directory)
    with pytest.raises(StateDamaged, match="Input/output error"):
        reader.read(name(2), 0, 4_096)
    found = Journal.open(ME, reader, segment_bytes=4_096)[1]
    assert {damage.kind for damage in found.damaged} == {UNREADABLE}
    assert 90 < len(slots(found)) < 99
    reader.close()
    assert {finding.kind for finding in verify_directory(directory)} == {UNREADABLE}
