"""Formulas over the cells of a model: a number, or a text in Promela's syntax and in Python's, with constants folded.

A cell is one variable of a model: a field of one member, a part of an entry of a map, a message that was sent or not.

Rule 1. A truth is 0 or 1, so that every formula is a number.
Rule 2. Both syntaxes are built together, operator by operator: what is analysed in Python is what Spin evaluates.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Formula:
    """What is not known before the model runs. Two formulas are equal when their texts are."""

    python: str
    promela: str = field(compare=False)
    reads: frozenset[str] = field(compare=False)
    op: str = field(default="", compare=False)
    parts: "tuple[Term, ...]" = field(default=(), compare=False)


Term = int | Formula
_NOTHING: Final[frozenset[str]] = frozenset()
_FOLD: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
}
_PROMELA: Final = {"//": "/"}
_TRUTHS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "not", "and", "or"})
_SAME: Final = {"==": 1, "<=": 1, ">=": 1, "!=": 0, "<": 0, ">": 0}


def cell(name: str) -> Formula:
    """A cell's value."""
    return Formula(name, name, frozenset((name,)))


def reads(term: Term) -> frozenset[str]:
    """The cells that a formula reads."""
    return _NOTHING if isinstance(term, int) else term.reads


def python(term: Term) -> str:
    """The formula in Python."""
    return str(term) if isinstance(term, int) else term.python


def promela(term: Term) -> str:
    """The formula in Promela."""
    return str(term) if isinstance(term, int) else term.promela


def operate(op: str, a: Term, b: Term) -> Term:
    """`a op b`, for the operators of the language."""
    if isinstance(a, int) and isinstance(b, int):
        return _FOLD[op](a, b)
    if a == b and op in _SAME:
        return _SAME[op]
    if op == "+" and (a == 0 or b == 0):
        return b if a == 0 else a
    if op == "-" and b == 0:
        return a
    if op == "*" and (a == 0 or b == 0):
        return 0
    word = _PROMELA.get(op, op)
    return Formula(f"({python(a)} {op} {python(b)})", f"({promela(a)} {word} {promela(b)})", reads(a) | reads(b), op, (a, b))


def negation(a: Term) -> Term:
    """`not a`."""
    if isinstance(a, int):
        return 1 - a
    if a.op == "not":
        (inner,) = a.parts
        return inner
    return Formula(f"(not {a.python})", f"(!{a.promela})", a.reads, "not", (a,))


def all_of(terms: Iterable[Term]) -> Term:
    """A conjunction."""
    return _joined(terms, stop=0, python_word=" and ", promela_word=" && ")


def any_of(terms: Iterable[Term]) -> Term:
    """A disjunction."""
    return _joined(terms, stop=1, python_word=" or ", promela_word=" || ")


def _joined(terms: Iterable[Term], *, stop: int, python_word: str, promela_word: str) -> Term:
    kept: dict[Formula, None] = {}
    for term in terms:
        if isinstance(term, int):
            if bool(term) == bool(stop):
                return stop
            continue
        kept[term] = None
    if not kept:
        return 1 - stop
    if len(kept) == 1:
        return next(iter(kept))
    return Formula(
        f"({python_word.join(term.python for term in kept)})",
        f"({promela_word.join(term.promela for term in kept)})",
        frozenset[str]().union(*(term.reads for term in kept)),
        python_word.strip(),
        tuple(kept),
    )


def is_truth(term: Term) -> bool:
    """Whether it can only be 0 or 1, in both syntaxes."""
    return term in {0, 1} if isinstance(term, int) else term.op in _TRUTHS


def choice(test: Term, then: Term, other: Term) -> Term:
    """`then if test else other`."""
    if isinstance(test, int):
        return then if test else other
    if then == other:
        return then
    if then == 1 and other == 0 and is_truth(test):
        return test
    return Formula(
        f"({python(then)} if {test.python} else {python(other)})",
        f"({test.promela} -> {promela(then)} : {promela(other)})",
        test.reads | reads(then) | reads(other),
        "if",
        (test, then, other),
    )
