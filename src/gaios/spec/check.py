"""Check the core: every configuration of a scope, every mutation, and that nothing of this was vacuous.

Rule 1. A check fails when an invariant is violated; when a configuration has not exactly the states that are pinned; when the engines count
differently; when a mutation is not caught, or a harmless one is; when a rule of the text fires in no configuration.  [SAFETY 29, 30]
Rule 2. A violation that Spin finds is taken again, step by step, by the running code, and told in the words of the text.
Rule 3. Mutations are not tried on a core that is itself wrong.
Rule 4. Whether one configuration alone catches a mutation takes a search of all others. It is looked at when pins are written, and in the
large scope: a text of which that might have changed has other numbers of states, and so is pinned anew.
"""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from gaios.errors import Error, InvariantViolated
from gaios.spec import spin
from gaios.spec.claims import Model, read_model
from gaios.spec.configuration import Configuration
from gaios.spec.configurations import SCOPES, find
from gaios.spec.counterexample import Counterexample
from gaios.spec.explorer import Explorer
from gaios.spec.mutation import Edit, Mutation
from gaios.spec.mutations import MUTATIONS
from gaios.spec.promela import emit_promela
from gaios.spec.scope import Scope, build
from gaios.spec.source import Text, core_texts, edited, model_texts

PINS: Final = Path(__file__).with_name("pins.json")
SHORTEST_S: Final = 120.0
"""How long to look for a shorter way to a violation that was found."""
_ALONE: Final = frozenset(mutation.name for mutation in MUTATIONS if mutation.alone)
_MEANT: Final = "if that is meant: python -m gaios.spec pin SCOPE"
SECOND_ENGINE_STATES_MAX: Final = {"small": 20_000, "ci": 30_000, "large": 150_000}
"""Up to so many states a configuration is explored by the running code too."""
SHORT_STATES_MAX: Final = 500_000
"""A search of up to so many states is over before the compiler has made it faster: models of changes have 10,000 lines."""


@dataclass(slots=True)
class ConfigurationResult:
    """What one configuration gave."""

    name: str
    states: int = 0
    seconds: float = 0.0
    memory_mb: float = 0.0
    second: int = 0
    """States that the second engine counted; 0 where it did not run."""
    fired: dict[str, int] = field(default_factory=dict)
    coverage: str = ""
    """What a search that was not exhaustive says of itself."""
    violated: str = ""
    transcript: str = ""
    diagram: str = ""
    mermaid: str = ""
    problem: str = ""


@dataclass(slots=True)
class MutationResult:
    """What one mutation gave."""

    name: str
    configuration: str
    states: int = 0
    """Until it was caught, or all that there are."""
    seconds: float = 0.0
    violated: str = ""
    """The invariant that caught it; empty when none did."""
    others: tuple[str, ...] = ()
    """Configurations that catch it too, where none should."""
    problem: str = ""


@dataclass(slots=True)
class Outcome:
    """What a scope gave."""

    scope: str
    configurations: list[ConfigurationResult] = field(default_factory=list)
    mutations: list[MutationResult] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def states(self) -> int:
        """Of all configurations."""
        return sum(item.states for item in self.configurations)

    def json(self) -> dict[str, Any]:
        """As INTERFACE says, and what else is worth telling."""
        return {
            "scope": self.scope,
            "states": self.states,
            "seconds": round(self.seconds, 1),
            "violations": self.problems,
            "mutations": [
                {
                    "name": m.name,
                    "configuration": m.configuration,
                    "caught": m.violated or None,
                    "states": m.states,
                    "seconds": round(m.seconds, 2),
                }
                for m in self.mutations
            ],
            "configurations": [
                {
                    "name": c.name,
                    "states": c.states,
                    "second_engine": c.second or None,
                    "seconds": round(c.seconds, 2),
                    "coverage": c.coverage or "all",
                }
                for c in self.configurations
            ],
        }


def the_model(edits: Sequence[Edit] = (), texts: tuple[tuple[Text, ...], tuple[Text, ...]] | None = None) -> Model:
    """The core and its claims, with edits applied.

    Raises:
        SpecError: a text, as edited, breaks the language's rules, or an edit does not match exactly once.
    """
    core, claims = texts or (core_texts(), model_texts())
    changed = edited((*core, *claims), edits)
    return read_model(changed[: len(core)], changed[len(core) :])


