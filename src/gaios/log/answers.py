"""What the log answers to a submitted entry or a question, and what each answer proves.  [SAFETY 20]"""

from enum import IntEnum
from typing import NamedTuple


class Status(IntEnum):
    """The first byte of an answer."""

    DONE = 0
    """Carried out; `body` is the machine's reply."""
    REFUSED = 1
    """Carried out to a deterministic error, packed in `body`: nothing was changed."""
    NOT_MASTER = 2
    """Not proposed here: ask another replica."""
    OVERLOADED = 3
    """Not proposed: a queue is full."""
    IN_DOUBT = 4
    """Proposed, then mastership was lost: chosen or not, now or later. Ask again with the same identity."""
    UNKNOWN_SESSION = 5
    """The exactly-once table does not know the client: nothing was changed by this attempt."""
    STALE = 6
    """Carried out before; the answer is forgotten."""
    INVALID = 7
    """Not proposed: malformed, or there is no room for it on the disks."""
    UNAVAILABLE = 8
    """A read that found no lease in time."""


class Answer(NamedTuple):
    """An answer; for refusals `body` is a packed error (`errors.pack`), empty for NOT_MASTER and IN_DOUBT."""

    status: int
    slot: int = 0
    """Where the entry stands in the log; for a read, the applied slot that it saw."""
    index: int = 0  # type: ignore[assignment]  # the literature's word; nobody searches an answer
    body: bytes = b""
