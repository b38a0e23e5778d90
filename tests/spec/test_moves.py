"""What may happen to one member."""

from dataclasses import replace
from typing import Any

from gaios.spec.configurations import find
from gaios.spec.moves import Moves, Step
from tests.spec.models import TINY, scope

MOVES = Moves(scope(replace(TINY, restarts=(1,))))


def start(moves: Moves = MOVES, me: int = 1, **fields: Any) -> int:
    person = moves.packing.fresh(me)
    for name, value in fields.items():
        setattr(person.core, name, value)
    return moves.packing.pack(person)


def take(name: str, number: int, *fields: Any, moves: Moves = MOVES, src: int = 0) -> Step | None:
    return moves.take(number, moves.model.event(name), fields, src)


def test_a_step_is_the_running_codes_and_names_its_rule() -> None:
    step = take("Campaign", start(), 1)
    assert step is not None
    assert step.label == "P1a"
    assert MOVES.packing.look(step.local).core.promised == 1
    assert {key.message for key, _ in MOVES.packing.of(step.sent)} == {"Prepare", "Promise"}


def test_a_guard_that_does_not_hold_is_no_step() -> None:
    assert take("Campaign", start(), 2) is None


def test_what_would_leave_the_scope_does_not_happen() -> None:
    """There is one slot: a leader that has filled it proposes nothing."""
    assert take("Propose", start(phase=2, bal=1, promised=1, next=1), b"\1") is not None
    assert take("Propose", start(phase=2, bal=1, promised=1, next=2, acc={1: (1, b"\1")}), b"\1") is None


def test_a_restart_keeps_what_is_durable() -> None:
    step = MOVES.restart(start(promised=1, bal=1, phase=2, acc={1: (1, b"\1")}))
    person = MOVES.packing.look(step.local).core
    assert (person.promised, person.acc, person.phase, person.bal) == (1, {1: (1, b"\1")}, 0, 0)


def test_a_disk_forgets_what_was_not_synced() -> None:
    moves = Moves(scope(find("disks")))
    step = take("Campaign", start(moves), 1, moves=moves)
    assert step is not None
    assert step.sent == 0, "a claim waits for its record"
    assert {key.message for key, _ in moves.packing.of(step.waits)} == {"Prepare", "Promise"}
    assert moves.packing.look(moves.restart(step.local).local).core.promised == 0
    assert moves.packing.look(moves.restart(moves.sync(step.local).local).local).core.promised == 1


def test_a_start_from_a_late_mark_does_not_know_what_was_chosen() -> None:
    moves = Moves(scope(find("lost-mark")))
    person = moves.packing.fresh(1)
    person.core.chosen, person.core.acc = 1, {1: (1, b"\1")}
    again = moves.packing.look(moves.restart(moves.packing.pack(person)).local).core
    assert (again.chosen, again.acc) == (0, {1: (1, b"\1")})


def test_a_codec_refuses_what_no_ballot_is() -> None:
    assert MOVES._is_refused(MOVES.model.event("Prepare"), (0, 1))
    assert not MOVES._is_refused(MOVES.model.event("Prepare"), (1, 1))
