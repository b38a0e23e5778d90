"""The real disk: carries out the journal's operations on one thread of its own.  [SAFETY 5, 15]

Rule 1. One process a directory: `DIR/lock` is held with flock for as long as the `Disk` lives.
Rule 2. Operations are carried out in the order in which they were handed in, each batch's callback after its last one.
Rule 3. The first failure of any kind is the end: nothing is tried again, a failed sync least of all, for the kernel marks the pages
clean and the next sync would succeed without them. Every later batch is answered with the same error.  [mission: fsyncgate]
Rule 4. A write that the kernel cut short is continued; one that makes no progress is a failure.
Rule 5. A file, or the directory, that was deleted or moved away under us is a failure: it can still be written and synced, and nothing of
that would be found again. An idle disk looks, too, when it is given an empty batch.
Rule 6. That there is no room for a *new* file is no failure: nothing stands in it yet. What was made of it is taken away.  [SAFETY 28]

Left out on purpose: O_DIRECT and io_uring; one fdatasync of a zero-filled file costs some 140 µs here, most of it the device's.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from gaios.errors import ConfigurationError, DirectoryInUse, DiskFailed
from gaios.storage.access import not_given, refusal
from gaios.storage.copies import NAMES as PROMISES
from gaios.storage.segment import DIRECTORY as WAL
from gaios.storage.snapshot import DIRECTORY as SNAPSHOTS
from gaios.storage.verify import Finding, owner, replica_of, verify
from gaios.storage.words import Create, Identity, Operation, Remove, Rename, Sync, SyncDirectory, Write

LOCK = "lock"
ZEROS = bytes(1 << 20)
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
DESCRIPTORS_MAX = 16
"""Open files of one thread: both copies, the segment in use, and a few more; the oldest is closed."""
LOOK_S = 1.0
"""How often, at most, a file that was synced is asked whether somebody deleted it."""
Done = Callable[[DiskFailed | None], object]
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Directory:
    """A `Reader` over a directory of the file system. A few descriptors stay open until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptors: dict[str, int] = {}

    def names(self) -> list[str]:
        """Every file's name, those of `wal/` and `snap/` included.

        Raises:
            DiskFailed: the directory cannot be read.
        """
        try:
            found = [entry.name for entry in os.scandir(self.path) if entry.is_file()]
            for directory in (WAL, SNAPSHOTS):
                if (self.path / directory).is_dir():
                    found += [f"{directory}/{entry.name}" for entry in os.scandir(self.path / directory) if entry.is_file()]
            return sorted(found)
        except OSError as error:
            raise _failed(str(self.path), "list", error) from None

    def size(self, name: str) -> int:
        """A file's length in bytes.

        Raises:
            DiskFailed: it cannot be opened.
        """
        try:
            return os.fstat(self._descriptor(name)).st_size
        except OSError as error:
            raise _failed(name, "stat", error) from None

    def read(self, name: str, offset: int, length: int) -> bytes:
        """These bytes of a file; fewer where it ends before.

        Raises:
            DiskFailed, StateDamaged (of kind `UNREADABLE`): they cannot be read.
        """
        parts = []
        try:
            descriptor = self._descriptor(name)
            while length > 0 and (part := os.pread(descriptor, length, offset)):
                parts.append(part)
                offset += len(part)
                length -= len(part)
        except OSError as error:
            raise not_given(name, offset, error) or _failed(name, "read", error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give all descriptors back."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def _descriptor(self, name: str) -> int:
        descriptor = self._descriptors.get(name)
        if descriptor is not None and os.fstat(descriptor).st_nlink == 0:
            # A start dropped this file, and a new one has its name by now.
            os.close(self._descriptors.pop(name))
            descriptor = None
        if descriptor is None:
            while len(self._descriptors) >= DESCRIPTORS_MAX:
                os.close(self._descriptors.pop(next(iter(self._descriptors))))
            descriptor = self._descriptors[name] = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)
        return descriptor


