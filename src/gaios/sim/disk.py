"""A simulated disk: what a machine still has after a crash is for the dice to say, within what a disk may do.  [reliability: ATC'20, ALICE]

    process killed   what was executed is there (the page cache lives on); a write under way leaves a prefix of itself
    power cut        synced data is intact. Of each file's un-synced writes any subset is there, each whole, absent, or torn at sectors of
                     512 bytes; a file's un-synced length may be the old one. Of the un-synced directory operations (create, rename,
                     remove) any subset is there: a name may still mean the old file, a removed file may be back.

Rule 1. A file's contents and the names that lead to it are made durable apart: `Sync` keeps a file, `SyncDirectory` the names.
Rule 2. Operations are executed one after the other, each with its own time, so a crash falls between any two, or into one.
Rule 3. A failed sync loses its right to be believed: what it should have kept is un-synced for ever, as after a power cut.
"""

from collections.abc import Callable, Sequence

from gaios.errors import StateMissing
from gaios.sim.dice import Dice
from gaios.sim.faults import DiskFaults
from gaios.sim.world import World
from gaios.storage.words import Create, Operation, Remove, Rename, Sync, SyncDirectory, Write

SECTOR_BYTES = 512
_WRITE_NS = 4_000
"""A write into the page cache; a gigabyte a second comes on top."""
_NAME_NS = 20_000
"""A create, rename or remove."""


class File:
    """One file's contents, whatever names lead to it."""

    __slots__ = ("durable", "pending")

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes]] = []
        """Un-synced: (offset, data); a negative offset sets the length to -offset, without data."""

    def size(self) -> int:
        """As a read sees it: the un-synced writes are in the page cache."""
        return max(len(self.durable), *(offset + len(written) if offset >= 0 else -offset for offset, written in self.pending), 0)

    def read(self, offset: int, length: int) -> bytes:
        """What a read sees."""
        if not self.pending:
            return bytes(memoryview(self.durable)[offset : offset + length])
        data = bytearray(max(0, min(length, self.size() - offset)))
        known = self.durable[offset : offset + len(data)]
        data[: len(known)] = known
        for at, written in self.pending:
            start, end = max(at, offset), min(at + len(written), offset + len(data))
            if at >= 0 and start < end:
                data[start - offset : end - offset] = written[start - at : end - at]
        return bytes(data)

    def sync(self) -> None:
        """Make every write durable."""
        for offset, written in self.pending:
            _put(self.durable, offset, written)
        self.pending.clear()


def _directory(name: str) -> str:
    return name.rpartition("/")[0]


def _rename(names: dict[str, File], old: str, new: str, file: File) -> None:
    """A file loses a name, gets one, or both."""
    if old and names.get(old) is file:
        del names[old]
    if new:
        names[new] = file


def _put(data: bytearray, offset: int, written: bytes) -> None:
    if offset < 0:
        data.extend(bytes(max(0, -offset - len(data))))
        return
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


class Durable:
    """What the dice could leave of a disk at the least: a `Reader` of synced bytes under synced names."""

    def __init__(self, names: dict[str, File], machine: str) -> None:
        self._names, self._machine = names, machine

    def names(self) -> list[str]:
        """As `Disk.names`."""
        return sorted(self._names)

    def size(self, name: str) -> int:
        """As `Disk.size`."""
        return len(self._file(name).durable)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """As `Disk.read`."""
        return bytes(memoryview(self._file(name).durable)[offset : offset + length])

    def _file(self, name: str) -> File:
        if name not in self._names:
            raise StateMissing(directory=self._machine, what=name)
        return self._names[name]


