"""The named configurations of the core's model, by scope.

small   seconds: each concern once, both engines, equal counts
ci      the gate's: more ballots, more slots, members that lead twice, pairs of concerns [SAFETY 29], and every mutation
large   hours: what does not fit in the gate, exhaustively or by bitstate hashing; its results are in docs/model-checking.md

Rule 1. Members are 1, 2, 3; a ballot is round * 4 + member: with ballots 1, 2, 5 member 1 leads twice.
Rule 2. Every member proposes one value of its own, where nothing else is said: values are only compared, so that is enough to tell
proposals of different members apart. Where one member's ballots must be told apart it has two.
Rule 3. Lease configurations: clocks are at most SKEW = 1 apart, so one gains at most 2 ticks on another; a term of 3 ticks shortened by
DRIFT_PPM = 334,000 and rounded down ends 2 ticks early.
"""

from typing import Final

from gaios.spec.configuration import Configuration
from gaios.spec.configurations_damage import DAMAGE

_ROUND: Final = {"ROUND": 4}
_CLOCKS: Final = {**_ROUND, "SKEW": 1, "DRIFT_PPM": 334_000, "LAST": 3}
_MARKED: Final = {"mark": "chosen"}
"""The mark of what is chosen is written with the step: what its lateness does is the business of `late-marks`."""
_VALUES: Final = ("Campaign", "Recover", "Propose")
_LEASE: Final = ("Campaign", "Recover", "Beat", "Tick")
_FREE: Final = {1: (1, 3), 2: (2,), 3: ()}

SMALL: Final = (
    Configuration(
        "one-slot",
        "The synod, with marks: one slot, two ballots, every member may crash.",
        ballots=(1, 2),
        inputs=_VALUES,
        restarts=(1, 2, 3),
        constants=_ROUND,
        same=_MARKED,
    ),
    Configuration(
        "disks",
        "Persist, then say: two members run ahead of their disks, one may propose two values.  [SAFETY 5]",
        ballots=(1, 2),
        inputs=_VALUES,
        restarts=(1, 2),
        ahead=(1, 2),
        values=_FREE,
        constants=_ROUND,
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lost-mark",
        "The mark of what is chosen is written late: a start knows less than the life before it.",
        ballots=(1, 2),
        inputs=(*_VALUES, "Mark"),
        restarts=(1, 2),
        constants=_ROUND,
    ),
    Configuration(
        "short-lease",
        "Leases on drifting clocks, asked for once.  [SAFETY 10]",
        ballots=(1, 2),
        inputs=_LEASE,
        terms=(3,),
        constants={**_CLOCKS, "BEATS": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "truncation-catch-up",
        "A chosen value is truncated: a candidate learns it from somebody, or proposes nothing there.  [SAFETY 6, 26]",
        must_fire=("T", "P2a-again", "C2"),
        ballots=(1, 2),
        inputs=(*_VALUES, "Truncate", "Seek"),
        restarts=(3,),
        only={"Seek": (3,), "Truncate": (1,)},
        constants=_ROUND,
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "release",
        "A dead ballot's release must not end another's lease.  [SAFETY 10]",
        ballots=(1, 2, 6),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (1,), "Abdicate": (2,)},
        terms=(3,),
        constants={**_CLOCKS, "LAST": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "stale-configuration",
        "Member 1 missed that members 2, 3, 4 now govern: no majority hears both.  [SAFETY 4, 18]",
        members=(1, 2, 3, 4),
        ballots=(1, 3),
        inputs=_VALUES,
        values={1: (1,), 2: (), 3: (2,), 4: ()},
        told={"config": {1: 0, 2: 1, 3: 1, 4: 1}, "voters": {1: 0b01110, 2: 0b11100, 3: 0b11100, 4: 0b11100}},
        constants={"ROUND": 5},
        same=_MARKED,
        without=("Learn",),
    ),
)

CI: Final = (
    Configuration(
        "three-ballots",
        "Three proposers, and every member may crash.",
        ballots=(1, 2, 3),
        inputs=_VALUES,
        restarts=(1, 2, 3),
        constants=_ROUND,
        same=_MARKED,
    ),
    Configuration(
        "leads-twice",
        "Member 1 leads, is deposed, leads again; it has two values to propose.",
        ballots=(1, 2, 5),
        inputs=_VALUES,
        restarts=(1,),
        values=_FREE,
        constants=_ROUND,
        same=_MARKED,
    ),
    Configuration(
        "both-lead-twice",
        "Two members lead by turns.",
        ballots=(1, 2, 5, 6),
        inputs=_VALUES,
        constants=_ROUND,
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "two-slots",
        "Two slots, open at once.",
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        restarts=(1,),
        constants=_ROUND,
        same=_MARKED,
    ),
    Configuration(
        "narrow-window",
        "Two slots, one open at a time: what is above the window is not reported.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=_VALUES,
        constants={**_ROUND, "WINDOW": 1},
        same=_MARKED,
    ),
    Configuration(
        "late-marks",
        "Two slots, one open at a time, and the mark is written late: no vote may overtake it.",
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Mark"),
        restarts=(2, 3),
        constants={**_ROUND, "WINDOW": 1},
    ),
    Configuration(
        "disk-marks",
        "The same on a disk that lags: a vote's record may be synced and the mark behind it not.  [SAFETY 5]",
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Mark"),
        restarts=(2, 3),
        ahead=(2,),
        constants={**_ROUND, "WINDOW": 1},
    ),
    Configuration(
        "late-truncation",
        "Marks that are late, truncation, a member that catches up after a restart.",
        ballots=(1, 2),
        inputs=(*_VALUES, "Mark", "Truncate", "Seek"),
        only={"Seek": (3,), "Truncate": (1, 3)},
        restarts=(1, 3),
        constants=_ROUND,
        without=("Learn",),
    ),
    Configuration(
        "catch-up",
        "Two slots, and a member that asks for chosen values.",
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Seek": (2,)},
        values={1: (1,), 2: (2,), 3: ()},
        constants=_ROUND,
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "truncation-recovery",
        "Two slots, one truncated, the other recovered.  [SAFETY 6, 26, 29]",
        must_fire=("T", "P1c", "P2a-again"),
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Truncate"),
        constants=_ROUND,
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease",
        "Clocks drift as far as they may, two leaders renew.  [SAFETY 10, 12]",
        ballots=(1, 2),
        inputs=_LEASE,
        terms=(3,),
        constants={**_CLOCKS, "BEATS": 1},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "all-restart-lease",
        "Every member may forget what it granted.  [SAFETY 11]",
        ballots=(1, 2),
        inputs=_LEASE,
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**_CLOCKS, "BEATS": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-restart",
        "A granter starts late in a lease that was renewed, and withholds from then on.  [SAFETY 11, 29]",
        must_fire=("B", "L1", "L2", "L3", "P1b"),
        ballots=(1, 2),
        inputs=_LEASE,
        only={"Beat": (1,)},
        terms=(3,),
        restarts=(3,),
        constants={**_CLOCKS, "BEATS": 2, "LAST": 4},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-disk",
        "A granter that grants before its disk knows the term.  [SAFETY 5, 11]",
        ballots=(1, 2),
        inputs=_LEASE,
        terms=(3,),
        restarts=(2, 3),
        ahead=(2,),
        constants={**_CLOCKS, "BEATS": 0},
        same=_MARKED,
        without=("Learn",),
        only={"Beat": (1,)},
    ),
    Configuration(
        "release-restart",
        "Ballots that are given up, leases, restarts, and a disk that lags.",
        ballots=(1, 2, 6),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (1,), "Abdicate": (1, 2)},
        terms=(3,),
        restarts=(1, 3),
        ahead=(3,),
        constants={**_CLOCKS, "LAST": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "release-disk",
        "A ballot that is given up before its claim is durable may be claimed again.  [SAFETY 5, 10]",
        ballots=(2, 5),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (2,), "Abdicate": (2,)},
        terms=(3,),
        restarts=(2,),
        ahead=(2,),
        constants={**_CLOCKS, "LAST": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-twice",
        "The grants of a reign count in that reign alone.  [SAFETY 10]",
        ballots=(1, 5, 6),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (1,), "Abdicate": (1,)},
        terms=(3,),
        constants={**_CLOCKS, "LAST": 0},
        same=_MARKED,
        without=("Learn",),
    ),
    Configuration(
        "epoch",
        "A master with a lease that serves reads: it knows all that anybody knows to be chosen.  [SAFETY 13, 14]",
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Beat"),
        only={"Beat": (2,)},
        terms=(3,),
        values={1: (1,), 2: (2,), 3: ()},
        constants={**_CLOCKS, "LAST": 0, "WINDOW": 1},
        same=_MARKED,
        without=("Learn",),
    ),
)