class Disk:
    """A replica's directory, locked, with the thread that writes to it.

    Invariants:
        1. `failure` is set once and never cleared; nothing is written after that.
        2. `_hands` are the disk thread's only.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Lock the directory.

        Args:
            path: The replica's directory.
            create: Make it if it is not there.

        Raises:
            DirectoryInUse: another process has it.
            ConfigurationError: it is not there, or cannot be used.
            DiskFailed: its file system is read-only, or fails.
        """
        self.path = path
        self.failure: DiskFailed | None = None
        self.warnings = list[str]()  # what whoever opened it found out about its rights
        self._hands = _Hands(path)
        self._asides: list[Thread] = []
        self._queue: SimpleQueue[tuple[Iterable[Operation], Done] | None] = SimpleQueue()
        try:
            if create:
                path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise refusal(path, error) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DirectoryInUse(directory=str(path)) from None
        self.reader = Directory(path)
        """For the event loop's thread; `beside` is for one beside it."""
        self.beside = Directory(path)
        self._thread = Thread(target=self._run, name="disk", daemon=True)
        self._thread.start()

    def sign(self, pid: int) -> None:
        """Write down who holds the directory, for people and supervisors; in place, which a full disk has room for."""
        with suppress(OSError):
            os.pwrite(self._lock, b"%-15d\n" % pid, 0)

    def execute(self, operations: Iterable[Operation], done: Done) -> None:
        """Carry these out behind all that was handed in before; then call `done`, on the disk thread, with the failure or None."""
        self._queue.put((operations, done))

    def execute_now(self, operations: Iterable[Operation]) -> None:
        """Carry these out, and wait for it.

        Raises:
            DiskFailed: one failed.
        """
        answers: SimpleQueue[DiskFailed | None] = SimpleQueue()
        self.execute(operations, answers.put)
        failure = answers.get()
        if failure is not None:
            raise failure

    def execute_aside(self, operations: Iterable[Operation], done: Done, no_room: Callable[[], object]) -> None:
        """Carry out what makes a new file, beside the disk thread: a spare segment must not hold up the next batch.

        `done` is called on a thread of its own, with the failure or None; `no_room` instead, when the file system has none for the file.
        """
        thread = Thread(target=self._aside, args=(operations, done, no_room), name="disk aside", daemon=True)
        self._asides = [aside for aside in self._asides if aside.is_alive()] + [thread]
        thread.start()

    def close(self) -> None:
        """Finish what was handed in, and give the directory back."""
        self._queue.put(None)
        for thread in (self._thread, *self._asides):
            thread.join()
        self.reader.close()
        self.beside.close()
        self._hands.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # ------------------------------------------------------------------------------------------------- the disk thread

    def _run(self) -> None:
        looked_s = time.monotonic()
        while (job := self._queue.get()) is not None:
            operations, done = job
            if self.failure is None:
                self._carry_out(self._hands, operations)
                if time.monotonic() - looked_s > LOOK_S:
                    looked_s = time.monotonic()
                    self._look()
            done(self.failure)

    def _look(self) -> None:
        """That the directory is not where it was is a failure."""
        try:
            if self.failure is not None or os.path.samestat((self.path / LOCK).stat(), os.fstat(self._lock)):
                return
            reason = "somebody put another directory in its place"
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "somebody deleted it, or moved it away" if missing else error.strerror or str(error)
        self.failure = DiskFailed(file=str(self.path), operation="look", reason=f"{reason}: no start would find what was written")

    def _aside(self, operations: Iterable[Operation], done: Done, no_room: Callable[[], object]) -> None:
        hands = _Hands(self.path)
        has_room = self._carry_out(hands, operations, aside=True)
        hands.close()
        if has_room:
            done(self.failure)
        else:
            no_room()

    def _carry_out(self, hands: "_Hands", operations: Iterable[Operation], *, aside: bool = False) -> bool:
        """Carry these out. False: there was no room for a new file, which is no failure where it is made `aside`; nothing of it is left."""
        made: list[str] = []
        for operation in operations:
            try:
                hands.perform(operation)
                if isinstance(operation, Create):
                    made.append(operation.name)
            except Exception as error:  # noqa: BLE001  a disk thread that died in silence would leave the replica waiting for ever
                if aside and isinstance(error, OSError) and error.errno in NO_ROOM:
                    for name in made:
                        with suppress(OSError):
                            hands.perform(Remove(name))
                    return False
                if self.failure is None:
                    self.failure = _failed(_file(operation), type(operation).__name__.lower(), error)
                return True
        return True


