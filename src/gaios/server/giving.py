"""Parts of this replica's snapshots, for peers that fetch them.  [PML §5.5; SAFETY 26]

Rule 1. Only what is proved is given: whoever takes it takes it for right. What stands in the file is proved by its digests, whatever became
of the database since.
Rule 2. What cannot be read any more is said to be gone: whoever asked goes elsewhere. And that it is damaged is known from then on.
"""

from collections.abc import Callable, Iterable

from gaios.errors import StateDamaged
from gaios.log.codec import GONE, PART, Message
from gaios.server.loading import Kept
from gaios.storage import Reader
from gaios.storage.snapshot import File


class Giving:
    """Reads parts of one replica's snapshots for peers that ask."""

    def __init__(self, reader: Reader, cell: bytes, spoil: Callable[[int, str], None]) -> None:
        """`spoil` is told the slot of one that cannot be read, and why."""
        self._reader, self._cell, self._spoil = reader, cell, spoil
        self._files: dict[int, File] = {}
        """Open ones, by slot: those that peers asked for parts of."""

    def answer(self, proved: Iterable[Kept], slot: int, digest: bytes, part: int) -> Message:
        """What a peer is told that asks for a part of one: 0 is its closing, n is chunk n - 1."""
        wanted = next((each.handle for each in proved if each.handle.slot == slot and each.handle.digest == digest), None)
        if wanted is not None and 0 <= part <= wanted.chunks:
            try:
                file = self._files.get(slot)
                if file is None:
                    file = self._files[slot] = File(self._reader, slot, self._cell)
                return (PART, slot, digest, part, file.chunk(part - 1) if part else file.closing())
            except StateDamaged as error:
                self._spoil(slot, str(error))
        return (GONE, slot, digest)

    def forget(self, slots: Iterable[int]) -> None:
        """These files are no more, or others."""
        for slot in slots:
            self._files.pop(slot, None)
