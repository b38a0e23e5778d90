"""One exhibit: a planted bug, the world in which it shows, and the properties that it violates.  [STYLE 3; SAFETY 30]

An `Exhibit` plants a bug for the time of one run: in the core by an edit of the specification's text, recompiled in memory; elsewhere by
another function in a method's place. Its pinned seeds must catch it, and the same seeds must pass without it (`tests/museum`).

    with exhibit.plant(): run(seed)         replay(exhibit, seed)         search(exhibit, range(100))

Nothing here is ever active outside a `plant`.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Any, NamedTuple

from gaios.log import Replica
from gaios.paxos import core
from gaios.sim.plan import Plan
from gaios.sim.run import Report, RunOptions, run
from gaios.sim.scenario import Scenario, load
from gaios.spec import compile_participant

Plant = Callable[[], AbstractContextManager[None]]


class Exhibit(NamedTuple):
    """One planted bug."""

    name: str
    layer: str
    """Where it is: paxos, log, storage, db, locks, server, client."""
    rule: str
    """Which of SAFETY's rules it breaks."""
    plant: Plant
    caught_by: tuple[str, ...]
    """The properties that it violates, any of them, by their checkers' names."""
    plan: Callable[[Plan], Plan] | None = None
    """The world that it needs; None: what the seed draws."""


def scenario(name: str) -> Callable[[Plan], Plan]:
    """A world that comes with gaios, in `scenarios/`."""

    @cache
    def world() -> Scenario:
        return load(name)

    return lambda plan: world().change(plan)


def text(*edits: tuple[str, str]) -> Plant:
    """A bug in the core: edits (old, new) of the specification's text, each old occurring once."""

    @contextmanager
    def plant() -> Iterator[None]:
        defaults = Replica.__init__.__kwdefaults__
        assert defaults is not None
        sound = defaults["participant"], core.AFTER
        changed = _compiled(edits)
        defaults["participant"], core.AFTER = changed.Participant, changed.AFTER  # type: ignore[misc]
        try:
            yield
        finally:
            defaults["participant"], core.AFTER = sound  # type: ignore[misc]

    return plant


@cache
def _compiled(edits: tuple[tuple[str, str], ...]) -> Any:  # noqa: ANN401 (a module made in memory)
    return compile_participant(edits=edits)


def method(owner: Any, name: str, make: Callable[[Any], Any]) -> Plant:  # noqa: ANN401 (any class, module or function)
    """A bug elsewhere: `make` is given the sound function, wherever the class has it from, and returns the one in its place."""

    @contextmanager
    def plant() -> Iterator[None]:
        place = next((each for each in getattr(owner, "__mro__", ()) if name in each.__dict__), owner)
        sound = place.__dict__[name]
        planted = make(sound)
        if inspect.isfunction(sound) and inspect.isfunction(planted):
            _bind(planted, sound)
        setattr(place, name, planted)
        try:
            yield
        finally:
            setattr(place, name, sound)

    return plant


def _bind(planted: Callable[..., Any], sound: Callable[..., Any]) -> None:
    """Raise `TypeError` if a function cannot be called as another can: a replica that stops because of that would pass for a bug caught."""
    known = inspect.signature(sound).parameters.values()
    named = {each.name: each for each in known if each.kind == each.KEYWORD_ONLY}
    inspect.signature(planted).bind(*(each for each in known if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)), **named)


def together(*plants: Plant) -> Plant:
    """A bug that takes several changes, because a second guard stands before it."""

    @contextmanager
    def plant() -> Iterator[None]:
        with ExitStack() as stack:
            for each in plants:
                stack.enter_context(each())
            yield

    return plant


def replay(exhibit: Exhibit, seed: int, *, planted: bool = True) -> Report:
    """Run an exhibit's world, with its bug or without."""
    options = RunOptions(plan=exhibit.plan)
    if not planted:
        return run(seed, options)
    with exhibit.plant():
        return run(seed, options)


def catches(exhibit: Exhibit, report: Report) -> bool:
    """Whether a run violated one of the properties that the bug is known to violate."""
    return any(violation.partition(":")[0] in exhibit.caught_by for violation in report.violations)


def search(exhibit: Exhibit, seeds: Iterable[int], enough: int = 1 << 30) -> list[int]:
    """Which seeds catch it, at most so many."""
    found: list[int] = []
    for seed in seeds:
        if catches(exhibit, replay(exhibit, seed)):
            found.append(seed)
            if len(found) >= enough:
                break
    return found
