"""The real disk: files, failures, and processes that are killed."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from gaios.errors import ConfigurationError, DirectoryInUse, DiskFailed
from gaios.storage import Create, Journal, Record, Remove, Rename, Sync, SyncDirectory, Write, create
from gaios.storage.disk import DESCRIPTORS_MAX, LOCK, Directory, Disk, held, is_running, verify_directory
from gaios.storage.words import Operation
from tests.storage import child
from tests.storage.child import ME, SEGMENT_BYTES, VALUE

STATE = Record(1, 0, 0, b"state")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "replica-1", create=True)
    yield made
    made.close()


def test_operations_are_carried_out_in_order(disk: Disk) -> None:
    """All kinds, on real files."""
    disk.execute_now(
        [Create("wal/next", 3_000_000), Sync("wal/next"), Rename("wal/next", "wal/1"), SyncDirectory("wal"), SyncDirectory("")]
    )
    disk.execute_now([Write("wal/1", 1, b"abc"), Write("wal/1", 3, b"def"), Sync("wal/1"), Create("other", 0), Remove("other")])
    assert disk.reader.names() == [LOCK, "wal/1"]
    assert disk.reader.size("wal/1") == 3_000_000
    assert disk.reader.read("wal/1", 0, 10) == b"\0abdef\0\0\0\0"
    assert disk.reader.read("wal/1", 2_999_999, 10) == b"\0"


def test_callbacks_come_in_order_from_the_disk_thread(disk: Disk) -> None:
    """The event loop is told, and is never blocked."""
    calls: list[tuple[int, DiskFailed | None]] = []
    for number in range(20):
        disk.execute([Create(f"file-{number}", 1)], lambda failure, number=number: calls.append((number, failure)))  # type: ignore[misc]
    disk.execute_now([])
    assert calls == [(number, None) for number in range(20)]


def test_a_journal_lives_on_it(disk: Disk) -> None:
    """Created, written, closed, opened again."""
    disk.execute_now(create(ME, b"promise", STATE, segment_bytes=1024))
    journal, recovered = Journal.open(ME, disk.reader, segment_bytes=1024)
    disk.execute_now(recovered.operations)
    for slot in range(20):
        disk.execute_now(journal.batch(b"%d" % slot, [Record(VALUE, slot, 1, b"value" * slot)], lambda: STATE))
        disk.execute_now(journal.prepare())
    disk.execute_now(journal.close())
    disk.close()
    reader = Directory(disk.path)
    _, recovered = Journal.open(ME, reader)
    assert [record.slot for record in recovered.records if record.kind == VALUE] == list(range(20))
    assert recovered.copies == b"19"
    reader.close()
    assert verify_directory(disk.path) == []


def test_a_directory_has_one_process(disk: Disk) -> None:
    """Two replicas on one directory would each overwrite what the other promised.  [SAFETY 3]"""
    disk.execute_now(create(ME, b"promise", STATE))
    assert is_running(disk.path)
    with pytest.raises(DirectoryInUse):
        Disk(disk.path)
    with pytest.raises(DirectoryInUse):
        verify_directory(disk.path)
    disk.close()
    assert not is_running(disk.path)
    assert verify_directory(disk.path) == verify_directory(disk.path.parent) == []


def test_a_directory_that_is_being_verified_cannot_be_started_on(tmp_path: Path) -> None:
    """What a starting replica writes would look like damage."""
    Disk(tmp_path, create=True).close()
    with held(tmp_path) as free:
        assert free
        with pytest.raises(DirectoryInUse):
            Disk(tmp_path)
    Disk(tmp_path).close()


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Only explicit creation starts empty.  [SAFETY 2]"""
    with pytest.raises(ConfigurationError):
        Disk(tmp_path / "none")
    assert not is_running(tmp_path / "none")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigurationError):
            verify_directory(path)


def test_verify_says_which_replica(tmp_path: Path) -> None:
    """A cell's directory holds several."""
    for replica in (1, 2, 10):
        disk = Disk(tmp_path / f"replica-{replica}", create=True)
        disk.execute_now(create(ME._replace(member=replica), b"promise", STATE, segment_bytes=1024))
        disk.close()
    for replica in (2, 10):
        (tmp_path / f"replica-{replica}" / "promise-1").unlink()
    assert [(finding.replica, finding.file, finding.kind) for finding in verify_directory(tmp_path)] == [
        (2, "promise-1", "missing"),
        (10, "promise-1", "missing"),
    ]


