"""Types, defaults, names and lines of generated Python."""

import pytest

from gaios.spec.python_words import WIDTH, Lines, Names, default, number, python_type, screaming, snake
from gaios.spec.sorts import PLAIN, TRUTH, Enum, MapOf, Nat, Opaque, Record, SetOf
from gaios.spec.source import Place
from gaios.spec.tree import Local

HERE = Place("t", 1, 1)
SLOT = Nat("Slot", 2, 0)
VALUE = Opaque("Value", ("A",), "NOOP")
ENTRY = Record("BigEntry", (("bal", SLOT), ("val", VALUE)))


@pytest.mark.parametrize(
    ("sort", "type_", "zero"),
    [
        (PLAIN, "int", "0"), (SLOT, "int", "0"), (TRUTH, "bool", "False"), (VALUE, "bytes", 'b""'), (SetOf(SLOT), "int", "0"),
        (Enum("Phase", ("IDLE", "BUSY")), "int", "IDLE"), (ENTRY, "tuple[int, bytes]", "NO_BIG_ENTRY"),
        (MapOf(SLOT, ENTRY), "dict[int, tuple[int, bytes]]", "{}"),
    ],
    ids=str,
)  # fmt: skip
def test_every_sort_has_a_type_and_a_default(sort: object, type_: str, zero: str) -> None:
    """Sets are bit masks, records tuples, maps dictionaries without defaults."""
    assert (python_type(sort), default(sort)) == (type_, zero)  # type: ignore[arg-type]


def test_names_are_turned_as_python_writes_them() -> None:
    """Messages become constants and methods."""
    assert [screaming("ReadIndex"), snake("ReadIndex"), screaming("Accept")] == ["READ_INDEX", "read_index", "ACCEPT"]


def test_long_numbers_are_readable() -> None:
    """As the linter wants them."""
    assert [number(64), number(9_999), number(65_536)] == ["64", "9999", "65_536"]


def test_a_name_has_one_type_and_hides_no_builtin() -> None:
    """The type checker reads the generated file too."""
    names = Names()
    first = names.bind(Local(SLOT, HERE, 0, "x"))
    names.start()
    again = names.bind(Local(SLOT, HERE, 0, "x"))
    names.start()
    other = names.bind(Local(VALUE, HERE, 0, "x"))
    assert (first, again, other) == ("x", "x", "x_")
    assert names.bind(Local(SLOT, HERE, 1, "next")) == "next_"
    assert names.bind(Local(SLOT, HERE, 2, "self")) == "self_"


def test_what_is_too_long_for_a_line_is_broken_as_the_formatter_breaks_it() -> None:
    """Else `make fix` and the compiler would undo each other's work."""
    lines = Lines(depth=1)
    lines.conjunction("if ", ["a", "b"], ":")
    lines.conjunction("if ", ["a" * WIDTH, "b"], ":")
    lines.bracketed("f(", ["a", "b"], ")")
    lines.bracketed("f(", ["a" * WIDTH, "b"], ")")
    assert lines.lines == [
        "    if a and b:",
        "    if (", f"        {'a' * WIDTH}", "        and b", "    ):",
        "    f(a, b)",
        "    f(", f"        {'a' * WIDTH},", "        b,", "    )",
    ]  # fmt: skip


def test_a_comprehension_that_is_too_long_takes_a_line_a_part() -> None:
    """As the formatter would leave it."""
    lines = Lines()
    lines.comprehension("return ", "{s: m[s] for s in sorted(m) if s > 1}")
    lines.comprehension("return ", "{s: m[s] for s in sorted(m) if s > " + "1" * 140 + "}")
    assert lines.lines == [
        "return {s: m[s] for s in sorted(m) if s > 1}",
        "return {",
        "    s: m[s]",
        "    for s in sorted(m)",
        "    if s > " + "1" * 140,
        "}",
    ]
