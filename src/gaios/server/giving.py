"""Parts of this replica's snapshots, for peers that fetch them.  [PML §5.5; SAFETY 26]

Rule 1. Only what is proved is given: whoever takes it takes it for right. What stands in the file is proved by its digests, whatever became
of the database since.
Rule 2. What cannot be read any more is said to be gone: whoever asked goes elsewhere.
"""

from collections.abc import Iterable
from contextlib import suppress

from gaios.errors import StateDamaged
from gaios.log.codec import GONE, PART, Message
from gaios.server.loading import Kept
from gaios.storage import Reader
from gaios.storage.snapshot import File


class Giving:
    """Of one replica."""

    def __init__(self, reader: Reader, cell: bytes) -> None:
        self._reader, self._cell = reader, cell
        self._files: dict[int, File] = {}
        """Those that peers asked for parts of."""

    def answer(self, proved: Iterable[Kept], slot: int, digest: bytes, part: int) -> Message:
        """What a peer is told that asks for a part of one: 0 is its closing, n is chunk n - 1."""
        if any(each.handle.slot == slot and each.handle.digest == digest for each in proved):
            with suppress(StateDamaged):
                file = self._files.get(slot)
                if file is None:
                    file = self._files[slot] = File(self._reader, slot, self._cell)
                return (PART, slot, digest, part, file.chunk(part - 1) if part else file.closing())
        return (GONE, slot, digest)

    def forget(self, slots: Iterable[int]) -> None:
        """These files are no more, or others."""
        for slot in slots:
            self._files.pop(slot, None)