class Disk:
    """One machine's directory. Also the `Reader` that a start reads it with."""

    def __init__(self, world: World, dice: Dice, faults: DiskFaults, name: str) -> None:
        self._world, self._dice, self.faults, self._name = world, dice, faults, name
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._pending_names: list[tuple[str, str, File]] = []
        """Un-synced: (name that goes, "" for none; name that comes, "" for none; file)."""
        self._batch: list[tuple[int, Operation]] = []
        """What is being executed: (true time when it is done, operation)."""
        self._generation = 0
        self._failing = -1
        """Which operation of the batch fails; -1: none."""
        self.on_crash_point: Callable[[], None] | None = None
        """Called when the dice let the process be killed, or the power go, at this very point of a batch."""

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
                self._file(operation.name).pending.append((operation.offset, bytes(operation.data)))
            case Sync():
                self._file(operation.name).sync()
            case Create():
                if operation.name in self._names:
                    raise FileExistsError(operation.name)
                file = File()
                file.pending.append((-operation.size, b""))
                self._names[operation.name] = file
                self._pending_names.append(("", operation.name, file))
            case Rename():
                file = self._names.pop(operation.old)
                self._names[operation.new] = file
                self._pending_names.append((operation.old, operation.new, file))
            case Remove():
                file = self._names.pop(operation.name)
                self._pending_names.append((operation.name, "", file))
            case SyncDirectory():
                self._sync_directory(operation.name)

    def _sync_directory(self, directory: str) -> None:
        here = [(old, new, file) for old, new, file in self._pending_names if _directory(old or new) == directory]
        for old, new, file in here:
            _rename(self._durable_names, old, new, file)
        self._pending_names = [change for change in self._pending_names if change not in here]

    def submit(self, operations: Sequence[Operation], done: Callable[[], None], failed: Callable[[], None]) -> None:
        """Carry operations out one after the other; one batch at a time, as one disk thread does.

        `done` is called when the last returned; `failed` when one failed, and none after it is tried.
        """
        faults, dice, at = self.faults, self._dice, self._world.now_ns
        assert not self._batch, "one batch at a time"
        crash_at = dice.below(len(operations)) if dice.chance(faults.crash_point) else -1
        self._failing = -1
        for number, operation in enumerate(operations):
            start = at
            if isinstance(operation, Write):
                at += _WRITE_NS + len(operation.data)
            elif isinstance(operation, (Sync, SyncDirectory)):
                at += dice.around(faults.slow_ns) if dice.chance(faults.slow) else faults.sync_ns + dice.around(faults.sync_ns)
                if self._failing < 0 and dice.chance(faults.failing):
                    self._failing = number
            else:
                at += _NAME_NS
            self._batch.append((at, operation))
            self._world.note(f"disk {self._name} {_say(operation)}", operation.data if isinstance(operation, Write) else b"")
            if number == crash_at:
                self._world.at(dice.between(start, at), self._crash_point, self._generation)
        end = self._batch[self._failing][0] if self._batch else at
        self._world.at(end, self._finish, self._generation, failed if self._failing >= 0 else done)

    def _finish(self, generation: int, report: Callable[[], None]) -> None:
        if generation != self._generation:
            return
        if self._failing >= 0:
            self._world.count("a sync failed")
        self._progress()
        self._batch.clear()
        report()

    def _crash_point(self, generation: int) -> None:
        if generation == self._generation and self._batch and self.on_crash_point is not None:
            self._world.count("a crash fell between two disk operations")
            self.on_crash_point()

    def _progress(self) -> None:
        """Execute what is done by now; the failing operation is not."""
        now = self._world.now_ns
        executed = 0
        for number, (end, operation) in enumerate(self._batch):
            if end > now or number == self._failing:
                break
            self.execute(operation)
            executed += 1
        del self._batch[:executed]

    # -- crashing --------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The process died: the machine lives on, and with it the page cache."""
        self._progress()
        if self._batch:
            operation = self._batch[0][1]
            if isinstance(operation, Write) and self._dice.chance(0.5):
                self.execute(Write(operation.name, operation.offset, operation.data[: self._dice.below(len(operation.data) + 1)]))
        self._batch.clear()
        self._generation += 1

    def power_cut(self) -> None:
        """The machine died: only what is durable is sure to be there."""
        self.kill()
        dice = self._dice
        tears = dice.chance(self.faults.tear)
        self._lose_names("kept" if tears else dice.pick(("lost", "kept", "any")))
        for name in sorted(self._names):
            file = self._names[name]
            if file.pending:
                fate = "torn" if tears else dice.pick(("lost", "kept", "any", "any"))
                for offset, written in file.pending:
                    self._survive(file, offset, written, fate)
                file.pending.clear()
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

    def _survive(self, file: File, offset: int, written: bytes, fate: str) -> None:
        how = fate if fate != "any" else self._dice.pick(("lost", "kept", "torn"))
        if how == "lost":
            self._world.count("an un-synced write was lost")
            return
        if how == "kept" or offset < 0:
            _put(file.durable, offset, written)
            return
        self._world.count("an un-synced write was torn")
        start = offset
        end = offset + len(written)
        # Any subset of its sectors; in half of the cases the first few of them, as disks that write in order leave it.
        first = self._dice.between(start, end) if self._dice.chance(0.5) else -1
        while start < end:
            stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if stop <= first if first >= 0 else self._dice.chance(0.5):
                _put(file.durable, start, written[start - offset : stop - offset])
            start = stop

    def durable(self) -> Durable:
        """What would be there if the power went now, and the dice were against us everywhere."""
        self._progress()
        return Durable(dict(self._durable_names), self._name)

    def damage(self, name: str, offset: int, mask: int) -> None:
        """Rot: flip bits of one durable byte. For scenarios about damage that no crash explains."""
        self._file(name).durable[offset] ^= mask


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
