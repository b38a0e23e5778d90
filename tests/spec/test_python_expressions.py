"""Expressions as Python: as few parentheses as it needs, nothing computed twice that need not be."""

from typing import Any

import pytest

from gaios.spec.python_module import emit_core
from gaios.spec.sorts import TRUTH
from gaios.spec.source import Place
from gaios.spec.tree import Both, Flag
from tests.spec.small import built, read

HERE = Place("t", 1, 1)
BUSY = "def busy() -> bool: return phase == BUSY"
Edit = tuple[str, str]


def function(*edits: Edit) -> str:
    """The generated text of `busy`."""
    lines = emit_core(read(*edits)).splitlines()
    start = next(index for index, line in enumerate(lines) if "def busy(" in line)
    return " ".join(line.strip() for line in lines[start + 2 : start + 8]).split("  ")[0]


@pytest.mark.parametrize(
    ("spec", "python"),
    [
        ("high + 1 - (high - 2) > 0", "return self.high + 1 - (self.high - 2) > 0"),
        ("(high + 1) * 2 % 3 == 0", "return (self.high + 1) * 2 % 3 == 0"),
        ("high > 0 and high < 5 and phase == BUSY", "return self.high > 0 and self.high < 5 and self.phase == BUSY"),
        ("high > 0 and (high < 5 or phase == BUSY)", "return self.high > 0 and (self.high < 5 or self.phase == BUSY)"),
        ("not high > 0", "return self.high <= 0"),
        ("not (high > 0 or high < 5)", "return not (self.high > 0 or self.high < 5)"),
        ("me in seen", "return self.seen >> self.me & 1 == 1"),
        ("not me in seen", "return not self.seen >> self.me & 1 == 1"),
        ("me in voters", "return self._me_in_voters"),
        ("len(voters) > len(seen & voters)", "return self._voters_count > (self.seen & self.voters).bit_count()"),
        ("acc[high].val == NOTHING", 'return self.acc.get(self.high, NO_ENTRY)[1] == b""'),
        ("len(acc) > max(high, 3)", "return len(self.acc) > (self.high if self.high >= 3 else 3)"),
        ("max(high + 1, top(acc), 3) > 3", "return max(self.high + 1, max(self.acc, default=0), 3) > 3"),
        ("{me} == {}", "return 1 << self.me == 0"),
        ("(1 if high > 2 else 3) == 3", "return (1 if self.high > 2 else 3) == 3"),
        ("Entry(1, NOTHING).bal == 1", 'return (1, b"")[0] == 1'),
        ("many({m for m in keys(marks) if marks[m] > 3})",
         "return 2 * (sum(1 << m for m in self.marks if self.marks[m] > 3) & self.voters).bit_count() > self._voters_count"),
        ("len({t: acc[t] for t in keys(acc, acc)}) == 0",
         "return len({t: self.acc.get(t, NO_ENTRY) for t in sorted({*self.acc, *self.acc})}) == 0"),
    ],
)  # fmt: skip
def test_expressions_come_out_as_one_would_write_them(spec: str, python: str) -> None:
    """The generated file is read by people who follow a traceback."""
    assert function((BUSY, f"def busy() -> bool: return {spec}")).startswith(python)


def test_a_function_is_put_in_place_unless_an_argument_would_be_computed_twice() -> None:
    """`twice` is called with a lookup, and put in place with a name."""
    twice = "def twice(s: Slot) -> Slot: return s + s\ndef busy() -> bool: return twice(%s) > 0"
    assert function((BUSY, twice % "top(acc)")).startswith("return twice(max(self.acc, default=0)) > 0")
    assert function((BUSY, twice % "high")).startswith("return self.high + self.high > 0")
    assert function((BUSY, twice % "(high + 1)")).startswith("return twice(self.high + 1) > 0")


def test_maps_that_are_returned_are_fresh() -> None:
    """Who gets one may keep it; the state goes on changing."""
    core = built((BUSY, "def kept() -> Map[Slot, Entry]: return acc\n" + BUSY))
    keeper = core.Keeper(1, 0b111)
    keeper.acc[1] = (1, b"x")
    kept: Any = keeper.kept()
    keeper.acc[2] = (1, b"y")
    assert kept == {1: (1, b"x")}


def test_literals_of_truth_are_pythons() -> None:
    """A guard may be switched off while one thinks."""
    assert function((BUSY, "def busy() -> bool: return True or False")).startswith("return True or False")
    assert Both(TRUTH, HERE, "or", (Flag(TRUTH, HERE, True), Flag(TRUTH, HERE, False))) == Both(
        TRUTH, Place("u", 2, 2), "or", (Flag(TRUTH, HERE, True), Flag(TRUTH, HERE, False))
    )
