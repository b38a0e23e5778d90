"""The configurations that change the members of the cell: slices, since all of it at once does not fit.  [SAFETY 8, 11, 18, 29]

Rule 1. Here a value may be a configuration: `tables` says which, its number, and whom it lists. Proposers choose among `values`, as
elsewhere.
Rule 2. Changes are as rough as they can be: the new electorate may share nobody with the old one. What holds for these holds for one
voter at a time, and three members show more than five would.
"""

from collections.abc import Mapping
from typing import Final

from gaios.spec.configuration import Configuration
from gaios.spec.recurring import CLOCKS, MARKED, ROUND

_CLOCKS: Final = {**CLOCKS, "LAST": 0}
_VALUES: Final = ("Campaign", "Recover", "Propose", "Change")
_LEASE: Final = ("Campaign", "Recover", "Change", "Beat", "Seek")


def _tables(**configurations: tuple[int, int]) -> Mapping[str, Mapping[int, int]]:
    """What is told of values: `v3=(1, 0b110)`: value 3 is configuration 1, and lists members 1 and 2."""
    numbered = {int(name[1:]): number for name, (number, _) in configurations.items()}
    return {"numbered": numbered, "listed": {int(name[1:]): voters for name, (_, voters) in configurations.items()}}


def _founders(mask: int, members: tuple[int, ...] = (1, 2, 3)) -> Mapping[str, Mapping[int, int]]:
    return {"founders": dict.fromkeys(members, mask)}


SMALL: Final = (
    Configuration(
        "growing",
        "A cell of one becomes a cell of two; both may crash.",
        must_fire=("M", "P2a"),
        members=(1, 2),
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        only={"Change": (1,)},
        restarts=(1, 2),
        values={1: (1, 3), 2: (2,)},
        tables=_tables(v3=(1, 0b110)),
        told=_founders(0b010, (1, 2)),
        constants=ROUND,
        same=MARKED,
    ),
    Configuration(
        "shrinking",
        "A cell of two becomes a cell of one, without its leader.",
        must_fire=("M", "P2a-again", "L"),
        members=(1, 2),
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        only={"Change": (1,)},
        values={1: (1, 3), 2: (2,)},
        tables=_tables(v3=(1, 0b100)),
        constants=ROUND,
        same=MARKED,
    ),
)

