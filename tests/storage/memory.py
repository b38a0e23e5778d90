"""A disk in memory that forgets at a crash what a real one may forget, and a replica's life to try it with.

Small on purpose, and apart from the simulator's disk, so that a mistake in one model of a disk does not hide in both. Of the sectors that
differ from what was last synced any subset reaches this disk, each whole; of the directory operations since the last sync of the directory
any subset happens.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from gaios.storage import Create, Identity, Journal, Operation, Record, Recovered, Remove, Rename, Sync, SyncDirectory, Write, create

SECTOR_BYTES = 512
ME = Identity(b"cell of a test..", 3, 1)
VALUE = 2
"""The kind of the records that stories write."""
Keep = Callable[[], bool]


class File:
    def __init__(self, size: int = 0) -> None:
        self.durable = bytearray()
        self.current = bytearray(size)
        self.dirty: set[int] = set(range(-(-size // SECTOR_BYTES)))

    def write(self, offset: int, data: bytes) -> None:
        self.current.extend(bytes(max(0, offset + len(data) - len(self.current))))
        self.current[offset : offset + len(data)] = data
        self.dirty.update(range(offset // SECTOR_BYTES, -(-(offset + len(data)) // SECTOR_BYTES)))

    def sync(self) -> None:
        """Only what is dirty goes to the disk: a page that was marked clean after a failed sync never does."""
        self.durable.extend(bytes(len(self.current) - len(self.durable)))
        for sector in self.dirty:
            place = slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
            self.durable[place] = self.current[place]
        self.dirty.clear()

    def rewritten(self, data: bytes) -> "File":
        """Another file with these bytes, all durable."""
        after = File()
        after.write(0, data)
        after.sync()
        return after

    def crashed(self, keep: Keep) -> "File":
        after = File()
        after.durable, after.current = bytearray(self.durable), bytearray(self.durable)
        if len(self.current) > len(self.durable) and keep():
            after.current.extend(bytes(len(self.current) - len(self.durable)))
        for sector in sorted(self.dirty):
            if keep():
                after.write(sector * SECTOR_BYTES, bytes(self.current[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES]))
        after.sync()
        return after


class Memory:
    """A replica's directory."""

    def __init__(self, files: dict[str, File] | None = None) -> None:
        self.files = dict(files or {})
        self._durable = dict(self.files)
        self._pending: list[tuple[str, str, File]] = []

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return len(self.files[name].current)

    def read(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self.files[name].current[offset : offset + length])

    def execute(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            self.perform(operation)

    def perform(self, operation: Operation) -> None:
        match operation:
            case Write(name, offset, data):
                self.files[name].write(offset, data)
            case Sync(name):
                self.files[name].sync()
            case Create(name, size):
                self._change("", name, File(size))
            case Rename(old, new):
                self._change(old, new, self.files[old])
            case Remove(name):
                self._change(name, "", self.files[name])
            case SyncDirectory(directory):
                here = [change for change in self._pending if (change[0] or change[1]).rpartition("/")[0] == directory]
                for change in here:
                    _apply(self._durable, *change)
                self._pending = [change for change in self._pending if change not in here]

    def _change(self, old: str, new: str, file: File) -> None:
        assert new not in self.files, f"{new} exists"
        _apply(self.files, old, new, file)
        self._pending.append((old, new, file))

    def crashed(self, keep: Keep) -> "Memory":
        """What a machine finds after a crash; `keep` is asked about each sector, length and directory operation."""
        names = dict(self._durable)
        for change in self._pending:
            if keep():
                _apply(names, *change)
        return Memory({name: file.crashed(keep) for name, file in names.items()})

    def copy(self) -> "Memory":
        """The same bytes, all of them durable."""
        return Memory({name: file.rewritten(bytes(file.current)) for name, file in self.files.items()})


def _apply(names: dict[str, File], old: str, new: str, file: File) -> None:
    if old and names.get(old) is file:
        del names[old]
    if new:
        names[new] = file


def all_kept() -> bool:
    """The process was killed; the machine lived on."""
    return True


def all_lost() -> bool:
    """The power went before anything left the page cache."""
    return False


def some_kept(seed: int) -> Keep:
    """Torn writes in any order."""
    random = Random(seed)
    share = random.choice((0.2, 0.5, 0.8))
    return lambda: random.random() < share


@dataclass
class Life:
    """What a replica wrote, and what it may have told others of."""

    written: list[Record] = field(default_factory=list)
    acknowledged: int = 0
    """How many of `written` were acknowledged."""
    copies: list[bytes] = field(default_factory=list)
    acknowledged_copies: int = 0

    def check(self, recovered: Recovered) -> int:
        """Nothing acknowledged is lost, nothing is made up, nothing is out of order. Returns how many records are left."""
        found = values(recovered)
        assert found == self.written[: len(found)]
        assert len(found) >= self.acknowledged, f"{self.acknowledged - len(found)} acknowledged records are lost"
        assert recovered.copies in self.copies[max(0, self.acknowledged_copies - 1) :], "an acknowledged promise is lost"
        for position, payload in states(recovered):
            assert payload == b"state %d" % position
        return len(found)


def values(recovered: Recovered) -> list[Record]:
    """All recovered records but the states."""
    return [found for found in recovered.records if found.kind == VALUE]


def accounted(recovered: Recovered, written: list[Record]) -> int:
    """No record is made up or out of order, and what is missing lies in bytes that are named as damaged. Returns how many are missing."""
    found = values(recovered)
    rest = iter(written)
    assert all(any(record == other for other in rest) for record in found), "every record was written, in this order"
    missing = len(written) - len(found)
    ends = bool(found) and found[-1] == written[-1]  # otherwise an end may be cut, or gone without a trace
    assert not ends or missing <= sum(damage.lost for damage in recovered.damaged)
    for damage in recovered.damaged:
        if damage.record is not None and damage.record.kind == VALUE:
            known = [record for record in written if (record.slot, record.ballot) == damage.record[1:3]]
            assert known, "an intact header tells of a record that was written"
    return missing


def states(recovered: Recovered) -> Iterator[tuple[int, bytes]]:
    """The payload of every recovered state record, with the number of records before it."""
    position = 0
    for found in recovered.records:
        if found.kind == VALUE:
            position += 1
        else:
            yield position, found.payload.rstrip(b".")


def state_of(life: Life, before: int) -> Callable[[], Record]:
    """A state record that says how many records stand before it, of a size that does not divide."""
    return lambda: Record(1, before, 0, b"state %d" % before + b"." * 13)


def story(life: Life, rounds: int, segment_bytes: int = 1024) -> Iterator[Operation]:
    """A replica's operations from creation on. `life` is told of an acknowledgement as soon as the last operation was carried out.

    Batches of different lengths, promises in between, marks now and then, spare segments sometimes, and a clean end.
    """
    memory = Memory()

    def carried(operations: list[Operation]) -> Iterator[Operation]:
        memory.execute(operations)
        yield from operations

    life.copies.append(b"promise 0")
    yield from carried(create(ME, b"promise 0", Record(1, 0, 0, b"state 0"), segment_bytes=segment_bytes))
    life.acknowledged_copies = 1
    journal, recovered = Journal.open(ME, memory, segment_bytes=segment_bytes)
    yield from carried(recovered.operations)
    for number in range(1, rounds + 1):
        before = len(life.written)
        batch = [Record(VALUE, before + at, number << 16, bytes([number]) * (37 * (number + at) % 211)) for at in range(number % 3 + 1)]
        promise = b"promise %d" % number if number % 3 == 1 else None
        life.written += batch
        life.copies += [promise] if promise else []
        yield from carried(journal.batch(promise, batch, state_of(life, before)))
        life.acknowledged, life.acknowledged_copies = len(life.written), len(life.copies)
        if number % 2:
            yield from carried(journal.mark())
        if number % 4 == 2 and (making := journal.prepare(wants_reserve=number % 8 == 6)):
            yield from carried(making)
            journal.spares.made()
    yield from carried(journal.close())


def lived(rounds: int, segment_bytes: int = 1024) -> tuple[Memory, Life]:
    """A directory after a whole story."""
    memory, life = Memory(), Life()
    for operation in story(life, rounds, segment_bytes):
        memory.perform(operation)
    return memory, life
