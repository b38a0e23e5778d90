"""The fault-tolerant log: one value a slot, the same at every replica.  [PML §3]

`Replica` is one replica as a pure object; `Output` is what it wants done, in a stated order; `recover` folds what its disk holds,
`recover_damaged` does so where not all of it can be read.
Any `gaios.Machine` goes on top. `codec` is what replicas say to each other, as bytes.
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