CI: Final = (
    Configuration(
        "late-change",
        "The same, and the mark of what is chosen is written late: a start finds the members of the mark.",
        must_fire=("M", "P2a-again"),
        members=(1, 2),
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Mark"),
        only={"Change": (1,)},
        restarts=(1, 2),
        values={1: (1, 3), 2: (2,)},
        tables=_tables(v3=(1, 0b100)),
        constants=ROUND,
    ),
    Configuration(
        "change",
        "Members 1 and 2 hand over to 3 alone; one of them missed it and campaigns: no majority of the old hears the new.  [SAFETY 18]",
        must_fire=("M", "P2a-again", "C2", "P2a"),
        ballots=(1, 3, 6),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Change": (1,), "Propose": (2, 3), "Seek": (3,)},
        values={1: (3,), 2: (1,), 3: (2,)},
        tables=_tables(v3=(1, 0b1000)),
        told=_founders(0b0110),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "above-a-change",
        "The leader that hands over goes on, and so does the new member.  [SAFETY 18]",
        must_fire=("M", "P2a", "C2"),
        ballots=(1, 3),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Change": (1,), "Propose": (1, 3), "Seek": (3,)},
        values={1: (1, 3), 2: (), 3: (2,)},
        tables=_tables(v3=(1, 0b1000)),
        told=_founders(0b0110),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "change-recovered",
        "Three hand over to their leader alone, which goes on; another recovers the change from who is left out.  [SAFETY 18]",
        must_fire=("M", "P2a", "P2a-again"),
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        only={"Change": (1,), "Propose": (1, 2)},
        values={1: (1, 3), 2: (2,), 3: ()},
        tables=_tables(v3=(1, 0b0010)),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "change-below",
        "The leader that hands over goes on, and the new member campaigns in a lower ballot.  [SAFETY 18]",
        must_fire=("M", "P2a", "C2"),
        members=(1, 2),
        ballots=(2, 4, 5),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Change": (1,)},
        values={1: (1, 3), 2: (2,)},
        tables=_tables(v3=(1, 0b100)),
        told=_founders(0b010, (1, 2)),
        constants={"ROUND": 3},
        same=MARKED,
    ),
    Configuration(
        "two-changes",
        "Two changes that follow the same configuration, and a member that learns of them.  [SAFETY 18]",
        must_fire=("M", "C2"),
        ballots=(1, 3),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Change": (1,), "Propose": (3,), "Seek": (3,)},
        values={1: (3, 4), 2: (), 3: (2,)},
        tables=_tables(v3=(1, 0b1000), v4=(1, 0b0110)),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "change-lease",
        "The leader of the old members has a lease; the new ones elect.  [SAFETY 11, 29]",
        must_fire=("M", "C2", "L1", "L2", "L3"),
        ballots=(1, 3),
        inputs=_LEASE,
        only={"Change": (1,), "Beat": (1,), "Seek": (3,)},
        terms=(3,),
        values={1: (3,), 2: (), 3: ()},
        tables=_tables(v3=(1, 0b1000)),
        told=_founders(0b0110),
        constants=_CLOCKS,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "change-lease-stale",
        "Three hand over to their leader alone, which has a lease; another recovers the change from who is left out.  [SAFETY 11, 18]",
        must_fire=("M", "L1", "L3", "P2a-again"),
        ballots=(1, 2),
        inputs=_LEASE,
        only={"Change": (1,), "Beat": (1,), "Seek": (3,)},
        terms=(3,),
        values={1: (3,), 2: (), 3: ()},
        tables=_tables(v3=(1, 0b0010)),
        constants=_CLOCKS,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "change-after-change",
        "Two changes, one after the other: 1 hands over to 2, and 2 back to 1.",
        must_fire=("M", "P2a-again", "L"),
        members=(1, 2),
        ballots=(1, 2),
        slots=3,
        inputs=_VALUES,
        only={"Change": (1, 2)},
        values={1: (1, 3), 2: (2, 4)},
        tables=_tables(v3=(1, 0b100), v4=(2, 0b010)),
        told=_founders(0b010, (1, 2)),
        constants={**ROUND, "WINDOW": 3},
        same=MARKED,
    ),
    Configuration(
        "change-install",
        "A snapshot from beyond a change: whoever takes it over goes by the new members, and does not lead the old.  [SAFETY 18, 26, 29]",
        must_fire=("M", "I", "P2a"),
        ballots=(1, 2, 3),
        slots=2,
        inputs=(*_VALUES, "Install", "Seek"),
        only={"Change": (1,), "Propose": (2, 3), "Install": (2,), "Seek": (3,)},
        values={1: (3,), 2: (1, 3), 3: (2,)},
        tables=_tables(v3=(1, 0b1000)),
        told=_founders(0b0110),
        constants=ROUND,
        same=MARKED,
        without=("Learn",),
    ),
    Configuration(
        "late-change-install",
        "The same with late marks, truncation and a restart: a start behind a snapshot finds who governs there.  [SAFETY 18, 26, 29]",
        must_fire=("M", "T", "I", "E2", "P2a"),
        ballots=(1, 2, 3),
        slots=2,
        inputs=(*_VALUES, "Mark", "Truncate", "Install", "Seek"),
        only={"Change": (1,), "Propose": (2, 3), "Mark": (1,), "Truncate": (1,), "Install": (2,), "Seek": (3,)},
        restarts=(2,),
        values={1: (3,), 2: (1, 3), 3: (2,)},
        tables=_tables(v3=(1, 0b1000)),
        told=_founders(0b0110),
        constants=ROUND,
        without=("Learn",),
    ),
    Configuration(
        "lost-disk",
        "Member 3 loses its disk and says nothing more; member 4 takes its place, and slots are recovered.  [SAFETY 8, 29]",
        must_fire=("M", "P1b", "P2a-again"),
        members=(1, 2, 3, 4),
        ballots=(1, 2),
        slots=2,
        inputs=_VALUES,
        only={"Change": (1,), "Propose": (2,)},
        restarts=(3,),
        values={1: (3,), 2: (2,), 3: (), 4: ()},
        tables=_tables(v3=(1, 0b10110)),
        told=_founders(0b01110, (1, 2, 3, 4)),
        constants={"ROUND": 5, "LOST": 3},
        without=("Learn",),
    ),
)

LARGE: Final = (
    Configuration(
        "change-of-four",
        "Three members hand over to a fourth alone, which leads under the old ballot; everybody may propose.",
        members=(1, 2, 3, 4),
        ballots=(1, 2),
        slots=2,
        inputs=(*_VALUES, "Seek"),
        only={"Change": (1,), "Propose": (1, 2), "Seek": (2,)},
        values={1: (1, 3), 2: (2,), 3: (), 4: ()},
        tables=_tables(v3=(1, 0b10000)),
        told=_founders(0b01110, (1, 2, 3, 4)),
        constants={"ROUND": 5},
        same=MARKED,
        without=("Learn",),
        bits=32,
        seconds_max=60,
    ),
)
