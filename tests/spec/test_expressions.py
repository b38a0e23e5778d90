"""Expressions: names, sorts, arity; each complaint with its line and column."""

import pytest

from gaios.spec import SpecError, Text, read_specification
from tests.spec.small import SMALL, built, line_of, read, refusal

S1 = "n = run(acc[t].bal > 0 for t in range(1, LIMIT))"
SET = "seen = seen | {q}"
GUARD = "s <= LIMIT and me in voters"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (GUARD, "s <= LIMITS and me in voters", "32: unknown name 'LIMITS'"),
        (GUARD, "s <= high and v <= high", "41: Value and Slot do not mix"),
        (GUARD, "s == now", "27: Slot and Time do not mix"),
        (GUARD, "s < 1 < 2", "27: one comparison at a time"),
        (GUARD, "s is high", "27: comparisons are == != < <= > >= in"),
        (GUARD, "v < NOTHING", "27: < does not compare Value"),
        (GUARD, "acc == acc", "27: == does not compare Map[Slot, Entry]"),
        (GUARD, "s in acc", "32: `in` is for sets, this is Map[Slot, Entry]"),
        (GUARD, "s in voters", "27: expected Member, this is Slot"),
        (GUARD, "s", "27: expected bool, this is Slot"),
        (GUARD, "not s", "31: expected bool, this is Slot"),
        (GUARD, "s <= LIMIT and high", "42: expected bool, this is Slot"),
        (GUARD, "acc[v].bal > 0", "31: expected Slot, this is Value"),
        (GUARD, "high[s] > 0", "27: […] of Slot: only maps are looked up"),
        (GUARD, "acc[s].ballot > 0", "27: Entry has no part 'ballot'"),
        (GUARD, "s.bal > 0", "27: .bal of Slot: only records have parts"),
        (GUARD, "s + v > 0", "31: + is for numbers, this is Value"),
        (GUARD, "s / 2 > 0", "27: arithmetic is + - * // %"),
        (GUARD, "s & voters == voters", "27: & is for sets, this is Slot"),
        (GUARD, "len(s) > 0", "31: len() is of sets and maps, this is Slot"),
        (GUARD, "len(voters, seen) > 0", "27: len() does not take these arguments"),
        (GUARD, "top(voters) > 0", "31: top() is of maps, this is Set[Member]"),
        (GUARD, "max(s, v) > 0", "27: expected numbers, these are Slot and Value"),
        (GUARD, "many(s)", "32: expected Set[Member], this is Slot"),
        (GUARD, "many()", "27: many takes 1 (s), 0 given"),
        (GUARD, "fits(s)", "27: unknown function 'fits'"),
        (GUARD, "(lambda: True)()", "27: this kind of expression is not in the language"),
        (GUARD, "[s] == [s]", "27: this kind of expression is not in the language"),
        (GUARD, "-s < 0", "27: this kind of expression is not in the language"),
        (GUARD, "(s if v else 1) > 0", "33: expected bool, this is Value"),
        (GUARD, "(s if True else v) == s", "28: Slot and Value do not mix"),
        (GUARD, "len({}) > 0", "31: {} stands where a set or a map is expected"),
        (GUARD, "max(v, v) == v", "27: expected numbers"),
        (GUARD, "len({t: acc[t] for t in range(1, 3)}) > 0", "31: keys of maps are Nat; here they are plain numbers"),
        (GUARD, "len({t for t in range(1, 3)}) > 0", "31: members of sets are Nat; here they are plain numbers"),
        (SET, "seen = {s}", "20: expected Set[Member], this is Set[Slot]"),
        (SET, "seen = {acc}", "20: members of sets are Nat, not Map[Slot, Entry]"),
        (SET, "seen = {m for m in voters}", "32: expected range(LOW, HIGH) or keys(MAP, …)"),
        (SET, "seen = {m for m in keys(seen)}", "32: keys() takes maps, this is Set[Member]"),
        (SET, "seen = {m for m in keys(marks, acc)}", "32: keys() of Map[Member, Time] and Map[Slot, Entry]: their keys differ"),
        (SET, "seen = {m + 1 for m in keys(marks)}", "21: a comprehension collects its own variable: m"),
        (SET, "seen = {m for m in keys(marks) for n in keys(marks)}", "20: a comprehension has one"),
        (SET, "seen = {q for q in keys(marks)}", "27: 'q' has a meaning here already"),
        (SET, "seen = {high for high in keys(marks)}", "30: 'high' has a meaning here already"),
        (SET, "seen = {M for M in keys(marks)}", "27: 'M': locals are written in lower case"),
        (SET, "seen = (m for m in keys(marks))", "20: a generator stands in run(…) only"),
        (S1, "n = run(acc[t].bal > 0 for t in keys(acc))", "45: run() goes over a range"),
        (S1, "n = run(acc[t].bal for t in range(1, LIMIT))", "21: expected bool, this is Ballot"),
        (S1, "n = run(acc[t].bal > 0 for t in range(1, LIMIT) if t > 1)", "17: write run(TEST for NAME in range(LOW, HIGH))"),
        ("-> Member: return s % 3", "-> Member: return s + 3", "38: expected Member, this is Slot"),
        ("-> Member: return s % 3", "-> Member: return now", "38: 'now' is known in rules only: make it a parameter"),
        ("def owner(s: Slot)", "def owner(s)", "11: parameter 's' needs a sort"),
        ("def owner(s: Slot)", "def owner(s: Slot = 1)", "1: a function has plain parameters only"),
        ("def busy() -> bool: return phase == BUSY", "def busy(): return phase == BUSY", "1: busy needs a result: -> SORT"),
        ("def busy() -> bool: return phase == BUSY", "def busy() -> bool: pass", "1: a function is one `return`"),
        ("def busy() -> bool: return phase == BUSY", "def busy() -> bool: return busy()", "28: busy() is used before it is declared"),
    ],
)  # fmt: skip
def test_a_bad_expression_is_refused_where_it_stands(old: str, new: str, problem: str) -> None:
    """Line and column, and the sorts that met."""
    assert refusal((old, new)).startswith(f"{line_of(old)}:{problem}"), refusal((old, new))


