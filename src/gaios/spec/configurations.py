"""The named configurations of the core's model, by scope.

small   a minute: each concern once, both engines, equal counts
ci      the gate's: more ballots, more slots, members that lead twice, pairs of concerns [SAFETY 29], and every mutation
large   hours: what does not fit in the gate, exhaustively or by bitstate hashing; its results are in docs/model-checking.md

Rule 1. Members are 1, 2, 3; a ballot is round * 4 + member: with ballots 1, 2, 5 member 1 leads twice.
Rule 2. Every member proposes one value of its own, where nothing else is said: values are only compared, so that is enough to tell
proposals of different members apart. Where one member's ballots must be told apart it has two.
Rule 3. Lease configurations: clocks are at most SKEW = 1 apart, so one gains at most 2 ticks on another; a term of 3 ticks shortened by
DRIFT_PPM = 334,000 and rounded down ends 2 ticks early.
"""

from typing import Final

from gaios.spec import membership
from gaios.spec.configuration import Configuration
from gaios.spec.configurations_damage import DAMAGE
from gaios.spec.large import LARGE
from gaios.spec.recurring import CLOCKS, FREE, LEASE, MARKED, ROUND, VALUES

SMALL: Final = (
    Configuration(
        "one-slot",
        "The synod, with marks: one slot, two ballots, every member may crash.",
        ballots=(1, 2),
        inputs=VALUES,
        restarts=(1, 2, 3),
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "disks",
        "Persist, then say: two members run ahead of their disks, one may propose two values.  [SAFETY 5]",
        ballots=(1, 2),
        inputs=VALUES,
        restarts=(1, 2),
        ahead=(1, 2),
        values=FREE,
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lost-mark",
        "The mark of what is chosen is written late: a start knows less than the life before it.",
        ballots=(1, 2),
        inputs=(*VALUES, "Mark"),
        restarts=(1, 2),
        constants=ROUND,
    ),
    Configuration(
        "short-lease",
        "Leases on drifting clocks, asked for once.  [SAFETY 10]",
        ballots=(1, 2),
        inputs=LEASE,
        terms=(3,),
        constants={**CLOCKS, "BEATS": 0},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "truncation-catch-up",
        "A chosen value is truncated: a candidate learns it from somebody, or proposes nothing there.  [SAFETY 6, 26]",
        must_fire=("T", "P2a-again", "C2"),
        ballots=(1, 2),
        inputs=(*VALUES, "Truncate", "Seek"),
        restarts=(3,),
        only={"Seek": (3,), "Truncate": (1,)},
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "release",
        "A dead ballot's release must not end another's lease.  [SAFETY 10]",
        ballots=(1, 2, 6),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (1,), "Abdicate": (2,)},
        terms=(3,),
        constants={**CLOCKS, "LAST": 0},
        same=MARKED,
        without=("Learn",),
    ),
    *membership.SMALL,
)

