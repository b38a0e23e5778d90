"""A disk that a test may do anything to: writes are torn, syncs fail, and what is durable can be changed, or refused, at will."""

from functools import partial
from random import Random

from gaios.errors import StateDamaged, StateMissing
from gaios.sim.file import File, put
from gaios.storage import UNREADABLE, Create, Identity, Operation, Remove, Rename, Sync, Write, record, segment
from gaios.storage.record import Header, candidates

SECTOR_BYTES = 512


class Crash(Exception):
    """The process ended in the middle of a batch."""


class BadDisk:
    """Names are durable at once; contents are when they are synced, and may be torn before."""

    def __init__(self, dice: Random, identity: Identity) -> None:
        self.files: dict[str, File] = {}
        self.unreadable: dict[File, list[tuple[int, int]]] = {}
        """What cannot be read, until something is written there."""
        self._dice, self._crc_seed = dice, record.seed(identity)

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return self._file(name).size()

    def read(self, name: str, offset: int, length: int) -> bytes:
        file = self._file(name)
        if any(start < offset + length and offset < end for start, end in self.unreadable.get(file, ())):
            raise StateDamaged(file=name, offset=offset, kind=UNREADABLE, detail="the disk does not give it back")
        return file.read(offset, length)

    def _file(self, name: str) -> File:
        if name not in self.files:
            raise StateMissing(directory="the disk", what=name)
        return self.files[name]

    def execute(self, operation: Operation, *, fails: bool = False) -> None:
        match operation:
            case Write(name, offset, data):
                file = self.files[name]
                file.write(offset, bytes(data))
                left = [gap for gap in self.unreadable.get(file, ()) if not (gap[0] < offset + len(data) and offset < gap[1])]
                self.unreadable[file] = left
            case Sync(name) if fails:
                self.files[name].fail_to_sync()
                raise Crash
            case Sync(name):
                self.files[name].sync()
            case Create(name, size):
                file = self.files[name] = File()
                file.set_size(size)
                file.sync()
            case Rename(old, new):
                self.files[new] = self.files.pop(old)
            case Remove(name):
                if self.files.pop(name, None) is None:
                    raise Crash

    def lose_power(self) -> None:
        for _, file in sorted(self.files.items()):
            file.lose_cache(partial(self._survive, file))

    def _survive(self, file: File, offset: int, written: bytes) -> None:
        how, cut = self._dice.choice(["lost", "kept", "torn", "torn", "begun"]), self._dice.randrange(len(written) + 1)
        for at in range(0, len(written), SECTOR_BYTES):
            if how == "kept" or (how == "torn" and self._dice.random() < 0.5) or (how == "begun" and at < cut):
                put(file.durable, offset + at, written[at : at + SECTOR_BYTES])

    def headers(self) -> list[Header]:
        """Of all records that can be read, durably."""
        found = []
        for number in segment.numbers(self.files):
            found += candidates(bytes(self.files[segment.name(number)].durable), 0, self._crc_seed, number)
        return found
