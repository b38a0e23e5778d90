"""The words of this room: whose a directory is, how it is read, and what is to be done to it.

Rule 1. The core never touches a file. It reads through a `Reader` and answers with `Operation`s, which a shell carries out in order.
Rule 2. Names are relative to the replica's directory and use `/`: `promise-1`, `wal/00000001.wal`.
Rule 3. What a crash leaves behind: a `Write` is durable, whole, once a later `Sync` of the same file has returned; until then any
subset of its sectors of 512 bytes may have reached the disk, each whole. `Create`, `Rename` and `Remove` are durable once a later
`SyncDirectory` of the directory that holds the name has returned; until then each may or may not have happened.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gaios.errors import DiskFailed, StateDamaged, TooOld

UNREADABLE = "unreadable"
"""The kind of what the disk does not give back at all."""


class Identity(NamedTuple):
    """Whose directory it is.  [SAFETY 2, 4]"""

    cell: bytes
    """The cell's id, 16 bytes."""
    member: int
    """The member number: one life in one place; 1 to 65,535."""
    boot: int
    """The boot in which new segments are written; 0 while it is not known yet."""


class Record(NamedTuple):
    """One record of the log. What kinds other than `MARK` and `STATE` mean is the caller's affair."""

    kind: int
    """1 to 255."""
    slot: int
    """Below 2⁶⁴, as `ballot`."""
    ballot: int
    payload: bytes
    """At most `record.PAYLOAD_BYTES_MAX` bytes."""


class Reader(Protocol):
    """The bytes of a replica's directory, as a shell shows them."""

    def names(self) -> list[str]:
        """Every file's name, those below `wal/` and `snap/` included."""
        ...

    def size(self, name: str) -> int:
        """A file's length in bytes."""
        ...

    def read(self, name: str, offset: int, length: int) -> bytes:
        """These bytes of a file; fewer where it ends before.

        Raises:
            StateDamaged: of kind `UNREADABLE`: the disk does not give one of them back.
        """
        ...


class Create(NamedTuple):
    """Make a file that did not exist, of `size` zero bytes. An existing one is an error."""

    name: str
    size: int


class Write(NamedTuple):
    """Put `data` at `offset`, whole."""

    name: str
    offset: int
    data: bytes


class Sync(NamedTuple):
    """Make a file's content durable: fdatasync."""

    name: str


class SyncDirectory(NamedTuple):
    """Make a directory's entries durable: fsync. `name` is "wal", "snap", or "" for the replica's directory itself."""

    name: str


class Rename(NamedTuple):
    """Give a file another name, in the same directory, that is not in use."""

    old: str
    new: str


class Remove(NamedTuple):
    """Take a file away."""

    name: str


Operation = Create | Write | Sync | SyncDirectory | Rename | Remove


class Problem(NamedTuple):
    """Something in a directory that is not as it should be.  [INTERFACE `verify`]"""

    file: str
    offset: int
    kind: str
    """One word; `tail` is an unfinished write, which is cut at the next start, and no damage."""
    detail: str


def refusal(problem: Problem) -> StateDamaged | TooOld | DiskFailed:
    """The error with which a replica refuses to start: what is intact and of another format was written by a newer version.

    What the disk does not give back may be there: it is a disk that failed, and no lost state.
    """
    if problem.kind == UNREADABLE:
        return DiskFailed(file=problem.file, operation="read", reason=f"{problem.detail} (byte {problem.offset})")
    if problem.kind == "version":
        return TooOld(what=problem.file, reason=problem.detail)
    return StateDamaged(file=problem.file, offset=problem.offset, kind=problem.kind, detail=problem.detail)


class Damage(NamedTuple):
    """Bytes of the log that were durable once and cannot be read any more.  [SAFETY 7, 15]"""

    segment: int
    start: int
    end: int
    """Behind its last byte: the next intact record stands there. `SEGMENT_BYTES_MAX`: none does in this segment."""
    kind: str
    detail: str
    at: int
    """How many of the records that were read stand before it."""
    record: Record | None = None
    """What an intact header proves of the one record that it is; its payload is empty. None: any records may have stood there."""
    lost: int = 1
    """How many records it hides, as the numbers of those around it tell."""
    is_repaired: bool = False
    """A later record says that all of it was replaced."""

    @property
    def place(self) -> "Place":
        """What a record of repair calls it."""
        return Place(self.segment, self.start, self.end)


class Place(NamedTuple):
    """A range of a segment's bytes."""

    segment: int
    start: int
    end: int

    def covers(self, other: "Place") -> bool:
        """Whether the other lies within it. One without bytes is not within those that end where it stands."""
        within = self.start <= other.start < self.end and other.end <= self.end
        return self.segment == other.segment and (within or self == other)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a directory held."""

    copies: bytes
    """The newer intact copy."""
    records: list[Record]
    """All records in order, without marks."""
    operations: list[Operation]
    """To be carried out before the replica says anything: the cut, the rewriting of what nothing proves durable, the copies."""
    cut: Problem | None
    """The unfinished write that is cut, for the log file."""
    damaged: list[Damage]
    """What was durable and cannot be read any more, in order; what the caller repairs of it, it names in a `REPAIR` record."""
    begins_later: bool
    """Whether older segments were given up."""