def check_configuration(configuration: Configuration, second_max: int, model: Model | None = None) -> ConfigurationResult:
    """Search one configuration, by both engines where it is small enough."""
    result = ConfigurationResult(configuration.name)
    try:
        scope = build(model or the_model(), configuration)
        with tempfile.TemporaryDirectory(prefix="gaios-spin-") as folder:
            found = spin.run(scope, _prepared(configuration, folder, _pinned("configurations", configuration.name)))
            result.states, result.seconds, result.memory_mb = found.states, found.seconds, found.memory_mb
            result.fired, result.coverage = found.fired, found.coverage
            if found.is_violated:
                _tell(result, scope, _shortest(scope, Path(folder)) or found.trail)
        if not result.violated and not configuration.bits and found.states <= second_max:
            report = Explorer(scope).explore()
            result.second = report.states
            if report.violated or report.states != found.states:
                counts = f"Spin counts {found.states} states, the running code {report.states}"
                result.problem = f"the engines differ: {counts}" + (f", and finds {report.violated} violated" if report.violated else "")
    except Error as error:
        result.problem = str(error)
    return result


def _shortest(scope: Scope, folder: Path) -> list[int]:
    """The shortest trail, if it is found in time and memory."""
    with contextlib.suppress(InvariantViolated):
        return spin.run(scope, spin.Search(folder, shortest=True, seconds_max=SHORTEST_S)).trail
    return []


def _tell(result: ConfigurationResult, scope: Scope, trail: list[int]) -> None:
    explorer = Explorer(scope)
    report = explorer.follow(trail)
    story = Counterexample(explorer, result.name, report.violated, report.path)
    result.violated = report.violated
    result.transcript, result.diagram, result.mermaid = story.transcript(), story.diagram(), story.mermaid()


def check_mutation(mutation: Mutation, others: Sequence[Configuration] = ()) -> MutationResult:
    """Search for one planted bug. `others`: where it must not be found."""
    result = MutationResult(mutation.name, mutation.configuration)
    try:
        model = the_model(mutation.edits)
        found, result.violated = _search(model, find(mutation.configuration), _pinned("mutations", mutation.name))
        result.states, result.seconds = found.states, found.seconds
        result.others = tuple(other.name for other in others if _catches(model, other))
    except Error as error:
        result.problem = str(error)
    return result


def _catches(model: Model, configuration: Configuration) -> bool:
    """Whether a mutation breaks a configuration too; none does where it does not change the model at all."""
    if emit_promela(build(model, configuration)).text == _text(configuration.name):
        return False
    return bool(_search(model, configuration, _pinned("configurations", configuration.name))[1])


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    """The sound model of a configuration of the gate."""
    return emit_promela(build(the_model(), find(name))).text


def _search(model: Model, configuration: Configuration, pinned: Mapping[str, Any]) -> tuple[spin.Result, str]:
    scope = build(model, configuration)
    with tempfile.TemporaryDirectory(prefix="gaios-spin-") as folder:
        found = spin.run(scope, _prepared(configuration, folder, pinned))
    return found, Explorer(scope).follow(found.trail).violated if found.is_violated else ""


def _prepared(configuration: Configuration, folder: str, pinned: Mapping[str, Any]) -> spin.Search:
    """A search, and whether it pays to have the compiler make it faster, going by what is pinned of it."""
    is_short = 0 < pinned.get("states", 0) <= SHORT_STATES_MAX
    optimize = "-O0" if is_short else "-O1"
    return spin.Search(Path(folder), optimize=optimize, bitstate=configuration.bits, seconds_max=configuration.seconds_max)


def read_pins() -> dict[str, Any]:
    """What is pinned: the states of every configuration, and of every mutation until it is caught."""
    return dict(json.loads(PINS.read_text(encoding="utf-8")))


def check(scope: str, *, jobs: int = 2, progress: Callable[[str], None] | None = None, compare: bool = True) -> Outcome:
    """Check a scope.

    Args:
        scope: `small`, `ci` or `large`.
        jobs: Searches at a time; each may take 1.3 GB.
        progress: Called with a line about each thing that is finished.
        compare: Whether numbers that differ from the pinned ones are a problem.

    Raises:
        ConfigurationError: Spin or a C compiler is not installed.
    """
    spin.check_tools()
    started = time.monotonic()
    outcome, expected = Outcome(scope), read_pins() if compare else None
    configurations = SCOPES[scope]
    names = [configuration.name for configuration in configurations]
    mutations = [mutation for mutation in MUTATIONS if mutation.configuration in names]
    total = len(configurations) + len(mutations)

    def tell(line: str) -> None:
        if progress is not None:
            progress(f"[{len(outcome.configurations) + len(outcome.mutations)}/{total}] {line}")

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures: list[Future[Any]] = [
            pool.submit(check_configuration, configuration, SECOND_ENGINE_STATES_MAX[scope]) for configuration in configurations
        ]
        for future in as_completed(futures):
            one: ConfigurationResult = future.result()
            outcome.configurations.append(one)
            tell(f"{one.name}: {one.states:,} states in {one.seconds:.1f} s{_remark(one)}")
        outcome.configurations.sort(key=lambda item: names.index(item.name))
        outcome.problems += _judge(outcome.configurations, configurations, expected)
        if not outcome.problems:
            gate = [each for each in configurations if each in SCOPES["ci"] and (scope == "large" or not compare)]
            futures = [
                pool.submit(check_mutation, mutation, [each for each in gate if mutation.alone and each.name != mutation.configuration])
                for mutation in mutations
            ]
            for future in as_completed(futures):
                other: MutationResult = future.result()
                outcome.mutations.append(other)
                tell(f"{other.name}: {other.violated or 'not caught'} ({other.configuration}, {other.states:,} states)")
            order = [mutation.name for mutation in mutations]
            outcome.mutations.sort(key=lambda item: order.index(item.name))
            outcome.problems += _judge_mutations(outcome.mutations, expected)
    outcome.seconds = time.monotonic() - started
    return outcome