def test_short_writes_are_continued(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it was given."""
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: pwrite(descriptor, bytes(data)[:7], offset))
    data = bytes(range(256))
    disk.execute_now([Create("file", 0), Write("file", 5, data), Sync("file")])
    assert disk.reader.read("file", 5, 300) == data


def test_a_write_without_progress_is_a_failure(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an endless loop."""
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(DiskFailed, match="no progress"):
        disk.execute_now([Create("file", 0), Write("file", 0, b"data")])


def test_short_reads_are_continued(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may give less than it was asked for."""
    disk.execute_now([Create("file", 0), Write("file", 0, bytes(range(100)))])
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: pread(descriptor, min(length, 7), offset))
    assert disk.reader.read("file", 1, 1000) == bytes(range(1, 100))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("call", ["fdatasync", "fsync", "pwrite", "open"])
def test_the_first_failure_is_the_end(disk: Disk, monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    """After a failed sync the kernel has marked the pages clean: a second one would succeed, and the data would be gone."""
    disk.execute_now([Create("file", 10)])
    real, calls = getattr(os, call), 0

    def fails_once(*arguments: object, **keywords: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **keywords)

    monkeypatch.setattr(os, call, fails_once)
    operations: list[Operation] = [Write("file", 0, b"data"), Sync("file"), SyncDirectory(""), Create("another", 1)]
    with pytest.raises(DiskFailed, match=os.strerror(code)) as first:
        disk.execute_now(operations)
    tried = calls
    with pytest.raises(DiskFailed) as second:
        disk.execute_now([Write("file", 0, b"again"), Sync("file")])
    assert second.value is first.value is disk.failure
    assert calls == tried == 1


def test_a_file_that_was_deleted_is_a_failure(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes and syncs to it go on succeeding, and the next start would find nothing of them."""
    monkeypatch.setattr("gaios.storage.disk.LOOK_S", 0.0)
    disk.execute_now([Create("file", 10), Sync("file")])
    (disk.path / "file").unlink()
    with pytest.raises(DiskFailed, match="deleted"):
        disk.execute_now([Write("file", 0, b"lost"), Sync("file")])


def test_a_file_that_was_deleted_can_be_made_anew(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written then goes to the one that has the name."""
    monkeypatch.setattr("gaios.storage.disk.LOOK_S", 0.0)
    disk.execute_now([Create("one", 8), Write("one", 0, b"before"), Sync("one")])
    (disk.path / "one").unlink()
    disk.execute_now([Create("one", 8), Write("one", 0, b"after"), Sync("one")])
    assert (disk.path / "one").read_bytes() == b"after\0\0\0"


def test_a_mistake_in_an_operation_is_a_failure_too(disk: Disk) -> None:
    """A disk thread that died in silence would leave the replica waiting for ever."""
    with pytest.raises(DiskFailed, match="TypeError"):
        disk.execute_now([Create("file", "long")])  # type: ignore[arg-type]
    assert disk.failure is not None


def test_a_spare_segment_is_made_beside_the_batches(disk: Disk) -> None:
    """And its failure is the disk's."""
    answers: SimpleQueue[DiskFailed | str | None] = SimpleQueue()
    disk.execute_aside([Create("wal/next", 100_000), Sync("wal/next"), SyncDirectory("wal")], answers.put, lambda: answers.put("no room"))
    assert answers.get() is None
    disk.execute_now([Rename("wal/next", "wal/00000002.wal")])
    disk.execute_aside([Create("wal/00000002.wal", 1)], answers.put, lambda: answers.put("no room"))
    assert isinstance(answers.get(), DiskFailed)
    with pytest.raises(DiskFailed):
        disk.execute_now([])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_no_room_for_a_new_file_is_no_failure(disk: Disk, monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """Nothing stands in it yet, and what was made of it is taken away: others need the room.  [SAFETY 28]"""
    answers: SimpleQueue[DiskFailed | str | None] = SimpleQueue()
    making: list[Operation] = [Create("wal/next", 3 << 20), Sync("wal/next"), SyncDirectory("wal")]
    with monkeypatch.context() as full:
        full.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
        disk.execute_aside(making, answers.put, lambda: answers.put("no room"))
        assert answers.get() == "no room"
    assert disk.failure is None
    assert disk.reader.names() == ["lock"]
    disk.execute_aside(making, answers.put, lambda: answers.put("no room"))
    assert answers.get() is None


def test_no_room_in_a_batch_is_a_failed_disk(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in a batch has its place already: a file system that says otherwise broke its word, and is not asked again.  [SAFETY 5]"""
    disk.execute_now([Create("file", 4_096)])
    with monkeypatch.context() as full:
        full.setattr(os, "fdatasync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        with pytest.raises(DiskFailed, match="No space"):
            disk.execute_now([Write("file", 0, b"x"), Sync("file")])
    with pytest.raises(DiskFailed, match="No space"):
        disk.execute_now([Sync("file")])


def test_a_reader_sees_the_file_that_has_the_name_now(disk: Disk) -> None:
    """A start reads a segment, drops it, and the log makes it anew."""
    disk.execute_now([Create("wal/1", 4), Write("wal/1", 0, b"old.")])
    assert disk.reader.read("wal/1", 0, 4) == b"old."
    disk.execute_now([Remove("wal/1"), Create("wal/1", 4), Write("wal/1", 0, b"new.")])
    assert disk.reader.read("wal/1", 0, 4) == b"new."


def test_few_files_are_held_open(disk: Disk) -> None:
    """A log of a thousand segments must not run into the limit of descriptors."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    disk.execute_now([Create(f"wal/{number}", 1) for number in range(50)])
    for number in range(50):
        assert disk.reader.size(f"wal/{number}") == 1
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 2 * DESCRIPTORS_MAX


def test_a_name_in_use_is_a_failure(disk: Disk) -> None:
    """Neither create nor rename may replace a file."""
    disk.execute_now([Create("one", 1), Create("two", 1)])
    with pytest.raises(DiskFailed):
        disk.execute_now([Rename("one", "two")])
    assert disk.reader.names() == [LOCK, "one", "two"]


def test_an_unreadable_file_is_a_failure(disk: Disk) -> None:
    """Not a missing one, and no traceback of the system's."""
    with pytest.raises(DiskFailed):
        disk.reader.size("none")
    with pytest.raises(DiskFailed):
        disk.reader.read("none", 0, 1)
    with pytest.raises(DiskFailed):
        Directory(disk.path / "none").names()


def run(directory: Path, before: int) -> tuple[int, list[tuple[int, int]]]:
    """A child's exit code and acknowledgements (records, boot)."""
    done = subprocess.run([sys.executable, child.__file__, directory, str(before)], capture_output=True, check=False, timeout=250)
    assert done.returncode in {0, -9}, done.stderr.decode()
    return done.returncode, [tuple(map(int, line.split())) for line in done.stdout.decode().splitlines()]  # type: ignore[misc]


def check(directory: Path, acknowledged: list[tuple[int, int]]) -> None:
    """Nothing that a child acknowledged is lost, and what is there is what it wrote."""
    if not (directory / "manifest").exists():
        assert not acknowledged
        return
    assert all(finding.ok or finding.file.startswith("promise") for finding in verify_directory(directory))
    reader = Directory(directory)
    _, recovered = Journal.open(child.ME, reader, segment_bytes=SEGMENT_BYTES)
    found = [record for record in recovered.records if record.kind == VALUE]
    reader.close()
    assert [record.slot for record in found] == list(range(len(found)))
    assert all(record.payload == b"%d " % record.slot * (record.slot * 7 % 60 + 1) for record in found)
    count, boot = max(acknowledged, default=(0, 0))
    assert len(found) >= count
    assert int(recovered.copies) >= boot


@pytest.mark.parametrize("part", range(4))
def test_a_process_killed_before_any_operation_loses_nothing(tmp_path: Path, part: int) -> None:
    """A real process, real files, SIGKILL; then a second life that is killed too, and a third.  [SAFETY 5]"""
    for before in itertools.count(part + 1, 4):
        directory = tmp_path / str(before)
        code, acknowledged = run(directory, before)
        check(directory, acknowledged)
        acknowledged += run(directory, before % 11 + 1)[1]
        check(directory, acknowledged)
        if code == 0:
            break
    else:
        raise AssertionError
    code, more = run(directory, 0)
    assert code == 0
    assert len(more) == child.BATCHES
    check(directory, acknowledged + more)
    assert before > 30, "a child carries out more operations than that"


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_directory_that_went_away_is_a_failure(disk: Disk, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """It can still be written and synced, and nobody would find it again; an idle disk notices, too."""
    monkeypatch.setattr("gaios.storage.disk.LOOK_S", 0.0)
    disk.execute_now([Create("file", 4)])
    disk.execute_now([])
    if how == "deleted":
        shutil.rmtree(disk.path)
    else:
        disk.path.rename(disk.path.with_name("moved"))
    if how == "replaced":
        Disk(disk.path, create=True).close()
    with pytest.raises(DiskFailed, match="another directory" if how == "replaced" else "deleted it, or moved it away"):
        disk.execute_now([])


def test_whoever_holds_it_is_written_in_place(disk: Disk) -> None:
    """A supervisor reads it; on a full disk there is no room for it elsewhere."""
    disk.sign(123_456)
    disk.sign(7)
    assert int((disk.path / LOCK).read_text()) == 7
