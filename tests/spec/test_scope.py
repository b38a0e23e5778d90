"""What a cell may hold, which instances may happen, what is left out."""

from dataclasses import replace

from gaios.spec.configurations import find
from gaios.spec.formulas import cell, choice, operate
from gaios.spec.scope import possible, values
from tests.spec.models import TINY, scope

HELD = {"x": frozenset({0, 1, 2}), "y": frozenset({1, 5})}


def test_formulas_are_evaluated_together_where_the_guard_holds() -> None:
    """Fields of one message depend on each other: evaluated apart, there would be more messages than can be sent."""
    x, y = cell("x"), cell("y")
    assert values([x, operate("+", x, y)], [operate("<", x, 1)], HELD) == {(0, 1), (0, 5)}
    assert possible([operate("<", y, 2)], HELD)
    assert not possible([operate("<", y, 1)], HELD)


def test_a_formula_of_many_cells_is_judged_by_its_parts_and_never_misses_a_value() -> None:
    held = {f"c{index}": frozenset(range(4)) for index in range(8)}
    total = cell("c0")
    for index in range(1, 8):
        total = operate("+", total, cell(f"c{index}"))  # type: ignore[assignment]
    assert values([total], [], held) >= {(number,) for number in range(22)}
    assert {(0,), (3,)} <= values([choice(operate("<", total, 5), cell("c1"), 3)], [], held)


def test_a_cell_that_never_changes_is_a_number() -> None:
    built = scope()
    assert not any(name.startswith(("truncated", "granted_until", "longest", "mark")) for name in built.held if name in built.kept)
    assert "bal_3" not in built.kept, "member 3 owns no ballot"


def test_what_nothing_depends_on_is_left_out() -> None:
    """The cone of influence: without leases nobody asks who granted what."""
    assert not any(name.startswith("grants") for name in scope().kept)
    assert any(name.startswith("grants") for name in scope(find("release")).kept)


def test_a_message_that_nobody_takes_is_not_told_apart() -> None:
    with_marks, without = scope(TINY), scope(replace(TINY, without=("Learn",)))
    assert any(name.startswith("nLearn") for name in with_marks.kept)
    assert not any(name.startswith("nLearn") for name in without.kept)


def test_every_kept_cell_begins_at_zero_and_is_bounded() -> None:
    """A model's first state is all zeros, and Spin packs each cell into as few bits as it needs."""
    built = scope()
    for name in built.kept:
        held = built.held[name]
        assert min(held) >= 0
        assert max(held) < 256