def _remark(one: ConfigurationResult) -> str:
    second = f", and {one.second:,} by the running code" if one.second else ""
    return f"{second}{f' ({one.coverage})' if one.coverage else ''}{f': {one.violated} is violated' if one.violated else ''}"


def _judge(results: Sequence[ConfigurationResult], configurations: Sequence[Configuration], pins: dict[str, Any] | None) -> Iterator[str]:
    fired: set[str] = set()
    for result, configuration in zip(results, configurations, strict=True):
        fired |= {label for label, count in result.fired.items() if count}
        pinned = pins["configurations"].get(result.name, {}).get("states") if pins else result.states
        if result.problem:
            yield f"configuration {result.name}: {result.problem}"
        elif result.violated:
            yield f"configuration {result.name}: {result.violated} is violated"
        elif not configuration.bits and result.states != pinned:
            yield f"configuration {result.name}: {result.states} states, {pinned} are pinned; {_MEANT}"
        silent = [label for label in configuration.must_fire if not result.fired.get(label)]
        if silent and not result.violated:
            yield f"configuration {result.name}: {', '.join(silent)} never fires, so it does not show what it is there for"
    if not any(result.violated or result.problem for result in results):
        for rule in the_model().all_rules():
            if rule.label not in fired:
                yield f"rule {rule.label} ({rule.at.file}:{rule.at.line}) fires in no configuration of this scope"


def _judge_mutations(results: Sequence[MutationResult], pins: dict[str, Any] | None) -> Iterator[str]:
    harmless = {mutation.name for mutation in MUTATIONS if mutation.is_harmless}
    for result in results:
        known = pins["mutations"].get(result.name, {}) if pins else {"states": result.states, "alone": result.name in _ALONE}
        pinned = known.get("states")
        if result.problem:
            yield f"mutation {result.name!r}: {result.problem}"
        elif result.name in harmless and result.violated:
            yield f"mutation {result.name!r}: harmless, and yet {result.violated} is violated in {result.configuration}"
        elif result.name not in harmless and not result.violated:
            yield f"mutation {result.name!r}: not caught by {result.configuration}"
        elif result.others:
            yield f"mutation {result.name!r}: {result.configuration} alone should catch it, and {', '.join(result.others)} does too"
        elif result.states != pinned and not find(result.configuration).bits:
            yield f"mutation {result.name!r}: {result.states} states, {pinned} are pinned; {_MEANT}"
        elif result.name in _ALONE and not known.get("alone"):
            yield f"mutation {result.name!r}: nobody looked whether {result.configuration} alone catches it; python -m gaios.spec pin ci"


def _pinned(kind: str, name: str) -> dict[str, Any]:
    return dict(read_pins()[kind].get(name, {}))


def pin(outcome: Outcome, pins: dict[str, Any]) -> dict[str, Any]:
    """The pins with what a scope gave now."""
    configurations = {
        item.name: {
            "states": item.states,
            "second": item.second,
            "seconds": round(item.seconds, 1),
            "coverage": item.coverage,
            "fired": item.fired,
        }
        for item in outcome.configurations
    }
    mutations = {
        item.name: {"states": item.states, "seconds": round(item.seconds, 2), "violated": item.violated}
        | ({"alone": True} if item.name in _ALONE and outcome.scope != "small" else {})
        for item in outcome.mutations
    }
    known = {configuration.name for configuration in SCOPES["large"]}, {mutation.name for mutation in MUTATIONS}
    return {
        "configurations": {name: each for name, each in (pins["configurations"] | configurations).items() if name in known[0]},
        "mutations": {name: each for name, each in (pins["mutations"] | mutations).items() if name in known[1]},
    }
