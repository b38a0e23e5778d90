"""Formulas fold what is known, and say the rest in two syntaxes that mean the same."""

from itertools import product

import pytest

from gaios.spec.formulas import Term, all_of, any_of, cell, choice, negation, operate, promela, python, reads

X, Y = cell("x"), cell("y")


def value(term: Term, x: int, y: int) -> int:
    return int(eval(python(term), {"x": x, "y": y}))


@pytest.mark.parametrize("op", ["+", "-", "*", "//", "%", "==", "!=", "<", "<=", ">", ">="])
def test_numbers_are_folded_as_python_counts(op: str) -> None:
    for a, b in product(range(4), range(1, 4)):
        assert operate(op, a, b) == int(eval(f"{a} {op} {b}"))
        assert value(operate(op, X, Y), a, b) == int(eval(f"{a} {op} {b}"))


def test_what_is_known_leaves_no_trace() -> None:
    """A model is as small as its configuration."""
    assert all_of([1, X, 1]) == X
    assert all_of([X, 0]) == 0
    assert any_of([0, X]) == X
    assert any_of([X, 1]) == 1
    assert choice(1, X, Y) == X
    assert choice(X, Y, Y) == Y
    assert operate("+", 0, X) == X
    assert operate("==", X, X) == 1
    assert negation(negation(X)) == X


def test_both_syntaxes_are_built_together() -> None:
    term = choice(all_of([operate("<", X, 3), negation(Y)]), operate("//", X, 2), 7)
    assert python(term) == "((x // 2) if ((x < 3) and (not y)) else 7)"
    assert promela(term) == "(((x < 3) && (!y)) -> (x / 2) : 7)"
    assert reads(term) == {"x", "y"}
    assert value(term, 2, 0) == 1
    assert value(term, 2, 1) == 7


def test_a_truth_is_a_number() -> None:
    """`1 if t else 0` is t itself only where t cannot be anything but 0 or 1."""
    assert choice(operate("<", X, Y), 1, 0) == operate("<", X, Y)
    assert python(choice(X, 1, 0)) == "(1 if x else 0)"
