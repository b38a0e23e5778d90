"""A configuration: which part of all that may happen one model explores.

Rule 1. It chooses members, ballots, slots, values, inputs, faults; it never changes a rule.
Rule 2. It says why it exists. How many states it has is pinned (pins.json): a model that lost its states has lost its meaning.  [SAFETY 30]
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gaios.spec.sorts import Enum, Nat, Opaque, Sort, Truth


@dataclass(frozen=True, slots=True)
class Configuration:
    """One named scope."""

    name: str
    why: str
    ballots: tuple[int, ...]
    """Ballots that may be claimed: round * ROUND + member."""
    inputs: tuple[str, ...]
    """What may be asked of a member, at any time."""
    only: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Members of whom an input may be asked, where that is not all."""
    slots: int = 1
    members: tuple[int, ...] = (1, 2, 3)
    values: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: {1: (1,), 2: (2,), 3: (3,)})
    """What each member may propose; 0 is the no-op."""
    terms: tuple[int, ...] = ()
    """Lease terms that a leader may ask for."""
    restarts: tuple[int, ...] = ()
    """Members that may crash and start again, any number of times."""
    ahead: tuple[int, ...] = ()
    """Members that may run ahead of their disks."""
    without: tuple[str, ...] = ()
    """Messages that are never received: this concern is another configuration's."""
    told: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """What each member was constructed with, where it is not that all members are founders."""
    tables: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """What is known of values, by function and value: which are configurations, and whom they list."""
    constants: Mapping[str, int] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    """Ghosts that are not told apart here from a field of the core."""
    must_fire: tuple[str, ...] = ()
    """Rules without which this configuration would miss its purpose."""
    bits: int = 0
    """Search by hashing states into 2**bits bits, because all of them do not fit into memory."""
    seconds_max: float = 0.0
    """Stop the search after so long, because it would take too long; 0: never."""

    def asked(self, name: str) -> tuple[int, ...]:
        """The members of whom this input may be asked."""
        return self.only.get(name, self.members)

    @property
    def given(self) -> dict[str, Mapping[int, int]]:
        """What each member was constructed with, by field."""
        everybody = sum(1 << member for member in self.members)
        return {"founders": dict.fromkeys(self.members, everybody), **self.told}

    def scope(self, sort: Sort) -> tuple[int, ...]:
        """The keys of maps over this sort."""
        match sort:
            case Nat(name="Member"):
                return self.members
            case Nat(name="Slot"):
                return tuple(range(1, self.slots + 1))
            case _:
                raise AssertionError(f"no map has keys {sort}")

    def reach(self, sort: Sort) -> tuple[int, ...]:
        """Numbers that a run over this sort may touch."""
        return tuple(range(self.slots + 2)) if not isinstance(sort, Nat) or sort.name == "Slot" else self.scope(sort)

    def every(self, sort: Sort) -> tuple[int, ...]:
        """What `for x in SORT` runs over, and the values of an input's field."""
        match sort:
            case Nat(name="Ballot"):
                return self.ballots
            case Nat(name="Time"):
                return self.terms
            case Nat(name="Config"):
                return (0, *sorted(set(self.tables.get("numbered", {}).values())))
            case Nat():
                return self.scope(sort)
            case Opaque():
                return (0, *sorted({value for values in self.values.values() for value in values}))
            case Truth():
                return (0, 1)
            case Enum(members=members):
                return tuple(range(len(members)))
            case _:
                raise AssertionError(f"{sort} has no values to run over")
