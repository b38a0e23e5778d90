"""A replica's directory: made once, by an explicit creation, and held by one process at a time.  [SAFETY 2]

    DIR/manifest.toml   the cell and its founders, and which of them this is; written last when the directory is made
    DIR/creating        there while it is being made: what it stands beside is unfinished and may be made anew; its text is
                        `restore` where a backup is being restored: then only a restore makes it anew
    DIR/lock            held with flock by the process that runs the replica; its text is that process's number
    DIR/promise-1 …     what storage/ keeps

Rule 1. Creation fills an empty directory, or one whose creation was cut short; nothing else is ever overwritten.
Rule 2. A start refuses a directory without manifest or promise, and one of another cell or member: it is never made up for.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gaios.backup.rebase import Base
from gaios.errors import AnotherCell, ConfigurationError, DirectoryInUse, StateMissing
from gaios.log import Copies, encode
from gaios.log.records import RecordKind, State, encode_copies
from gaios.server import config
from gaios.storage import Identity, Operation, Record, access, copies
from gaios.storage import create as create_files
from gaios.storage.creation import GENERATION
from gaios.storage.disk import LOCK, Disk, is_running
from gaios.storage.segment import DIRECTORY as SEGMENTS
from gaios.storage.snapshot import DIRECTORY as SNAPSHOTS
from gaios.storage.snapshot import Writer

MANIFEST: Final = "manifest.toml"
CREATING: Final = "creating"
LOST_AND_FOUND: Final = "lost+found"
"""What a file system of its own has in it from the beginning."""
_RESTORE: Final = b"restore"
LOCK_S: Final = 1.0
"""A start waits so long for the lock: whoever only looks whether it is held, holds it for an instant, and a killed process for a little."""


def create(settings: config.Settings, base: Base | None = None) -> None:
    """Make this replica's directory: of a new cell, or of one that begins with what a backup held.

    Raises:
        ConfigurationError: it is there already, or holds something else, or an unfinished restore and `base` is None.
        DiskFailed: it could not be written.
    """
    where = Path(settings.dir)
    above = next(parent for parent in where.absolute().parents if parent.exists())
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise access.refusal(where, error) from None
    check_absent(where)
    if base is None and _is_unfinished_restore(where):
        raise ConfigurationError(
            reason=f"{where} holds an unfinished restore of a backup",
            hint="give `gaios snapshot restore` again: it starts over; remove the directory only if this replica is to begin with nothing",
        )
    write_durably(where / CREATING, b"" if base is None else _RESTORE)
    disk = Disk(where)
    try:
        leftovers = [name for name in disk.reader.names() if name not in {LOCK, CREATING}]
        identity = Identity(settings.cell.bytes, settings.member, 0)
        disk.execute_now(files(identity, base, segment_bytes=settings.segment_mib << 20, leftovers=leftovers))
    finally:
        disk.close()
    (where / LOCK).unlink(missing_ok=True)
    own = tuple(place for place in settings.place if place.id == settings.id)
    mine = f"id = {settings.id}\nmember = {settings.member}\n\n" + config.manifest_text(settings.cell, settings.replica, own)
    write_durably(where / MANIFEST, mine.encode())
    (where / CREATING).unlink()
    _sync_directory(where)
    for parent in where.absolute().parents:
        _sync_directory(parent)
        if parent == above:
            break


def check_absent(where: Path) -> None:
    """That a creation would overwrite nothing.

    Raises:
        ConfigurationError: something is there that no unfinished creation left.
    """
    try:
        there = sorted(entry.name for entry in where.iterdir() if entry.name != LOST_AND_FOUND)
    except FileNotFoundError:
        return
    except OSError as error:
        raise access.refusal(where, error) from None
    if MANIFEST in there and CREATING not in there:
        raise ConfigurationError(reason=f"{where} is the directory of a replica already", hint="start it: gaios serve")
    if there and CREATING not in there:
        raise ConfigurationError(reason=f"{where} is not empty: it holds {there[0]}", hint="choose a directory that is absent or empty")


def _is_unfinished_restore(where: Path) -> bool:
    try:
        return (where / CREATING).read_bytes() == _RESTORE
    except FileNotFoundError:
        return False


def files(identity: Identity, base: Base | None, *, segment_bytes: int, leftovers: list[str]) -> Iterator[Operation]:
    """What a replica's directory is made of, without its manifest."""
    slot, promised = (base.slot, base.promised) if base is not None else (0, 0)
    state = State(promised=promised, longest_ns=0, chosen=slot, truncated=slot, accepted=[])
    record = Record(RecordKind.STATE, slot, promised, encode(state))
    yield from create_files(identity, encode_copies(Copies(promised=promised)), record, segment_bytes=segment_bytes, leftovers=leftovers)
    if base is not None:
        writer = Writer(identity.cell, slot)
        yield from writer.begin()
        for chunk in base.chunks:
            yield from writer.chunk(chunk)
        yield from writer.end(base.closing.encode())


