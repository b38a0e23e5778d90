"""When the disk is read again, and how fast: a pass over everything that lies still, every so often.  [SAFETY 15, 28]

Rule 1. Nothing is read here: a step is handed out, carried out beside the turns, and what it found comes back through `done`.
Rule 2. One step at a time, and after each a pause in which as much could be read at the rate that is allowed.
Rule 3. A start reads everything, so the first pass begins `scrub_every_ms` after it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from gaios.log.options import FAR
from gaios.server.effects import Limits
from gaios.storage import Identity, Piece, Reader, scrub_copies, scrub_segment, scrub_snapshot

Step = Callable[[], Piece | None]


class Scrubber:
    """One replica's."""

    def __init__(self, reader: Reader, identity: Identity, limits: Limits, now: int) -> None:
        self._reader, self._identity, self._limits = reader, identity, limits
        self._due = now + limits.scrub_every_ms * 1_000_000 if limits.scrub_bytes_s else FAR
        self._began = 0
        self._pieces: Iterator[Piece] | None = None
        self._flies = False
        self.bytes = 0
        """Read again since the start; `damaged`: places found; `passes`: over everything, whole."""
        self.damaged = self.passes = 0

    def work(self, now: int, sealed: range, snapshots: list[int]) -> Step | None:
        """The next step, if it is time; `sealed` are the segments, `snapshots` the slots of those, that lie still."""
        if self._flies or now < self._due:
            return None
        if self._pieces is None:
            self._began = now
            self._pieces = self._all(sealed, snapshots)
        self._flies = True
        return partial(next, self._pieces, None)

    def _all(self, sealed: range, snapshots: list[int]) -> Iterator[Piece]:
        reader, identity, piece_bytes = self._reader, self._identity, self._limits.scrub_piece_bytes
        return chain(
            scrub_copies(reader),
            chain.from_iterable(scrub_segment(reader, identity, number, piece_bytes) for number in sealed),
            chain.from_iterable(scrub_snapshot(reader, identity.cell, slot) for slot in snapshots),
        )

    def done(self, now: int, piece: Piece | None) -> None:
        """A step was carried out; None: it was a pass's last."""
        self._flies = False
        if piece is None:
            self._pieces = None
            self.passes += 1
            self._due = max(now, self._began + self._limits.scrub_every_ms * 1_000_000)
            return
        self.bytes += piece.size
        self.damaged += piece.damage is not None
        self._due = now + piece.size * 1_000_000_000 // self._limits.scrub_bytes_s

    def due_ns(self) -> int:
        """When `work` has a step."""
        return FAR if self._flies else self._due
