"""A simulated disk: what a machine still has after a crash is for the dice to say, within what a disk may do.  [reliability: ATC'20, ALICE]

    process killed   what was executed is there (the page cache lives on); a write under way leaves a prefix of itself
    a failed sync    its writes are seen until the power goes, and are never written (file.py)
    power cut        synced data is intact. Of each file's un-synced writes any subset is there, each whole, absent, or torn at sectors of
                     512 bytes; a file's un-synced length may be the old one. Of the un-synced directory operations (create, rename,
                     remove) any subset is there: a name may still mean the old file, a removed file may be back.

Rule 1. A file's contents and the names that lead to it are made durable apart: `Sync` keeps a file, `SyncDirectory` the names.
Rule 2. Operations of a batch are executed one after the other, each with its own time, so a crash falls between any two, or into one.
Three batches at a time: the log's, beside it one that makes a spare file and one that writes a snapshot, as the real disk's threads do.
Rule 3. The first failure ends its batch: nothing of it is tried after that.
Rule 4. A full disk has no room for a new file; what is written into those that are there finds its place.
"""

from collections.abc import Callable, Mapping, Sequence
from errno import ENOSPC
from functools import partial

from gaios.errors import StateMissing
from gaios.sim.dice import Dice
from gaios.sim.durable import Durable
from gaios.sim.faults import DiskFaults
from gaios.sim.file import File, put, tear
from gaios.sim.world import World
from gaios.storage.snapshot import NEW
from gaios.storage.words import Create, Operation, Remove, Rename, Sync, SyncDirectory, Write

_WRITE_NS = 4_000
"""A write into the page cache; a gigabyte a second comes on top."""
_NAME_NS = 20_000
"""A create, rename or remove."""
_SOUND = 4
"""Syncs fail so many times more often than other operations."""


def _directory(name: str) -> str:
    return name.rpartition("/")[0]


def _rename(names: dict[str, File], old: str, new: str, file: File) -> None:
    """A file loses a name, gets one, or both."""
    if old and names.get(old) is file:
        del names[old]
    if new:
        names[new] = file


class _Batch:
    """Operations under way."""

    __slots__ = ("done", "ends", "failed", "failing", "hangs", "no_room", "operations", "refused", "token")

    def __init__(
        self, operations: Sequence[Operation], done: Callable[[], None], failed: Callable[[], None], no_room: Callable[[], None] | None
    ) -> None:
        self.operations = list(operations)
        self.ends: list[int] = []
        """The true time at which each is done."""
        self.done, self.failed, self.no_room = done, failed, no_room
        self.failing: Operation | None = None
        """The one that fails, and ends it."""
        self.refused = False
        """It fails because it cannot be done, and not by the dice."""
        self.hangs = False
        self.token = 0
        """Counts changes of plan: what was arranged before the last is ignored."""


