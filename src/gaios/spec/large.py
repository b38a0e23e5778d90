"""The configurations that do not fit in the gate: hours, exhaustively or by bitstate hashing. See `configurations`."""

from typing import Final

from gaios.spec.configuration import Configuration
from gaios.spec.recurring import CLOCKS, LEASE, MARKED, ROUND, VALUES

LARGE: Final = (
    Configuration(
        "five-members",
        "Five members: what a majority holds is more than a leader and one other.",
        members=(1, 2, 3, 4, 5),
        ballots=(1, 2, 7),
        inputs=VALUES,
        values={1: (1,), 2: (2,), 3: (), 4: (), 5: ()},
        constants={"ROUND": 6},
        same=MARKED,
        without=("Learn",),
        bits=32,
        seconds_max=200,
    ),
    Configuration(
        "free-values",
        "Two slots, two ballots, and every member may propose either value: one value a member is enough elsewhere.",
        ballots=(1, 2),
        slots=2,
        inputs=VALUES,
        values={1: (1, 2), 2: (1, 2), 3: ()},
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "two-slots-three-ballots",
        "Two slots, three proposers, every member may crash.",
        ballots=(1, 2, 3),
        slots=2,
        inputs=VALUES,
        restarts=(1, 2, 3),
        constants=ROUND,
        same=MARKED,
        bits=32,
        seconds_max=60,
    ),
    Configuration(
        "late-marks-twice",
        "Two slots, late marks, and member 1 leads twice.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=(*VALUES, "Mark"),
        restarts=(2,),
        constants={**ROUND, "WINDOW": 1},
    ),
    Configuration(
        "lease-values",
        "Values, leases, clocks, restarts together.",
        ballots=(1, 2),
        slots=2,
        inputs=(*LEASE, "Propose"),
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**CLOCKS, "BEATS": 1},
        same=MARKED,
        bits=32,
        seconds_max=60,
    ),
    Configuration(
        "everything",
        "Every input of the core, late marks, restarts.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=(*VALUES, "Beat", "Tick", "Abdicate", "Seek", "Truncate", "Mark"),
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**CLOCKS, "BEATS": 1},
        bits=32,
        seconds_max=60,
    ),
)
