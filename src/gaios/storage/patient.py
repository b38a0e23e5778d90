"""Reading on where the disk gives some bytes back no more: whoever reads goes around them.  [SAFETY 7, 15]

Rule 1. A sector that cannot be read is damage like any other, and made good like any other. What is whole behind it is read.
Rule 2. In place of what cannot be read stands what no checksum takes for intact, and nobody for a file's end: not zeros.
Rule 3. No unfinished write is known to leave such a sector behind, and it may be readable tomorrow: nothing is cut for it, and no state is
called lost. Where it would come to that a start says that the disk failed, and a person has to look.
"""

from typing import Final

from gaios.errors import StateDamaged
from gaios.storage.words import UNREADABLE, Reader

BLOCK_BYTES: Final = 4_096
"""A page: nothing smaller is read from a disk through the system's cache."""
FAILURES_MAX: Final = 64
"""A disk may try each for seconds: behind so many in one read the rest of it counts for unreadable, too."""
_FILLER: Final = b"\xee"


class Patient:
    """A `Reader` that reads around what another one cannot read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.gaps: dict[str, list[tuple[int, int]]] = {}
        """Bytes that could not be read, from and to, by file."""

    def names(self) -> list[str]:
        """Every file's name."""
        return self._reader.names()

    def size(self, name: str) -> int:
        """A file's length in bytes."""
        return self._reader.size(name)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """These bytes of a file; others, and an entry in `gaps`, where they cannot be read."""
        try:
            return self._reader.read(name, offset, length)
        except StateDamaged as error:
            if error.kind != UNREADABLE:
                raise
        parts, failures, end = list[bytes](), 0, min(offset + length, self.size(name))
        while offset < end:
            until = min(end, (offset // BLOCK_BYTES + 1) * BLOCK_BYTES) if failures < FAILURES_MAX else end
            try:
                parts.append(self._reader.read(name, offset, until - offset) if failures < FAILURES_MAX else b"")
            except StateDamaged:
                parts.append(b"")
            if len(parts[-1]) < until - offset:
                failures += 1
                parts[-1] = _FILLER * (until - offset)
                self.gaps.setdefault(name, []).append((offset, until))
            offset = until
        return b"".join(parts)

    def misses(self, name: str, start: int, end: int) -> bool:
        """Whether one of these bytes could not be read."""
        return any(first < end and start < behind for first, behind in self.gaps.get(name, ()))
