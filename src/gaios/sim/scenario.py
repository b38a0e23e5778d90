"""Scenarios: what a run is made of, as a data file in TOML, for the simulator and for benchmarks.

    description = "…"
    [plan]        replicas, turn_us, segment_bytes, makes_spares, available, under_load, safety_s, recovery_s, final_operations
    [workload]    clients, operations, keys, value_bytes, think_ms, burst, deadline_ms, watchers, compacts; [workload.mix] put, get, cas, …
    [options] [bounds] [limits]                                      as the replica's own; their names are in `log.Options` and so on
    [faults.disk] [faults.network] [faults.process] [faults.client] [faults.store]              as in faults.py
    [locks]       clients, rounds, leases_ms, locks, …                as in `plan.Locks`
    [clocks]      drift_ppm, drifts_ppm

Rule 1. What is not named stays as the seed draws it, with three exceptions. Where there is a table of options, bounds, limits or locks,
what it does not name has its default; without one of locks no client has sessions; where there is any of faults, all other faults are off.
Rule 2. A time ends in its unit: `think_ns`, `think_us`, `think_ms` and `think_s` set the same number.
Rule 3. A file that is wrong in any place is refused whole, with the key's name.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import fields, replace

from gaios.errors import ConfigurationError
from gaios.log import Bounds, Options
from gaios.server.effects import Limits
from gaios.sim.faults import Faults, NetworkFaults
from gaios.sim.operations import Mix
from gaios.sim.partitions import KINDS
from gaios.sim.plan import Locks, Plan
from gaios.storage import SEGMENT_BYTES_MIN

SHIPPED = Path(__file__).with_name("scenarios")
"""Those that come with gaios, one file each."""
_UNITS = {"_s": 1_000_000_000, "_ms": 1_000_000, "_us": 1_000}
_PLAN = ("replicas", "turn_ns", "segment_bytes", "makes_spares", "available", "under_load", "safety_ns", "recovery_ns", "final_operations")
_WORKLOAD = ("clients", "operations", "keys", "value_bytes", "think_ns", "burst", "deadline_ns", "watchers", "compacts", "mix")
_CLOCKS = ("drift_ppm", "drifts_ppm")
_FAULTS: dict[str, type[msgspec.Struct]] = {field.name: type(field.default) for field in fields(Faults) if field.name != "drift_ppm"}
_LEAST = {"replicas": 1, "clients": 1, "operations": 1, "keys": 1, "burst": 1, "final_operations": 1, "segment_bytes": SEGMENT_BYTES_MIN}
_MOST = {"replicas": 7, "clients": 1_000, "keys": 10_000, "value_bytes": 1 << 20, "drift_ppm": 1_000, "watchers": 100}
_DRIFT_MOST_PPM = 500
"""One clock's, either way, so that no two differ by more than the specification allows."""

S = TypeVar("S", bound=msgspec.Struct)


class Scenario(NamedTuple):
    """A file that was read."""

    name: str
    description: str
    change: Callable[[Plan], Plan]
    """What it makes of the plan that a seed drew."""


def shipped() -> list[str]:
    """The names of those that come with gaios."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str) -> Scenario:
    """Read a file, or one of those that come with gaios, by its name.

    Raises:
        ConfigurationError: there is none, or it is wrong; the key is named.
    """
    return parse(read(name), name)


def read(name: str) -> str:
    """The text of a file, or of one of those that come with gaios.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    path = Path(name)
    if name in shipped() and not path.exists():
        path = SHIPPED / f"{name}.toml"
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"the scenario {name} cannot be read: {error}"
        raise ConfigurationError(reason=reason, hint=f"name a file, or one of {', '.join(shipped())}") from None


