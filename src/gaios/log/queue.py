"""Entries that wait for a slot, within bounds.  [PML §4.2; SAFETY 28]"""

from collections import deque
from typing import Any

from gaios.errors import Overloaded
from gaios.log.options import Options

Waiting = tuple[Any, bytes]
"""The submitter's token, the entry."""


class Queue:
    """First come, first proposed; bounded in entries and bytes."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.waiting: deque[Waiting] = deque()
        """To be looked at: whether anything waits is asked at every turn of a loop."""
        self._bytes = 0

    def __len__(self) -> int:
        """Entries that wait."""
        return len(self.waiting)

    @property
    def fills_a_batch(self) -> bool:
        """Whether the bytes that wait are enough for a slot's value."""
        return self._bytes >= self._options.batch_bytes

    def put(self, token: Any, entry: bytes) -> None:  # noqa: ANN401 (a token is the shell's own)
        """Wait for a slot.

        Raises:
            Overloaded: the queue is full.
        """
        options = self._options
        if len(self.waiting) >= options.queue_entries:
            raise Overloaded(what="the master's queue", limit=options.queue_entries, unit="entries")
        if self._bytes + len(entry) > options.queue_bytes:
            raise Overloaded(what="the master's queue", limit=options.queue_bytes, unit="bytes")
        self.waiting.append((token, entry))
        self._bytes += len(entry)

    def batch(self) -> list[Waiting]:
        """The next slot's entries: as many as a batch may hold, at least one if any waits."""
        options, taken, size = self._options, list[Waiting](), 0
        while self.waiting and len(taken) < options.batch_entries and size < options.batch_bytes:
            taken.append(self.waiting.popleft())
            size += len(taken[-1][1])
        self._bytes -= size
        return taken

    def drain(self) -> list[Waiting]:
        """Take all out, to be answered otherwise."""
        taken = list(self.waiting)
        self.waiting.clear()
        self._bytes = 0
        return taken
