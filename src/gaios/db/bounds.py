"""What the database may cost: one command, one page, and all of it.  [SAFETY 28]

The limits that a client can check by itself (keys, values, operations) are in `gaios.api`; whether these are met depends on the state. All
replicas must have the same: changing one changes `Database.version`.
"""

from typing import Final

CHANGES_MAX: Final = 10_000
"""Keys that one MultiOp may change, since a range's delete can reach any number; 0.1 s of every replica's time."""
CHANGE_BYTES_MAX: Final = 1 << 21
"""2 MiB, of keys, values and `RECORD_WIRE_BYTES` each, that one MultiOp may change: its events are one unit of a watch, and fit a frame."""
REPLY_BYTES_MAX: Final = 1 << 21
"""2 MiB, counted as above, that all of one MultiOp's gets may return together."""
SCAN_KEYS_MAX: Final = 100_000
"""Keys that one MultiOp's ranges may look at, and keys without an entry that one page of an earlier revision may pass over: 30 ms."""
HISTORY_BYTES_MAX: Final = 128 << 20
"""128 MiB of records since the compaction point, each with `RECORD_MEMORY_BYTES`: 280,000 puts of 100 bytes. Beyond, it is compacted."""
DATABASE_BYTES_MAX: Final = 1 << 30
"""1 GiB of puts, present and past, counted as above. Beyond, puts are refused: `DatabaseFull`."""
RESERVE_BYTES: Final = 256 << 20
"""256 MiB beyond that, for the reserved keys of a machine above, which has to end sessions and to move their clock in a full database too.
What it rewrites is history soon, and that is bounded by half of it."""
RECORD_WIRE_BYTES: Final = 40
"""More than a record takes on the wire beside its key and value (36 at most)."""
RECORD_MEMORY_BYTES: Final = 350
"""What a record is taken to need in memory beside its key and value (measured: 180 when its key has others, 345 when not)."""
