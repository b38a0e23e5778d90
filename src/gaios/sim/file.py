"""One simulated file's bytes: what is durable, what a sync would make so, and what only the page cache still shows.  [reliability: ATC'20]

Rule 1. A read sees durable bytes under cached pages under un-synced writes.
Rule 2. A failed sync leaves its writes in the page cache, marked clean: reads see them, no later sync writes them, and a power cut takes
them or not. Only a write into the same page makes it dirty again, and then the whole page is written.
Rule 3. Rot stays rot when it is read and written back: until something else is written there.
"""

from collections.abc import Callable

from gaios.sim.dice import Dice

PAGE_BYTES = 4_096
SECTOR_BYTES = 512


class File:
    """Whatever names lead to it."""

    __slots__ = ("_cached", "_rotten", "durable", "pending")

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes]] = []
        """Un-synced: (offset, data); a negative offset sets the length to -offset, without data."""
        self._cached: dict[int, bytes] = {}
        """Pages that the cache holds for clean, though the disk never got them: by number."""
        self._rotten: dict[int, int] = {}
        """What rot left: by offset."""

    @property
    def is_clean(self) -> bool:
        """Whether a power cut would take nothing."""
        return not self.pending and not self._cached

    def size(self) -> int:
        """As a read sees it."""
        ends = [offset + len(written) if offset >= 0 else -offset for offset, written in self.pending]
        return max([len(self.durable), *ends, *(number * PAGE_BYTES + len(page) for number, page in self._cached.items())])

    def read(self, offset: int, length: int) -> bytes:
        """What a read sees."""
        if not self.pending and not self._cached:
            return bytes(memoryview(self.durable)[offset : offset + length])
        data = bytearray(max(0, min(length, self.size() - offset)))
        known = self.durable[offset : offset + len(data)]
        data[: len(known)] = known
        for at, written in [*((number * PAGE_BYTES, page) for number, page in self._cached.items()), *self.pending]:
            start, end = max(at, offset), min(at + len(written), offset + len(data))
            if at >= 0 and start < end:
                data[start - offset : end - offset] = written[start - at : end - at]
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Into the page cache."""
        if self._cached:
            for number in _pages(offset, data):
                if number in self._cached:
                    self.pending.append((number * PAGE_BYTES, self._cached.pop(number)))
        self.pending.append((offset, data))

    def set_size(self, size: int) -> None:
        """Longer, with zeros."""
        self.pending.append((-size, b""))

    def sync(self) -> None:
        """Make every write durable."""
        for offset, written in self.pending:
            put(self.durable, offset, written)
        self.pending.clear()

    def fail_to_sync(self) -> None:
        """A sync failed: what it should have kept is in the cache alone, and passes for clean."""
        touched = sorted({number for offset, written in self.pending for number in _pages(offset, written)})
        pages = {number: self.read(number * PAGE_BYTES, PAGE_BYTES) for number in touched}
        self.pending = [(offset, written) for offset, written in self.pending if offset < 0]
        self._cached.update(pages)

    def lose_cache(self, survives: Callable[[int, bytes], None]) -> None:
        """The power goes: each cached page and each un-synced write is told to `survives`, which may put it into `durable`."""
        lost = [*((number * PAGE_BYTES, page) for number, page in sorted(self._cached.items())), *self.pending]
        self._cached.clear()
        self.pending.clear()
        for offset, written in lost:
            survives(offset, written)

    def rot(self, offset: int, mask: int) -> None:
        """Flip bits of a durable byte."""
        self.durable[offset] ^= mask
        self._rotten[offset] = self.durable[offset]

    def is_rotten(self, start: int, end: int) -> bool:
        """Whether one of these durable bytes is what rot left there."""
        durable = self.durable
        return any(start <= offset < end and durable[offset : offset + 1] == bytes([left]) for offset, left in self._rotten.items())


def _pages(offset: int, data: bytes) -> range:
    """The pages that a write touches."""
    if offset < 0 or not data:
        return range(0)
    return range(offset // PAGE_BYTES, (offset + len(data) - 1) // PAGE_BYTES + 1)


def put(data: bytearray, offset: int, written: bytes) -> None:
    """Carry a write out on bytes."""
    if offset < 0:
        data.extend(bytes(max(0, -offset - len(data))))
        return
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(written)] = written


def tear(data: bytearray, offset: int, written: bytes, dice: Dice) -> None:
    """Carry a write out at some of its sectors: any of them; in half of the cases the first few, as disks that write in order leave it."""
    start, end = offset, offset + len(written)
    first = dice.between(start, end) if dice.chance(0.5) else -1
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if stop <= first if first >= 0 else dice.chance(0.5):
            put(data, start, written[start - offset : stop - offset])
        start = stop
