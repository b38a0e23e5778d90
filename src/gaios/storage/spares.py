"""Files that stand ready to become segments: the next one, a reserve for the day when the disk is full.  [SAFETY 5, 28]

    wal/next        the next segment, made once the present one is half full
    wal/reserve-1   segments that are made early and used only when no other can be made: leases, promises, epochs, charges, deletes and
    wal/reserve-2   compactions go on with them
    wal/new         one of unusual length, for a batch that no ordinary segment could hold

Rule 1. A batch makes no file: it takes one that stands ready here, zero-filled, synced, under a durable name. So nothing that stands in a
batch can fail for lack of space; a file system that has none all the same (one that copies on write) fails the batch's sync, and that is
the end, as every failed sync.
Rule 2. One file is made at a time, beside the batches. That there is no room for it is no failure of the disk: it is told, and tried again.
Rule 3. A file that an earlier process left does not count before it is zero-filled and synced anew: a page cache proves nothing. That takes
no room where it had some already.
Rule 4. Where there is no room for one of unusual length, those that are too short for that batch make some: until it is written nothing is,
so they are of no use meanwhile, and they are made anew afterwards.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gaios.storage import segment
from gaios.storage.segment import MADE, SPARE
from gaios.storage.words import Create, Operation, Remove, Sync, SyncDirectory, Write

RESERVES: Final = ("wal/reserve-1", "wal/reserve-2")
"""16 MiB in all: days of charges and leases, or tens of thousands of deletes."""
KEPT: Final = (SPARE, *RESERVES)


class Ready(NamedTuple):
    """A file that a batch may rename and write into."""

    name: str
    size: int


class Spares:
    """What stands ready, what is being made, what is wanted.

    Invariants:
        1. A name is in at most one of `_ready`, `_left`, `_making`, `_taken`.
    """

    __slots__ = ("_left", "_making", "_ready", "_segment_bytes", "_taken", "full")

    def __init__(self, segment_bytes: int, left: Mapping[str, int]) -> None:
        """`left` are the files, by name, that an earlier process left, with their sizes; see `unfit` for those to be removed."""
        self._segment_bytes = segment_bytes
        self._left = {name for name, size in left.items() if name in KEPT and size == segment_bytes}
        self._ready: dict[str, int] = {}
        self._making: Ready | None = None
        self._taken = ""
        self.full = False
        """Whether there was no room for a file, and not all that is wanted was made since."""

    @property
    def ready_bytes(self) -> int:
        """What all files that stand ready would hold."""
        return sum(self._ready.values())

    def has(self, size: int) -> bool:
        """Whether a batch that needs a segment of this size, or a larger one, can have it."""
        return self._find(size) is not None

    def take(self, size: int) -> Ready | None:
        """One for the batch that begins now; None if there is none. Its name is in use until `carried_out`."""
        found = self._find(size)
        if found is not None:
            self._taken = found.name
            del self._ready[found.name]
        return found

    def carried_out(self) -> None:
        """The batch that took one is carried out: the name is free again."""
        self._taken = ""

    def prepare(self, *, wants_next: bool, wants_reserve: bool, lacking: int = 0) -> list[Operation]:
        """Make the most urgent file that is wanted; nothing if there is none, or while one is made. Then call `made`, or `no_room`.

        Args:
            wants_next: the present segment is half full.
            wants_reserve: it is time for the reserve.
            lacking: a batch waits for a segment of so many bytes; 0: none does.
        """
        if self._making is not None:
            return []
        wants_next = wants_next or lacking > 0 or self.full
        wanted = [SPARE] if wants_next else []
        wanted += RESERVES if wants_reserve or lacking or self.full else ()
        wanted = [name for name in wanted if name not in self._ready and name != self._taken]
        if lacking > self._segment_bytes:
            making = Ready(MADE, lacking)
        elif wanted:
            # Where there was no room, what lies there already goes first.
            making = Ready(min(wanted, key=lambda name: name not in self._left) if self.full else wanted[0], self._segment_bytes)
        else:
            self.full = False
            return []
        self._making = making
        name, size = making
        useless = sorted({*self._ready, *self._left} - {MADE}) if name == MADE and self.full else []
        for each in useless:
            self._ready.pop(each, 0)
            self._left.discard(each)
        if name in self._left:
            return [Write(name, 0, bytes(size)), Sync(name), SyncDirectory(segment.DIRECTORY)]
        outgrown: list[Operation] = [Remove(name)] if self._ready.pop(name, 0) else []
        outgrown += (*map(Remove, useless), SyncDirectory(segment.DIRECTORY)) if useless else ()
        return [*outgrown, Create(name, size), Sync(name), SyncDirectory(segment.DIRECTORY)]

    def made(self) -> None:
        """All that `prepare` asked for was carried out."""
        if self._making is not None:
            self._left.discard(self._making.name)
            self._ready[self._making.name] = self._making.size
            self._making = None

    def no_room(self) -> None:
        """There was no room for it, and the shell took away what it had made of it."""
        self._making = None
        self.full = True

    def _find(self, size: int) -> Ready | None:
        for name in KEPT if size <= self._segment_bytes else (MADE,):
            if self._ready.get(name, 0) >= size:
                return Ready(name, self._ready[name])
        return None


def unfit(left: Mapping[str, int], segment_bytes: int) -> list[str]:
    """Of the files that an earlier process left, those that cannot be used again."""
    return [name for name in (*KEPT, MADE) if name in left and (name == MADE or left[name] != segment_bytes)]
