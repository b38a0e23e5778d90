"""Every number that the log's behaviour hangs on, with its unit, its reason and its bounds.  [SAFETY 28]"""

import msgspec

from gaios.errors import ConfigurationError
from gaios.paxos.core import WINDOW

MS = 1_000_000
"""Nanoseconds in a millisecond."""
FAR = 1 << 62
"""A time that never comes, ns: what is due then is not due. The lock service knows no log, and has its own (cachers.py)."""
TERM_MS_MAX = 60_000
"""The longest lease. A replica that once granted one withholds promises that long after every start, so a slip must not cost an hour."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How one replica behaves. Replicas of a cell may differ in all of these: safety rests on none.

    What must be the same everywhere is not here: the bounds of the exactly-once table (sessions.py) and of the database.
    """

    term_ms: int = 600
    """The lease: how long a silent master keeps the others from electing another. Longer rides out pauses, shorter fails over sooner."""
    beat_ms: int = 100
    """Between heartbeats: six may be lost before a lease is."""
    spread_ms: int = 60
    """Polls begin this far apart, by lot, so that two rarely meet: a few round trips and syncs."""
    poll_ms: int = 100
    """A poll that found no majority in this time is given up: many round trips."""
    yield_ms: int = 150
    """Whoever said yes to a poll leaves its candidate this long: a promise is two syncs and a round trip."""
    campaign_ms: int = 400
    """A candidate that neither leads nor learns anything for so long gives its ballot up."""
    boost_ms: int = 5_000
    """A master takes a newer ballot for the sake of a replica that promised one at most this often."""
    backoff_max: int = 6
    """A candidate that failed n times waits n times longer, up to this: disks may be slow."""
    retransmit_ms: int = 120
    """Messages still unanswered are sent again after this: above a slow sync, below a term."""
    learn_ms: int = 10
    """Followers hear what is chosen with the next value, or after this when there is none."""
    check_ms: int = 1_000
    """Replicas compare their states this often while anything changes: a second of wrong answers is the most that a wrong master gives
    before it is found out, and one small entry and a message to each peer a second is nothing."""
    mark_ms: int = 300
    """An idle replica writes down what it knows to be chosen after this."""
    probe_ms: int = 200
    """While the members change, the master asks the others how far they are this often."""
    pipeline: int = 2
    """Slots in flight, where a batch is full: one on the disks while the next is on the wire. More makes no more speed."""
    linger_us: int = 2_000
    """Who waits for the rest of a crowd goes when nobody came for so long: a busy client's process may not run for a millisecond or two."""
    batch_entries: int = 1_024
    """Entries in a slot's value."""
    batch_bytes: int = 1 << 19
    """Bytes after which a slot's value takes no further entry; one entry may exceed it."""
    entry_bytes: int = (3 << 19) + 4_096
    """An entry's largest size: the largest MultiOp and its headers."""
    queue_entries: int = 8_192
    """Entries that may wait for a slot; beyond it the answer is Overloaded. A few full pipelines."""
    queue_bytes: int = 32 << 20
    """Bytes of waiting entries."""
    reads_waiting: int = 4_096
    """Reads that may wait for the lease."""
    seek_slots: int = 256
    """Chosen values asked for at a time: a busy supplier answers some milliseconds later, and a new member may ask for the whole log."""
    supply_bytes: int = 4 << 20
    """Chosen values supplied in answer to one message; the rest is asked for again."""
    cache_bytes: int = 16 << 20
    """Applied values kept in memory for lagging peers, some seconds of a busy cell's; older ones are read from the disk."""
    apply_entries: int = 250
    """Entries applied in one go, some 2 ms: while a start replays its log, polls and heartbeats are answered in between."""
    snapshot_bytes: int = 32 << 20
    """Values in the log after which a master asks for a snapshot, or as many as the last one had, if that is more: a start replays so much,
    2 s at 150 bytes a command, and a snapshot costs no more writing than the log does."""
    snapshot_slots: int = 250_000
    """And slots: small values take their time in a replay, too."""
    snapshot_pause_us: int = 5_000
    """Between slices of a snapshot, each of a millisecond: it takes a sixth of a loop."""
    snapshot_stagger_ms: int = 10_000
    """Each replica begins to write its snapshot so much later than the one before it, the master last: a million keys take so long."""
    keep_snapshots: int = 2
    """Kept always, with the log above the oldest: should the newest be damaged, the one before and more of the log do."""
    keep_hours: int = 72
    """Older snapshots, and the log from before them, are kept for so long: for replicas that lag, and to find out what happened."""
    keep_bytes: int = 1 << 30
    """Unless snapshots and log take more than this together; then all goes that `keep_snapshots` does not keep, the oldest first."""

    feature_max: int = 65_535
    """The cell's feature level is not raised above this, whatever replicas support: one that says so is enough. Until it is raised, the
    version before can take any replica over again."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: a number is out of its bounds.
        """
        for name in self.__struct_fields__:
            if getattr(self, name) < 1:
                raise ConfigurationError(reason=f"{name} must be at least 1")
        if self.keep_snapshots < 2:
            raise ConfigurationError(reason=f"keep_snapshots ({self.keep_snapshots}) must be at least 2: the newest may be damaged")
        if self.term_ms > TERM_MS_MAX:
            raise ConfigurationError(
                reason=f"term_ms ({self.term_ms}) must be at most {TERM_MS_MAX}: restarts wait for the longest ever granted"
            )
        if self.pipeline > WINDOW:
            raise ConfigurationError(reason=f"pipeline ({self.pipeline}) must be at most {WINDOW}: replicas take no slot further ahead")
        if self.beat_ms * 3 > self.term_ms:
            raise ConfigurationError(reason=f"term_ms ({self.term_ms}) must be at least three times beat_ms ({self.beat_ms})")
