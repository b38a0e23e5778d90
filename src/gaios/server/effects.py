"""What a turn of a node wants done, and what it lets others take up.  [STYLE 1]"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from gaios.log import Answer, Evidence
from gaios.log.codec import Message
from gaios.server.guests import Connection
from gaios.server.outbox import ToPeer
from gaios.storage import PIECE_BYTES, Operation, Piece


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What clients, one by one, and the search for rot may take up."""

    requests: int = 1_024
    """Requests under way: enough to fill a batch alone."""
    watches: int = 256
    scrub_bytes_s: int = 16 << 20
    """Bytes a second that are read again, at most, to find rot; 0: none are. Checking so many takes a few hundredths of a core."""
    scrub_every_ms: int = 3_600_000
    """From the beginning of one pass over all that lies still to that of the next, if it is not longer."""
    scrub_piece_bytes: int = PIECE_BYTES
    """Bytes that one step reads, about; a record that is longer, whole."""


class Effects(NamedTuple):
    """What a turn wants done."""

    disk: list[Operation] | None
    """A batch to carry out in order; `disk_done` is to be called when its last operation returned. Never given while one is in flight."""
    spare: list[Operation] | None
    """A new file to be made beside that; then `spare_done` is to be called, or `no_room` when there is none: a batch may wait for it."""
    to_peers: list[ToPeer]
    to_clients: list[tuple[Connection, bytes]]  # whole frames, joined
    local: list[tuple[int, Answer]]  # answers to the embedding program's own requests
    deadline_ns: int  # when `tick` is due
    snapshot: list[Operation] | None = None
    """To be carried out beside both, in order, then `snapshot_done` is to be called; never given while some are under way."""
    evidence: Evidence | None = None
    """To be kept for people, beside everything else. With `fatal`, this replica then stops with that error and does nothing else."""
    scrub: Callable[[], Piece | None] | None = None
    """To be called beside everything else, on another thread; then `scrubbed` is to be told what it returned."""
    asked: Sequence[Message] = ()
    """What the store of backups is asked: `store_said` is to be told what it answers, if it does. Nothing while there is none."""