LARGE: Final = (
    Configuration(
        "five-members",
        "Five members: what a majority holds is more than a leader and one other.",
        members=(1, 2, 3, 4, 5),
        ballots=(1, 2, 7),
        inputs=_VALUES,
        values={1: (1,), 2: (2,), 3: (), 4: (), 5: ()},
        constants={"ROUND": 6},
        same=_MARKED,
        without=("Learn",),
        bits=32,
        seconds_max=200,
    ),
    Configuration(
        "free-values",
        "Two slots, two ballots, and every member may propose either value: one value a member is enough elsewhere.",
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        values={1: (1, 2), 2: (1, 2), 3: ()},
        constants=_ROUND,
        same=_MARKED,
    ),
    Configuration(
        "two-slots-three-ballots",
        "Two slots, three proposers, every member may crash.",
        ballots=(1, 2, 3),
        slots=2,
        inputs=_VALUES,
        restarts=(1, 2, 3),
        constants=_ROUND,
        same=_MARKED,
        bits=32,
        seconds_max=60,
    ),
    Configuration(
        "late-marks-twice",
        "Two slots, late marks, and member 1 leads twice.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=(*_VALUES, "Mark"),
        restarts=(2,),
        constants={**_ROUND, "WINDOW": 1},
    ),
    Configuration(
        "lease-values",
        "Values, leases, clocks, restarts together.",
        ballots=(1, 2),
        slots=2,
        inputs=(*_LEASE, "Propose"),
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**_CLOCKS, "BEATS": 1},
        same=_MARKED,
        bits=32,
        seconds_max=60,
    ),
    Configuration(
        "everything",
        "Every input of the core, late marks, restarts.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=(*_VALUES, "Beat", "Tick", "Abdicate", "Seek", "Truncate", "Mark"),
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**_CLOCKS, "BEATS": 1},
        bits=32,
        seconds_max=60,
    ),
)

SCOPES: Final = {"small": SMALL, "ci": (*SMALL, *CI, *DAMAGE), "large": (*SMALL, *CI, *DAMAGE, *LARGE)}


def find(name: str) -> Configuration:
    """The configuration of this name.

    Raises:
        KeyError: there is none.
    """
    return {configuration.name: configuration for configuration in SCOPES["large"]}[name]
