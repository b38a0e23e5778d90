"""What a run leaves behind for the checkers: plain records, in the order in which they were observed.  [PML §6.3]

`order` numbers grow with every observation of the world (two things at one nanosecond still have an order); `*_ns` are true time.

Left out on purpose: how the records are made (cell.py, workload.py), what they must satisfy (checkers/).
"""

from collections.abc import Mapping
from typing import NamedTuple

from gaios import api

DONE = "done"
REFUSED = "refused"
UNKNOWN = "unknown"
REBUILT = 1 << 20
"""A life that makes its database anew counts as another from there on: its number grows by this."""


class Violation(NamedTuple):
    """A property that did not hold."""

    property: str
    """The checker's name."""
    detail: str
    """Both sides of the comparison."""

    def __str__(self) -> str:
        return f"{self.property}: {self.detail}"


class Call(NamedTuple):
    """One operation of a client, from its first attempt to its last answer."""

    number: int
    client: int
    request: api.MultiOp | api.Range | api.Compact
    began: int
    """`order` of the call."""
    began_ns: int
    ended: int | None
    """`order` of the answer; None when none came."""
    ended_ns: int
    """0 when no answer came."""
    outcome: str
    """DONE, REFUSED (certainly without effect) or UNKNOWN.  [SAFETY 20]"""
    reply: api.MultiOpResult | api.Page | api.CompactResult | None
    whose: tuple[int, int, int] = (0, 0, 0)
    """The identity (slot, index) and sequence under which a write was last sent; zeros if it never was.  [SAFETY 19]"""
    slot: int = 0
    """Where an acknowledged write stands in the log; 0 for reads."""
    nth: int = 0
    """Its place in the slot's batch, from 0."""
    error: str = ""


class Applied(NamedTuple):
    """One replica applied one slot."""

    at_ns: int
    replica: int
    boot: int
    """Which of its lives: counts starts, those included that died before their boot number was durable; `REBUILT` more for each rebuild."""
    slot: int
    value: bytes
    """The chosen value."""
    chain: bytes
    """The log's running hash through this slot.  [SAFETY 16]"""
    checksum: int
    """Of the machine's state after this slot."""
    epoch: int
    revision: int
    time_ms: int = 0
    """The log's advisory time after this slot.  [SAFETY 17]"""


class Life(NamedTuple):
    """One life of one replica, in which it promised, voted or granted."""

    replica: int
    life: int
    boot: int


class Final(NamedTuple):
    """One replica at the end."""

    life: int
    applied: int
    state: Mapping[bytes, bytes]
    """Its keys' values."""
    snapshot: bytes
    """The hash of its machine's whole snapshot, and of its exactly-once table's."""
    dropped: Mapping[int, bytes | None] = {}
    """Of each slot that is no more in memory: the value that its disk has, None if it has none."""
    reserved: Mapping[bytes, tuple[bytes, int]] = {}
    """The lock service's keys: value and create revision."""
    base: int = 0
    """It came from a snapshot behind this slot, and applied only what is above."""
    serves: bool = True
    """Whether it would: a replica that doubts its database does not."""


class Executed(NamedTuple):
    """One replica's machine carried out one entry."""

    replica: int
    boot: int
    slot: int
    nth: int


class Lease(NamedTuple):
    """A replica held itself entitled to answer reads alone."""

    replica: int
    ballot: int
    from_ns: int
    until_ns: int
    """True time of the first reading of its clock at which it no longer is."""


class Watch(NamedTuple):
    """What one watcher was told, over all its reconnections."""

    client: int
    key: bytes
    end: bytes | None
    from_revision: int
    events: tuple[api.Event, ...]
    next_revision: int
    """It was told everything below."""


class Flip(NamedTuple):
    """A bit flipped in one replica's database."""

    at_ns: int
    replica: int
    boot: int
    key: bytes
    is_summed: bool = False
    """The wrong value is in the state's checksum: only a comparison shows it, and when its record is dropped nothing is wrong any more."""


class Compared(NamedTuple):
    """One replica had applied all that it knew, behind a check."""

    at_ns: int
    replica: int
    boot: int
    slot: int


class Doubted(NamedTuple):
    """One replica found its database wrong: it goes on with another, and `boot` is that of the wrong one."""

    at_ns: int
    replica: int
    boot: int


class Ran(NamedTuple):
    """One life of one replica, as far as upgrades go."""

    replica: int
    highest: int
    """The feature level through which its version supports everything."""
    from_ns: int
    until_ns: int = 1 << 62


class Raised(NamedTuple):
    """A master decided to raise the cell's feature level."""

    at_ns: int
    replica: int
    level: int
    members: tuple[int, ...]
    """Of the configuration that it knew then."""


class Level(NamedTuple):
    """The highest that a bounded thing ever was."""

    replica: int
    name: str
    highest: int
    limit: int