CI: Final = (
    Configuration(
        "three-ballots",
        "Three proposers, and every member may crash.",
        ballots=(1, 2, 3),
        inputs=VALUES,
        restarts=(1, 2, 3),
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "leads-twice",
        "Member 1 leads, is deposed, leads again; it has two values to propose.",
        ballots=(1, 2, 5),
        inputs=VALUES,
        restarts=(1,),
        values=FREE,
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "both-lead-twice",
        "Two members lead by turns.",
        ballots=(1, 2, 5, 6),
        inputs=VALUES,
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "two-slots",
        "Two slots, open at once.",
        ballots=(1, 2),
        slots=2,
        inputs=VALUES,
        restarts=(1,),
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "narrow-window",
        "Two slots, one open at a time: what is above the window is not reported.",
        ballots=(1, 2, 5),
        slots=2,
        inputs=VALUES,
        constants={**ROUND, "WINDOW": 1},
        same=MARKED,
    ),
    Configuration(
        "late-marks",
        "Two slots, one open at a time, and the mark is written late: no vote may overtake it.",
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Mark"),
        restarts=(2, 3),
        constants={**ROUND, "WINDOW": 1},
    ),
    Configuration(
        "disk-marks",
        "The same on a disk that lags: a vote's record may be synced and the mark behind it not.  [SAFETY 5]",
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Mark"),
        restarts=(2, 3),
        ahead=(2,),
        constants={**ROUND, "WINDOW": 1},
    ),
    Configuration(
        "late-truncation",
        "Marks that are late, truncation, a member that catches up after a restart.",
        ballots=(1, 2),
        inputs=(*VALUES, "Mark", "Truncate", "Seek"),
        only={"Seek": (3,), "Truncate": (1, 3)},
        restarts=(1, 3),
        constants=ROUND,
        without=("Learn",),
    ),
    Configuration(
        "install",
        "A member takes a snapshot's word for what is chosen, and votes, leads and restarts with that.  [SAFETY 6, 26]",
        must_fire=("I", "P2a-again"),
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Install"),
        only={"Install": (2, 3)},
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "late-install",
        "Marks that are late, a peer's snapshot, and a member that starts from it and supplies what is above.  [SAFETY 6, 26]",
        must_fire=("I", "T", "E2"),
        ballots=(1, 2),
        inputs=(*VALUES, "Mark", "Truncate", "Install"),
        only={"Truncate": (1,), "Install": (2, 3)},
        restarts=(1, 3),
        constants=ROUND,
        without=("Learn",),
    ),
    Configuration(
        "catch-up",
        "Two slots, and a member that asks for chosen values.",
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Seek"),
        only={"Seek": (2,)},
        values={1: (1,), 2: (2,), 3: ()},
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "truncation-recovery",
        "Two slots, one truncated, the other recovered.  [SAFETY 6, 26, 29]",
        must_fire=("T", "P1c", "P2a-again"),
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Truncate"),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease",
        "Clocks drift as far as they may, two leaders renew.  [SAFETY 10, 12]",
        ballots=(1, 2),
        inputs=LEASE,
        terms=(3,),
        constants={**CLOCKS, "BEATS": 1},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "all-restart-lease",
        "Every member may forget what it granted.  [SAFETY 11]",
        ballots=(1, 2),
        inputs=LEASE,
        terms=(3,),
        restarts=(1, 2, 3),
        constants={**CLOCKS, "BEATS": 0},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-restart",
        "A granter starts late in a lease that was renewed, and withholds from then on.  [SAFETY 11, 29]",
        must_fire=("B", "L1", "L2", "L3", "P1b"),
        ballots=(1, 2),
        inputs=LEASE,
        only={"Beat": (1,)},
        terms=(3,),
        restarts=(3,),
        constants={**CLOCKS, "BEATS": 2, "LAST": 4},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-disk",
        "A granter that grants before its disk knows the term.  [SAFETY 5, 11]",
        ballots=(1, 2),
        inputs=LEASE,
        terms=(3,),
        restarts=(2, 3),
        ahead=(2,),
        constants={**CLOCKS, "BEATS": 0},
        same=MARKED,
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
        constants={**CLOCKS, "LAST": 0},
        same=MARKED,
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
        constants={**CLOCKS, "LAST": 0},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "lease-twice",
        "The grants of a reign count in that reign alone.  [SAFETY 10]",
        ballots=(1, 5, 6),
        inputs=("Campaign", "Recover", "Beat", "Abdicate"),
        only={"Beat": (1,), "Abdicate": (1,)},
        terms=(3,),
        constants={**CLOCKS, "LAST": 0},
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "epoch",
        "A master with a lease that serves reads: it knows all that anybody knows to be chosen.  [SAFETY 13, 14]",
        ballots=(1, 2),
        slots=2,
        inputs=(*VALUES, "Beat"),
        only={"Beat": (2,)},
        terms=(3,),
        values={1: (1,), 2: (2,), 3: ()},
        constants={**CLOCKS, "LAST": 0, "WINDOW": 1},
        same=MARKED,
        without=("Learn",),
    ),
    *membership.CI,
)

_SMALL_TOO: Final = {"late-install", "damage-chosen", "change-damage-dropped"}
"""The quickest in which rules fire that fire in none of the small ones: each rule has to fire in each scope."""
SCOPES: Final = {
    "small": (*SMALL, *(each for each in (*CI, *DAMAGE) if each.name in _SMALL_TOO)),
    "ci": (*SMALL, *CI, *DAMAGE),
    "large": (*SMALL, *CI, *DAMAGE, *LARGE, *membership.LARGE),
}


def find(name: str) -> Configuration:
    """The configuration of this name.

    Raises:
        KeyError: there is none.
    """
    return {configuration.name: configuration for configuration in SCOPES["large"]}[name]