def test_a_route_depends_on_its_message_alone() -> None:
    """The receiver of a message is part of what it says."""
    assert refusal(("to = owner(slot)", "to = owner(high)")).startswith(f"{line_of('to = owner(slot)')}:71: a route depends on the message")


def test_a_plain_range_takes_the_sort_that_is_wanted() -> None:
    """`range(1, 3)` has no sort of its own: in a map of slots it runs over slots, in a set of members over members."""
    read((SET, "seen = {m for m in range(1, 3)}"))
    core = built((SET, "seen = {1} | {m for m in range(4, LIMIT) if m > 5}"))
    keeper = core.Keeper(1, 0b110)
    keeper.step((core.TELL, 1, {}), 2, 1, core.Out())
    assert keeper.seen == 0b11000010


@pytest.mark.parametrize("name", ["Member", "Time"])
def test_what_is_given_needs_its_sort(name: str) -> None:
    """Who and when are numbers of the text's own kinds."""
    with pytest.raises(SpecError, match=f"needs a sort called {name}"):
        read_specification((Text("small.spec.py", SMALL.replace(name, "Other")),))


def test_a_remainder_leaves_its_sort() -> None:
    """That is how a ballot names its owner; nothing else crosses."""
    assert read(("return s % 3", "return s % 3 + 1 - 1")).functions[0].name == "owner"


def test_expressions_mean_what_python_means() -> None:
    """Strengths of operators survive the way through tree and text."""
    core = built(
        ("-> Member: return s % 3", "-> Member: return (s + 1) * 2 % 3"),
        ("return phase == BUSY", "return not (phase == BUSY or high > 2 and high < 5 and len(seen) - 1 == 0)"),
    )  # fmt: skip
    assert [core.owner(slot) for slot in range(6)] == [(slot + 1) * 2 % 3 for slot in range(6)]
    keeper = core.Keeper(1, 0b111)
    for phase in (0, 1):
        for high in range(7):
            for seen in (0, 1, 3):
                keeper.phase, keeper.high, keeper.seen = phase, high, seen
                assert keeper.busy() == (not (phase == 1 or (high > 2 and high < 5 and seen.bit_count() - 1 == 0)))
