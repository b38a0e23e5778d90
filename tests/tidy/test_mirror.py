"""The tests mirror the source one to one, so that a newcomer finds a module's tests by its path; and large rooms have maps."""

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.tree import SRC, TESTS, is_generated, name, read, sources

MIRRORED = [path for path in sources() if not path.name.startswith("__") and not is_generated(path)]
ROOMS = sorted(path.name for path in SRC.iterdir() if path.is_dir() and path.name != "__pycache__")
MAPPED = ("log", "server")
"""Rooms of so many files that their `__init__` says what each is for."""


@pytest.mark.parametrize("path", MIRRORED, ids=name)
def test_every_source_file_has_its_test_file(path: Path) -> None:
    """src/gaios/a/b.py is tested by tests/a/test_b.py; generated files, `__init__` and `__main__` apart."""
    expected = TESTS / path.relative_to(SRC).parent / f"test_{path.name}"
    assert expected.exists(), f"{name(path)} has no {name(expected)}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_test_file_of_a_room_belongs_to_a_source_file(room: str) -> None:
    """A test file without its source was forgotten when that was renamed. Tests of several modules at once are named `*_together.py`."""
    known = {TESTS / path.relative_to(SRC).parent / f"test_{path.name}" for path in sources()}
    found = {path for path in (TESTS / room).rglob("test_*.py") if not path.stem.endswith("_together")}
    assert not found - known, "\n".join(f"{name(path)} tests no source file of that name" for path in sorted(found - known))


@pytest.mark.parametrize("room", MAPPED)
def test_the_map_of_a_large_room_names_each_of_its_files(room: str) -> None:
    """A map that lacks a street is not looked at twice."""
    told = ast.get_docstring(ast.parse(read(SRC / room / "__init__.py"))) or ""
    files = {path.stem for path in (SRC / room).glob("*.py")} - {"__init__"}
    assert not files - {*re.findall(r"\w+", told)}, f"src/gaios/{room}/__init__.py does not say what these are for"
