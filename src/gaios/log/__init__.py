"""The fault-tolerant log: one value a slot, the same at every replica.  [PML §3]

`Replica` is one replica as a pure object; `Output` is what it wants done, in a stated order; `recover` folds what its disk holds,
`recover_damaged` does so where not all of it can be read.
Any `gaios.Machine` goes on top. `codec` is what replicas say to each other, as bytes.

    replica      one replica: events and `now` in, an `Output` out. Its class is made of parts, each on the one before:
                 standing (what may be asked of it) · belonging (its cell's members) · electing, applying · hearing (messages)
    steps        every step of the generated core, and what it wants written and sent (output)
    records      what is durable, and how a start folds it; damage: where some of it cannot be read; repair: fetched again from peers
    boots        which start of which directory is heard, and which is a copy
    election     when to poll and to campaign; reign: a master's work (queue, rally: its batches; pace: is its disk too slow?)
    applier      chosen values meet the machine; sessions: each command once; answers: what a client's attempt comes to
    catchup      values that others have chosen and this replica lacks; snapshots, proofs: what stands for values that were dropped
    sums         do all replicas come to the same? doubt: what one does that does not; quarantine: the record that says so
    roster       who the members are; changes: how a master changes them; gauge: whom it counts on; space: whose disk is full
    feature      what every replica of the cell can do; raising: how the cell learns that all can do more
    recording    every transition of one life, for trace/

Begin with `replica`, `output` and `steps`; options.py has every number.
"""

from gaios.log import codec, feature
from gaios.log.answers import Answer, Status
from gaios.log.damage import Rotten, recover_damaged
from gaios.log.doubt import Evidence
from gaios.log.options import Options
from gaios.log.output import OTHERS, Output
from gaios.log.records import Copies, Record, RecordKind, Recovered, encode, recover
from gaios.log.replica import Replica
from gaios.log.sessions import Bounds
from gaios.log.space import Room

__all__ = [
    "OTHERS",
    "Answer",
    "Bounds",
    "Copies",
    "Evidence",
    "Options",
    "Output",
    "Record",
    "RecordKind",
    "Recovered",
    "Replica",
    "Room",
    "Rotten",
    "Status",
    "codec",
    "encode",
    "feature",
    "recover",
    "recover_damaged",
]
