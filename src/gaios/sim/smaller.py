"""A run that is smaller than the one its seed draws: without some faults, with fewer clients, for a shorter time.  [STYLE 3]

Rule 1. What is left out is said in the flags of one command, and means the same run on every machine:
`gaios sim --seed 7 --only crash,power-cut --clients 2 --until-ms 800`. What is named is what the failure needs.
Rule 2. The names of faults are their fields' own: a new fault can be named as soon as it exists.
Rule 3. `until_ms` only ends safety mode earlier: up to there it is the same run.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from gaios.sim.faults import MS, Faults
from gaios.sim.plan import Plan

NOTHING = "none"
"""The name of no name at all."""
_RARE = ("options", "bounds", "segment_bytes", "watchers", "compacts", "locks")
"""What else a plan draws that is seldom so: settings that go back to their defaults; watchers, compaction, sessions."""
_NONE = frozenset({"watchers", "compacts"})


class Smaller(msgspec.Struct, frozen=True, kw_only=True):
    """What is left out of a plan; None leaves a number as it was drawn."""

    only: tuple[str, ...] | None = None
    """All that is left of what `names` lists; None: whatever was drawn."""
    replicas: int | None = None
    clients: int | None = None
    operations: int | None = None
    until_ms: int | None = None
    """When safety mode ends, in simulated milliseconds, if it has not before."""

    def change(self, plan: Plan) -> Plan:
        """The plan without it."""
        if self.only is not None:
            for name, change in _CHANGES.items():
                if name not in self.only:
                    plan = change(plan)
        given = {name: value for name in ("replicas", "clients", "operations") if (value := getattr(self, name)) is not None}
        return replace(plan, **given)

    def flags(self) -> str:
        """As the command line takes it, with a space before each flag; "" when nothing is left out."""
        said = "" if self.only is None else f" --only {','.join(self.only) or NOTHING}"
        for name in ("replicas", "clients", "operations", "until_ms"):
            if (value := getattr(self, name)) is not None:
                said += f" --{name.replace('_', '-')} {value}"
        return said

    @property
    def until_ns(self) -> int | None:
        """`until_ms` in nanoseconds."""
        return None if self.until_ms is None else self.until_ms * MS


def _say(field: str) -> str:
    return field.removesuffix("_every_ns").removesuffix("_ppm").removesuffix("_bytes").replace("_", "-")


def _off(group: str, field: str, value: Any) -> Callable[[Plan], Plan]:  # noqa: ANN401 (a fault's rate, flag or number)
    """A plan without one fault; `group` is "" for those that stand in `Faults` itself."""

    def change(plan: Plan) -> Plan:
        if not group:
            return replace(plan, faults=replace(plan.faults, **{field: value}))
        inner = replace(getattr(plan.faults, group), **{field: value})
        return replace(plan, faults=replace(plan.faults, **{group: inner}))

    return change


def _plain(field: str) -> Callable[[Plan], Plan]:
    value = 0 if field in _NONE else getattr(Plan(), field)
    return lambda plan: replace(plan, **{field: value})


def _faults() -> Iterator[tuple[str, Callable[[Plan], Plan], bool]]:
    """Every rate, flag, interval and number of `Faults`: at zero, a fault is off; and whether it is off unless it is drawn."""
    for group in Faults.__struct_fields__:
        inner = getattr(Faults(), group)
        fields = inner.__struct_fields__ if isinstance(inner, msgspec.Struct) else (group,)
        for field in fields:
            value = getattr(inner, field) if isinstance(inner, msgspec.Struct) else inner
            if isinstance(value, (bool, float)) or field.endswith(("_every_ns", "_ppm", "_staying", "_starts")):
                yield _say(field), _off(group if isinstance(inner, msgspec.Struct) else "", field, type(value)()), not value


_CHANGES: dict[str, Callable[[Plan], Plan]] = {
    **{name: change for name, change, _ in _faults()},
    **{_say(field): _plain(field) for field in _RARE},
}
_CAUSES = [name for name, _, is_off in _faults() if is_off] + [_say(field) for field in _RARE]


def names() -> list[str]:
    """Everything that can be left out, by name: faults first."""
    return list(_CHANGES)


def causes() -> list[str]:
    """Those of `names` that make something happen by themselves; the rest say how or to whom."""
    return list(_CAUSES)


def active(plan: Plan) -> list[str]:
    """What of it this plan has."""
    return [name for name, change in _CHANGES.items() if change(plan) != plan]
