"""The configurations of the core's model in which records rot; the gate's, as those beside them.  [SAFETY 6, 7, 29]

Rule 1. One record rots at one member, in any state that the text allows it in: at a candidate, at a voter that stands by, at one that knows
its value to be chosen. How new it was is told by its header, or bounded by the promise: every ballot from the true one on is tried.
"""

from typing import Final

from gaios.spec.configuration import Configuration
from gaios.spec.recurring import MARKED, ROUND, VALUES

_EACH_LEADER: Final = {1: (1,), 2: (2,), 3: ()}

DAMAGE: Final = (
    Configuration(
        "damage",
        "A vote rots while its member stands by: what it hid is settled by an intact vote as new, or by a third promise.  [SAFETY 6, 7]",
        must_fire=("D1", "P1c", "P2a-again"),
        ballots=(1, 2, 5),
        inputs=(*VALUES, "Rot"),
        only={"Rot": (3,)},
        values=_EACH_LEADER,
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "damage-restart",
        "A candidate's own vote rots, and it starts anew.  [SAFETY 6, 7]",
        must_fire=("D1", "P1c", "P2a-again"),
        ballots=(1, 2),
        inputs=(*VALUES, "Rot"),
        only={"Rot": (2,)},
        restarts=(2,),
        values=_EACH_LEADER,
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "damage-chosen",
        "A chosen value rots, and is fetched again from somebody who has it; a stale proposal does not mend it.  [SAFETY 6, 15]",
        must_fire=("D1", "D2", "C1"),
        ballots=(2, 3),
        inputs=(*VALUES, "Seek", "Rot"),
        only={"Rot": (1,), "Seek": (1,)},
        restarts=(2,),
        ahead=(2,),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "damage-install",
        "Damage, a peer's snapshot, recovery: what it covers needs no repair, what rotted above it is reported.  [SAFETY 6, 26, 29]",
        must_fire=("D1", "I", "P2a-again"),
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Install", "Rot"),
        only={"Rot": (3,), "Install": (3,)},
        values=_EACH_LEADER,
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "damage-truncation",
        "Damage, truncation, recovery: what a snapshot covers needs no repair.  [SAFETY 6, 26, 29]",
        must_fire=("D1", "T", "P2a-again"),
        ballots=(1, 2),
        inputs=(*VALUES, "Truncate", "Rot"),
        only={"Rot": (3,), "Truncate": (3,)},
        values=_EACH_LEADER,
        constants=ROUND,
        same=MARKED,
    ),
)