class Disk:
    """One machine's directory. Also the `Reader` that a start reads it with."""

    def __init__(self, world: World, dice: Dice, faults: DiskFaults, name: str) -> None:
        self._world, self._dice, self.faults, self._name = world, dice, faults, name
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._pending_names: list[tuple[str, str, File]] = []
        """Un-synced: (name that goes, "" for none; name that comes, "" for none; file)."""
        self._batches: list[_Batch] = []
        self._still_until = 0
        self.is_full = False
        """Whether there is no room for a new file."""
        self.drag_ns = 0
        """How much longer each sync takes, about."""
        self.on_crash_point: Callable[[], None] | None = None
        """Called when the dice let the process be killed, or the power go, at this very point of a batch."""
        self.has_rotted = False
        """Whether it ever gave back what was not written to it."""
        self._gone: set[str] = set()
        """Names of files that rot took."""
        self._is_unsure = False  # whether that may be so anywhere
        self.on_refusal: Callable[[OSError], None] | None = None
        """Called when a file is to be created under a name that is taken, or on a full disk by a batch that may not, or removed
        and is not there: no sound disk lets that pass, and no fault explains it."""

    # -- reading: the Reader protocol ------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every file's name, in order."""
        return sorted(self._names)

    def size(self, name: str) -> int:
        """A file's length in bytes."""
        return self._file(name).size()

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a file; fewer where it ends before."""
        return self._file(name).read(offset, length)

    def _file(self, name: str) -> File:
        if name not in self._names:
            raise StateMissing(directory=self._name, what=name)
        return self._names[name]

    # -- executing -------------------------------------------------------------------------------------------------------

    def execute(self, operation: Operation) -> None:
        """Carry one operation out, now."""
        match operation:
            case Write():
                self._file(operation.name).write(operation.offset, bytes(operation.data))
            case Sync():
                self._file(operation.name).sync()
            case Create():
                if operation.name in self._names:
                    raise FileExistsError(operation.name)
                file = File()
                file.set_size(operation.size)
                self._names[operation.name] = file
                self._pending_names.append(("", operation.name, file))
            case Rename():
                file = self._names.pop(operation.old)
                self._names[operation.new] = file
                self._pending_names.append((operation.old, operation.new, file))
            case Remove():
                if operation.name not in self._names:
                    raise FileNotFoundError(operation.name)
                file = self._names.pop(operation.name)
                self._pending_names.append((operation.name, "", file))
            case SyncDirectory():
                self._sync_directory(operation.name)

    def _sync_directory(self, directory: str) -> None:
        here = [(old, new, file) for old, new, file in self._pending_names if _directory(old or new) == directory]
        for old, new, file in here:
            _rename(self._durable_names, old, new, file)
        self._pending_names = [change for change in self._pending_names if change not in here]

    def submit(
        self,
        operations: Sequence[Operation],
        done: Callable[[], None],
        failed: Callable[[], None],
        no_room: Callable[[], None] | None = None,
    ) -> None:
        """Carry operations out one after the other, as one disk thread does; two more batches may run beside, and touch other files.

        `done` is called when the last returned; `failed` when one failed, and none after it is tried; `no_room` when it would make a file
        and the disk is full. Who does not give that makes files in a batch of the log, and a full disk fails it.
        """
        faults, dice, at = self.faults, self._dice, max(self._world.now_ns, self._still_until)
        assert len(self._batches) < 3, "one batch, and two beside it, at a time"
        if no_room is not None and not any(isinstance(operation, Create) and operation.name == NEW for operation in operations):
            self._world.count("a spare segment was made")
        batch = _Batch(operations, done, failed, no_room)
        batch.hangs = at > self._world.now_ns
        self._batches.append(batch)
        crash_at = dice.below(len(operations)) if dice.chance(faults.crash_point) else -1
        for number, operation in enumerate(operations):
            start = at
            fails = faults.failing
            if isinstance(operation, Write):
                at += _WRITE_NS + len(operation.data)
                fails /= _SOUND
            elif isinstance(operation, (Sync, SyncDirectory)):
                at += dice.around(faults.slow_ns) if dice.chance(faults.slow) else faults.sync_ns + dice.around(faults.sync_ns)
                at += dice.around(self.drag_ns) if self.drag_ns else 0
            else:
                at += _NAME_NS
                fails /= _SOUND
            batch.ends.append(at)
            if batch.failing is None and dice.chance(fails):
                batch.failing = operation
            if batch.failing is None and self.is_full and isinstance(operation, Create):
                batch.failing, batch.refused = operation, True
            self._world.note(f"disk {self._name} {_say(operation)}", operation.data if isinstance(operation, Write) else b"")
            if number == crash_at:
                self._world.at(dice.between(start, at), self._crash_point, batch)
        self._arrange(batch)

    def _arrange(self, batch: _Batch) -> None:
        """See to it that its end is told."""
        until = [end for end, operation in zip(batch.ends, batch.operations, strict=True) if operation is batch.failing] or batch.ends[-1:]
        self._world.at(until[0] if until else self._world.now_ns, self._finish, batch, batch.token)

    def _finish(self, batch: _Batch, token: int) -> None:
        if token != batch.token:
            return
        self._progress()
        self._end(batch)
        if batch.failing is None:
            batch.done()
            return
        if not batch.refused:
            self._fail(batch.failing)
        elif isinstance(batch.failing, Create) and batch.no_room is not None and batch.failing.name not in self._names:
            self._world.count("there was no room for a new segment")
            batch.no_room()
            return
        elif isinstance(batch.failing, Create) and batch.failing.name not in self._names and self.on_refusal is not None:
            self.on_refusal(OSError(ENOSPC, f"a batch of the log was to make {batch.failing.name}, and the disk is full"))
        batch.failed()

    def _fail(self, operation: Operation) -> None:
        """What an operation leaves behind that returned an error."""
        self._world.count("a sync failed" if isinstance(operation, (Sync, SyncDirectory)) else "a write failed")
        match operation:
            case Sync():
                self._file(operation.name).fail_to_sync()
            case Write():
                self._write_some(operation)
            case Create() if self._dice.chance(0.5):
                self.execute(Create(operation.name, self._dice.below(operation.size)))

    def _write_some(self, write: Write) -> None:
        self.execute(Write(write.name, write.offset, write.data[: self._dice.below(len(write.data) + 1)]))

    def _end(self, batch: _Batch) -> None:
        batch.token += 1
        self._batches.remove(batch)

    def _crash_point(self, batch: _Batch) -> None:
        if batch in self._batches and self.on_crash_point is not None:
            self._world.count("a crash fell between two disk operations")
            self.on_crash_point()

    def _progress(self) -> None:
        """Execute what is done by now, in the order of time; a failing operation is not."""
        now = self._world.now_ns
        for batch in self._batches:
            while batch.ends and batch.ends[0] <= now and batch.operations[0] is not batch.failing:
                try:
                    self.execute(batch.operations[0])
                except (FileExistsError, FileNotFoundError) as error:
                    if self.on_refusal is None:
                        raise
                    batch.failing, batch.refused = batch.operations[0], True
                    self.on_refusal(error)
                    break
                del batch.operations[0], batch.ends[0]

    @property
    def is_still(self) -> bool:
        """Whether nothing goes on."""
        return self._still_until > self._world.now_ns

    @property
    def is_ill(self) -> bool:
        """Whether it stands still, is slow or full."""
        return self.is_still or self.is_full or self.drag_ns > 0

    def stand_still(self, duration_ns: int) -> None:
        """For so long nothing goes on: the disk hangs, or its machine is suspended."""
        self._progress()
        self._still_until = max(self._still_until, self._world.now_ns + duration_ns)
        for batch in self._batches:
            batch.ends = [end + duration_ns for end in batch.ends]
            batch.hangs = True
            batch.token += 1
            self._arrange(batch)

    def go_on(self) -> None:
        """What stands still goes on now."""
        self._progress()
        self._still_until = 0
        for batch in self._batches:
            if batch.hangs and batch.ends:
                ahead = max(0, batch.ends[0] - self._world.now_ns - self.faults.sync_ns)
                batch.ends = [end - ahead for end in batch.ends]
                batch.hangs = False
                batch.token += 1
                self._arrange(batch)

    # -- crashing --------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The process died: the machine lives on, and with it the page cache."""
        self._progress()
        for batch in list(self._batches):
            operation = batch.operations[0] if batch.operations else None
            if isinstance(operation, Write) and self._dice.chance(0.5):
                self._write_some(operation)
            self._end(batch)

    def power_cut(self) -> None:
        """The machine died: only what is durable is sure to be there."""
        self.kill()
        dice = self._dice
        tears = dice.chance(self.faults.tear)
        self._lose_names("kept" if tears else dice.pick(("lost", "kept", "any")))
        for name in sorted(self._names):
            file = self._names[name]
            if not file.is_clean:
                fate = "torn" if tears else dice.pick(("lost", "kept", "any", "any"))
                file.lose_cache(partial(self._survive, file, fate))
        self._durable_names = dict(self._names)

    def _lose_names(self, fate: str) -> None:
        names = dict(self._durable_names)
        for old, new, file in self._pending_names:
            if fate == "lost" or (fate == "any" and self._dice.chance(0.5)):
                self._world.count("a directory operation was lost")
                continue
            _rename(names, old, new, file)
        self._pending_names.clear()
        self._names = names

    def _survive(self, file: File, fate: str, offset: int, written: bytes) -> None:
        how = fate if fate != "any" else self._dice.pick(("lost", "kept", "torn"))
        if how == "lost":
            self._world.count("an un-synced write was lost")
            return
        if how == "kept" or offset < 0:
            put(file.durable, offset, written)
            return
        self._world.count("an un-synced write was torn")
        tear(file.durable, offset, written, self._dice)

    def durable(self) -> Durable:
        """What would be there if the power went now, and the dice were against us everywhere."""
        self._progress()
        return Durable(dict(self._durable_names), self._name)

    def erase(self) -> None:
        """Nothing is left."""
        self._names.clear()
        self._durable_names.clear()
        self._pending_names.clear()

    def put_back(self, files: Mapping[str, bytes]) -> None:
        """Other files stand in place of all that was there, durably. Where anything rotted, what did of these is not known."""
        self._is_unsure = self.has_rotted
        self.erase()
        for name, data in files.items():
            self._names[name] = self._durable_names[name] = file = File()
            file.durable += data

    def damage(self, name: str, offset: int, mask: int) -> None:
        """Rot: flip bits of one durable byte. For scenarios about damage that no crash explains."""
        file = self._durable_names.get(name)  # it may be removed, and its name still be on the disk
        (file if file is not None else self._file(name)).rot(offset, mask)
        self.has_rotted = True

    def lose_file(self, name: str) -> None:
        """Rot: a file is gone, durably, as where a file system was repaired."""
        self._names.pop(name, None)
        self._durable_names.pop(name, None)
        self._pending_names = [change for change in self._pending_names if name not in change[:2]]
        self._gone.add(name)
        self.has_rotted = True

    def may_be_rotten(self, name: str, start: int, end: int) -> bool:
        """Whether rot left one of these bytes of a file, or took the file."""
        files = [names[name] for names in (self._names, self._durable_names) if name in names]
        return self._is_unsure or name in self._gone or any(file.is_rotten(start, end) for file in files)


def _say(operation: Operation) -> str:
    match operation:
        case Write():
            return f"write {operation.name} {operation.offset} {len(operation.data)}"
        case Create():
            return f"create {operation.name} {operation.size}"
        case Rename():
            return f"rename {operation.old} {operation.new}"
        case Sync() | Remove():
            return f"{type(operation).__name__.lower()} {operation.name}"
        case _:
            return f"sync directory {operation.name!r}"
