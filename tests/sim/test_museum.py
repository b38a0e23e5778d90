"""The museum's own machinery: a bug is there while it is planted and at no other time, and one that is not caught is not called so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from gaios import api
from gaios.db import Database
from gaios.log import Replica
from gaios.machine import Context
from gaios.sim import museum
from gaios.sim.museum import Exhibit, catches, method, replay, search, text, together
from gaios.sim.plan import Plan
from gaios.sim.run import Report, RunOptions
from gaios.spec import SpecError
from tests.sim.small import QUIET

EDIT = ("phase = IDLE; granted_until = now", "phase = IDLE; granted_until = now + 1")
"""Of the specification's text; it occurs once."""


class Machine:
    """Something to plant bugs into."""

    def size(self) -> int:
        return 1


def double(sound: Callable[[Machine], int]) -> Callable[[Machine], int]:
    return lambda machine: 2 * sound(machine)


def exhibit(plant: museum.Plant, plan: Callable[[Plan], Plan] | None = None) -> Exhibit:
    return Exhibit("a bug", "db", "SAFETY 5", plant, ("durability", "exactly once"), (1,), plan)


def report(seed: int, *violations: str) -> Report:
    return Report(seed=seed, trace_hash="", violations=list(violations), statistics={}, sometimes={}, lines=[])


def participant() -> object:
    """Whom a new replica takes as its core."""
    defaults = Replica.__init__.__kwdefaults__
    assert defaults is not None
    return defaults["participant"]


def test_a_method_is_replaced_for_the_time_of_the_plant_alone() -> None:
    with method(Machine, "size", double)():
        assert Machine().size() == 2
    assert Machine().size() == 1


def test_the_sound_function_is_back_when_the_run_raised() -> None:
    """A bug that outlived its exhibit would be found everywhere."""
    sound = participant()
    with pytest.raises(ZeroDivisionError), together(method(Machine, "size", double), text(EDIT))():
        raise ZeroDivisionError
    assert Machine().size() == 1
    assert participant() is sound


def test_an_edit_of_the_text_is_a_core_for_the_time_of_the_plant_alone() -> None:
    sound = participant()
    with text(EDIT)():
        planted = participant()
        assert planted is not sound
    assert participant() is sound
    with text(EDIT)():
        assert participant() is planted, "compiled once"


def test_an_edit_that_matches_nothing_is_refused() -> None:
    """After the text has changed, an exhibit would otherwise go on without its bug."""
    sound = participant()
    with pytest.raises(SpecError), text(("no such words", ""))():
        pass
    assert participant() is sound


def test_plants_that_belong_together_are_planted_in_order_and_taken_out_in_reverse() -> None:
    """The second guard is removed on top of the first."""
    with together(method(Machine, "size", double), method(Machine, "size", lambda sound: lambda machine: sound(machine) + 1))():
        assert Machine().size() == 3
    assert Machine().size() == 1


def test_only_what_a_bug_is_known_to_violate_counts_as_caught() -> None:
    """Another violation is another bug, or an exhibit whose reason is not the one that it names."""
    one = exhibit(method(Machine, "size", double))
    assert catches(one, report(1, "liveness: no master", "durability: call 3: was lost"))
    assert not catches(one, report(1))
    assert not catches(one, report(1, "liveness: no master serves; durability: not at all"))
    assert not catches(one, report(1, "durability of something else: x"))


def test_a_replay_plants_the_bug_in_the_exhibits_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without the bug it is the same world."""
    seen: list[tuple[int, int, object]] = []

    def plan(drawn: Plan) -> Plan:
        return drawn

    def run(seed: int, options: RunOptions) -> Report:
        seen.append((seed, Machine().size(), options.plan))
        return report(seed)

    monkeypatch.setattr(museum, "run", run)
    one = exhibit(method(Machine, "size", double), plan)
    replay(one, 7)
    replay(one, 7, planted=False)
    assert seen == [(7, 2, plan), (7, 1, plan)]


def test_a_search_tells_the_seeds_that_catch_it_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that finds nothing must not be pinned."""
    reports = {
        1: report(1),
        2: report(2, "durability: a", "durability: b", "liveness: c"),
        3: report(3, "liveness: c"),
    }
    planted: list[int] = []

    @contextmanager
    def plant() -> Iterator[None]:
        planted.append(1)
        yield

    monkeypatch.setattr(museum, "run", lambda seed, _: reports[seed])
    assert search(exhibit(plant), reports) == {2: ("durability", "liveness"), 3: ("liveness",)}
    assert len(planted) == 3


def test_a_planted_bug_is_found_in_a_whole_run() -> None:
    """One end to end: a machine that forgets to count its revisions up disagrees with every replay of the log."""

    def forgetful(sound: Callable[..., Any]) -> Callable[..., Any]:
        def apply(self: Database, command: bytes, context: Context) -> Any:
            if context.slot % 7 == 0:
                return api.encode(api.MultiOpResult(True, self.revision, (api.PutResult(self.revision),))), ()
            return sound(self, command, context)

        return apply

    one = Exhibit(
        "every seventh slot is acknowledged and not carried out",
        "db",
        "SAFETY 5",
        method(Database, "apply", forgetful),
        ("durability", "linearizability", "linearizability by witness"),
        (1,),
        lambda plan: replace(QUIET, options=plan.options, operations=60),
    )
    assert catches(one, replay(one, 1))
    assert not replay(one, 1, planted=False).violations