class _Hands:
    """What carries operations out, with the descriptors that it holds; one thread's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptors: dict[str, int] = {}
        self._looked_s: dict[int, float] = {}
        """When each descriptor's file was last seen to have a name."""

    def close(self) -> None:
        """Give the descriptors back."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def perform(self, operation: Operation) -> None:
        """Carry one operation out, or raise `OSError`."""
        match operation:
            case Write(name, offset, data):
                _write(self._descriptor(name), data, offset)
            case Sync(name):
                descriptor = self._descriptor(name)
                os.fdatasync(descriptor)
                now_s = time.monotonic()
                if now_s - self._looked_s.get(descriptor, -LOOK_S) > LOOK_S:
                    self._looked_s[descriptor] = now_s
                    if os.fstat(descriptor).st_nlink == 0:
                        raise FileNotFoundError(errno.ENOENT, "somebody deleted the file: no start would find what was written")
            case Create(name, size):
                self._create(name, size)
            case SyncDirectory(name):
                descriptor = os.open(self.path / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            case Rename(old, new):
                if (self.path / new).exists():
                    raise FileExistsError(errno.EEXIST, "the new name is in use")
                (self.path / old).rename(self.path / new)
                if old in self._descriptors:
                    self._descriptors[new] = self._descriptors.pop(old)
            case Remove(name):
                (self.path / name).unlink()
                if name in self._descriptors:
                    os.close(self._descriptors.pop(name))

    def _create(self, name: str, size: int) -> None:
        (self.path / name).parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self._keep(name, descriptor)
        try:
            for offset in range(0, size, len(ZEROS)):
                _write(descriptor, ZEROS[: size - offset], offset)
        except OSError:
            # What fits of a file that does not fit takes the room that others need.
            (self.path / name).unlink(missing_ok=True)
            raise

    def _descriptor(self, name: str) -> int:
        descriptor = self._descriptors.get(name)
        if descriptor is None:
            descriptor = os.open(self.path / name, os.O_RDWR | os.O_CLOEXEC)
            self._keep(name, descriptor)
        return descriptor

    def _keep(self, name: str, descriptor: int) -> None:
        while name in self._descriptors or len(self._descriptors) >= DESCRIPTORS_MAX:  # by that name: of a file that somebody deleted
            os.close(self._descriptors.pop(name if name in self._descriptors else next(iter(self._descriptors))))
        self._descriptors[name] = descriptor


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of it, however little the kernel takes at a time."""
    written = os.pwrite(descriptor, data, offset)
    if written == len(data):
        return
    rest = memoryview(data)
    while written < len(data):
        step = os.pwrite(descriptor, rest[written:], offset + written)
        if step == 0:
            raise OSError(errno.EIO, "a write makes no progress")
        written += step


def _file(operation: Operation) -> str:
    return operation.old if isinstance(operation, Rename) else operation.name


def _failed(file: str, operation: str, error: Exception) -> DiskFailed:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else repr(error)
    return DiskFailed(file=file, operation=operation, reason=reason)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold this replica's directory for a moment, unless a process does; False then. Nothing is changed."""
    try:
        descriptor = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def is_running(path: Path) -> bool:
    """Does a process hold this replica's directory? A start that comes at this very moment has to try once more."""
    with held(path) as free:
        return not free


def verify_directory(path: Path) -> list[Finding]:
    """Check a replica's directory, or those of a whole cell, offline.  [INTERFACE `verify`]

    Raises:
        ConfigurationError: it is neither.
        DirectoryInUse: a replica runs on it.
        DiskFailed: it cannot be read.
    """
    directories = sorted(path.glob("replica-*"), key=lambda found: (len(found.name), found.name)) or [path]
    if directories == [path] and not any((path / name).exists() for name in (*PROMISES, WAL)):
        raise ConfigurationError(reason=f"{path} holds neither a cell nor a replica")
    findings = []
    for directory in directories:
        replica = replica_of(directory.resolve().name)
        reader = Directory(directory)
        with held(directory) as free, closing(reader):
            if not free:
                raise DirectoryInUse(directory=str(directory))
            findings += [Finding(replica, *problem) for problem in verify(reader)]
    return findings


def owner_of_directory(path: Path) -> Identity | None:
    """Whose files these are, by what stands in them; None if nothing intact tells.

    Raises:
        DiskFailed: they cannot be read.
    """
    with closing(Directory(path)) as reader:
        return owner(reader)