def parse(text: str, name: str) -> Scenario:
    """A scenario from its text.

    Raises:
        ConfigurationError: it is wrong; the key is named.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, f"it is not TOML: {error}") from None
    _known(name, "", tables, ("description", "plan", "workload", "options", "bounds", "limits", "locks", "faults", "clocks"))
    description = tables.pop("description", "")
    if not isinstance(description, str):
        raise _wrong(name, "description must be text")
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise _wrong(name, f"[{key}] must be a table")
    given: dict[str, Any] = {**_some(name, "plan", tables, Plan, _PLAN), **_some(name, "workload", tables, Plan, _WORKLOAD)}
    for key, kind in (("options", Options), ("bounds", Bounds), ("limits", Limits), ("locks", Locks)):
        if key in tables:
            given[key] = _struct(name, key, tables[key], kind)
    given.setdefault("locks", Locks())
    clocks = _some(name, "clocks", tables, Plan, ("drifts_ppm",), besides=("drift_ppm",))
    drift_ppm = _numbers(name, "clocks", tables.get("clocks", {}), Faults, ("drift_ppm",), besides=("drifts_ppm",)).get("drift_ppm")
    faults = _faults(name, tables["faults"]) if "faults" in tables else None
    if faults is not None and faults.process.hermit_starts and given.get("replicas") != 1:
        raise _wrong(name, "faults.process.hermit_starts is about a founder that is alone: plan.replicas must be 1")
    for drift in clocks.get("drifts_ppm", ()):
        if abs(drift) > _DRIFT_MOST_PPM:
            raise _wrong(name, f"clocks.drifts_ppm: {drift} is not within {_DRIFT_MOST_PPM} of true time, either way")

    def change(plan: Plan) -> Plan:
        changed = plan.faults if faults is None else replace(faults, drift_ppm=plan.faults.drift_ppm)
        if drift_ppm is not None:
            changed = replace(changed, drift_ppm=drift_ppm)
        return replace(plan, **given, **clocks, faults=changed)

    return Scenario(Path(name).stem, description, change)


def _faults(name: str, tables: Mapping[str, Any]) -> Faults:
    _known(name, "faults", tables, tuple(_FAULTS))
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise _wrong(name, f"[faults.{key}] must be a table")
    built: dict[str, Any] = {key: _struct(name, f"faults.{key}", table, _FAULTS[key]) for key, table in tables.items()}
    network = built.get("network")
    if isinstance(network, NetworkFaults) and (unknown := [kind for kind in network.kinds if kind not in KINDS]):
        raise _wrong(name, f"faults.network.kinds: {unknown[0]!r} is no shape of a partition; there are {', '.join(KINDS)}")
    return Faults(**built)


def _some(
    name: str, key: str, tables: Mapping[str, Any], kind: type[msgspec.Struct], names: tuple[str, ...], besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    table = dict(tables.get(key, {}))
    mix = table.pop("mix", None) if "mix" in names else None
    found = _numbers(name, key, table, kind, names, besides)
    if mix is not None:
        if not isinstance(mix, dict):
            raise _wrong(name, f"[{key}.mix] must be a table")
        found["mix"] = _struct(name, f"{key}.mix", mix, Mix)
    return found


def _struct(name: str, key: str, table: Mapping[str, Any], kind: type[S]) -> S:
    """A whole struct: what is not named has its default."""
    values = _numbers(name, key, table, kind, tuple(field.name for field in fields(kind)))
    try:
        return kind(**values)
    except (ConfigurationError, ValueError) as error:
        raise _wrong(name, f"[{key}]: {error}") from None


def _numbers(
    name: str, key: str, table: Mapping[str, Any], kind: type[msgspec.Struct], names: tuple[str, ...], besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The fields of a struct that a table names, in the struct's own units."""
    types = {field.name: field.type for field in fields(kind) if field.name in names}
    found: dict[str, Any] = {}
    for written, raw in table.items():
        if written in besides:
            continue
        where, field, value = f"{key}.{written}", written, raw
        for unit, factor in _UNITS.items():
            base = f"{written.removesuffix(unit)}_ns"
            if written.endswith(unit) and written not in types and base in types:
                if type(raw) not in {int, float}:
                    raise _wrong(name, f"{where} must be a number")
                field, value = base, round(raw * factor)
        if field not in types:
            _known(name, key, {written: raw}, (*types, *besides))
        if field in found:
            raise _wrong(name, f"{where}: the same is set twice, in two units")
        try:
            found[field] = msgspec.convert(value, types[field])
        except msgspec.ValidationError as error:
            raise _wrong(name, f"{where}: {str(error)[0].lower()}{str(error)[1:]}") from None
        _check(name, where, field, found[field])
    return found


def _check(name: str, where: str, field: str, value: Any) -> None:  # noqa: ANN401 (of any field's type)
    if type(value) is float and not 0 <= value <= 1:
        raise _wrong(name, f"{where} must be from 0 to 1; it is {value}")
    if type(value) is int and not _LEAST.get(field, 0) <= value <= _MOST.get(field, 1 << 62):
        most = f" to {_MOST[field]}" if field in _MOST else " or more"
        raise _wrong(name, f"{where} must be {_LEAST.get(field, 0)}{most}; it is {value}")


def _known(name: str, key: str, table: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for written in table:
        if written not in names:
            where = f"[{key}]" if key else "a scenario"
            raise _wrong(name, f"{key + '.' if key else ''}{written} is not known; {where} has {', '.join(names)}")


def _wrong(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(reason=f"{name}: {what}", hint="docs/simulation.md says what a scenario holds")
