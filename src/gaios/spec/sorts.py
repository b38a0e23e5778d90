"""Sorts: what kinds of values a specification knows.

Rule 1. Two sorts are equal when their names are; bounds for models and for the wire do not count.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Plain:
    """A number without a name of its own (a literal, a constant, a count): it fits every `Nat`."""

    def __str__(self) -> str:
        return "number"


@dataclass(frozen=True, slots=True)
class Nat:
    """Numbers of one kind: ballots are not slots. Model checkers bound them by `model`; on the wire they are `wire` at least."""

    name: str
    model: int = field(compare=False)
    wire: int = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Truth:
    """True and False."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Opaque:
    """Values that are only compared; `noop` names the empty one. Bytes at run time, `model` names in a model."""

    name: str
    model: tuple[str, ...] = field(compare=False)
    noop: str = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Enum:
    """A choice of names; the first is the default."""

    name: str
    members: tuple[str, ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Record:
    """A tuple with named parts."""

    name: str
    parts: tuple[tuple[str, "Sort"], ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SetOf:
    """A set of small numbers: a bit mask at run time."""

    item: Nat

    def __str__(self) -> str:
        return f"Set[{self.item}]"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map that is total: an absent key reads as the default. `most` bounds its entries on the wire."""

    key: Nat
    value: "Sort"
    most: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"Map[{self.key}, {self.value}]"


Sort = Plain | Nat | Truth | Opaque | Enum | Record | SetOf | MapOf
PLAIN, TRUTH = Plain(), Truth()


def is_number(sort: Sort) -> bool:
    """Whether one can count with it."""
    return isinstance(sort, Plain | Nat)


def fits(sort: Sort, wanted: Sort) -> bool:
    """Whether a value of `sort` may stand where `wanted` is asked for."""
    return sort == wanted or (isinstance(sort, Plain) and isinstance(wanted, Nat))