def open_(settings: config.Settings) -> Disk:
    """Take this replica's directory: locked, and ours as far as its manifest says. `Node.start` judges the rest.

    Raises:
        StateMissing: it was never made, or its manifest is gone.
        AnotherCell: it belongs to another cell or member.
        DirectoryInUse: another process holds it.
        ConfigurationError: its founders are not those of the configuration, or others may write into it.
        DiskFailed: its file system is read-only, or fails.
    """
    where = Path(settings.dir)
    if not access.is_there(where):
        raise StateMissing(directory=str(where), what="the directory")
    warnings = access.check(where)
    if not access.is_there(where / MANIFEST):
        raise StateMissing(directory=str(where), what=MANIFEST)
    if access.is_there(where / CREATING):
        raise StateMissing(directory=str(where), what="the end of its creation (make it anew)")
    check_manifest(settings, where / MANIFEST)
    disk = _lock(where)
    disk.warnings = warnings
    disk.sign(os.getpid())
    return disk


def holder(where: Path) -> int:
    """The process that runs the replica of this directory; 0 when none does."""
    for _ in range(100):
        if not is_running(where):
            return 0
        with contextlib.suppress(OSError, ValueError):
            pid = int((where / LOCK).read_text("ascii"))
            os.kill(pid, 0)
            return pid
        time.sleep(0.005)  # it has the lock and is about to write its number over that of a dead one
    return 0


def was_started(where: Path) -> bool:
    """Whether a replica ever ran on this directory, or may have.

    Its creation leaves no lock behind, a start does; and a start writes the promise copies anew, should somebody have removed the lock.
    """
    if (where / CREATING).exists() or not any((where / name).exists() for name in (LOCK, SEGMENTS, *copies.NAMES)):
        return False
    return (where / LOCK).exists() or not all(_is_as_created(where / name, which) for which, name in enumerate(copies.NAMES, 1))


def _is_as_created(copy: Path, which: int) -> bool:
    try:
        read = copies.decode(copy.read_bytes(), which)
    except OSError:
        return False
    return isinstance(read, copies.Copy) and read.generation == GENERATION


def foreign(where: Path) -> list[str]:
    """What lies in this directory that no creation of a replica's directory leaves there, cut short or not."""
    ours = {MANIFEST, f"{MANIFEST}.new", CREATING, f"{CREATING}.new", LOCK, SEGMENTS, SNAPSHOTS, *copies.NAMES, LOST_AND_FOUND}
    return sorted(entry.name for entry in where.iterdir() if entry.name not in ours)


def clear(where: Path) -> None:
    """Remove what an unfinished creation left. A directory that is a file system of its own, or a link to one, stays.

    The mark goes last, so that what a crash leaves of it is still an unfinished creation.
    """
    (where / CREATING).touch()
    for entry in sorted(where.iterdir(), key=lambda entry: entry.name == CREATING):
        if entry.is_dir() and not entry.is_symlink():
            if entry.name != LOST_AND_FOUND:
                shutil.rmtree(entry)
        else:
            entry.unlink()
    with contextlib.suppress(OSError):
        where.rmdir()


def write_durably(path: Path, data: bytes) -> None:
    """Put a whole file in its place, or nothing: written aside, synced, renamed, and the name synced."""
    aside = path.with_name(path.name + ".new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    aside.replace(path)
    _sync_directory(path.parent)


def _lock(where: Path) -> Disk:
    end = time.monotonic() + LOCK_S
    while True:
        try:
            return Disk(where)
        except DirectoryInUse:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def check_manifest(settings: config.Settings, path: Path) -> None:
    """Compare a replica's manifest with what this replica is told to be.

    Raises:
        AnotherCell: it is another cell's or another member's.
        ConfigurationError: it cannot be read, or its founders are not those of the configuration.
    """
    found = config.read_file(path)
    cell = found.get("cell")
    there = f"member {found.get('member')} of cell {cell.get('id') if isinstance(cell, dict) else None}"
    wanted = f"member {settings.member} of cell {settings.cell.id}"
    if there != wanted:
        raise AnotherCell(what=settings.dir, found=there, expected=wanted)
    listed = found.get("replica")
    # Ids alone: addresses may change, founders never do.
    ids = sorted(str(founder.get("id")) for founder in listed if isinstance(founder, dict)) if isinstance(listed, list) else []
    if ids != sorted(str(founder.id) for founder in settings.replica):
        raise ConfigurationError(reason=f"{path} lists the founders {', '.join(ids)}; the configuration lists others")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
