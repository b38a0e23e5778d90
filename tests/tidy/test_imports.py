"""What a pure room may import from outside: an allow-list, not a ban.

import-linter holds the walls between our rooms (pyproject.toml); it has no contract of this form. A pure room takes its clock, its
dice, its disk and its network as arguments, so nothing that could reach them may be imported there.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import SRC, name, read, sources

STANDARD = frozenset(
    {"__future__", "abc", "array", "bisect", "collections", "contextlib", "dataclasses", "enum", "functools", "hashlib", "heapq"}
    | {"itertools", "operator", "re", "string", "struct", "types", "typing", "zlib"}
)
LIBRARIES = frozenset({"google_crc32c", "msgspec", "sortedcontainers", "xxhash", "zstandard"})
ALLOWED = STANDARD | LIBRARIES | {"gaios"}
FORBIDDEN_CALLS = frozenset({"__import__", "breakpoint", "compile", "eval", "exec", "hash", "id", "input", "open", "print"})
"""Built-in functions that reach the world, or whose result differs from process to process.  [SAFETY 27]"""

PURE_ROOMS = ("paxos", "log", "db", "locks", "storage", "transport", "typed", "explain")
PURE_FILES = (
    "errors.py",
    "nouns.py",
    "api.py",
    "lock_api.py",
    "caching.py",
    "explanation.py",
    "machine.py",
    "entry.py",
    "backup/manifest.py",
    "backup/pieces.py",
    "backup/rebase.py",
    "client/core.py",
    "client/cache.py",
    "fencing/token.py",
    "server/effects.py",
    "server/facts.py",
    "server/node.py",
    "server/gated.py",
)
SHELLS = frozenset({"storage/disk.py", "storage/access.py"})
"""The thin shells that stand in otherwise pure rooms: they read, write and sync."""


def is_pure(path: Path) -> bool:
    """Is this module one of those that the rules call pure? What such a module imports of ours has to be pure as well."""
    place = path.relative_to(SRC).as_posix()
    return place not in SHELLS and (place in PURE_FILES or place.split("/")[0] in PURE_ROOMS)


def file_of(module: str) -> Path | None:
    """The file of one of our modules, None where there is none of that name."""
    path = SRC.joinpath(*module.split(".")[1:])
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()), None)


def ours(text: str) -> Iterator[tuple[int, Path]]:
    """The files of ours that a module names in its imports, each with the line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # What is a module is meant itself; anything else is a word of the package's door.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            named = [module if file_of(module) else node.module or "" for module in inner]
        else:
            continue
        for module in named:
            if module.split(".")[0] == "gaios" and (path := file_of(module)):
                yield node.lineno, path


def closure() -> dict[Path, str]:
    """Every module that has to be pure, with who says so: the table above, or the pure module that imports it."""
    found = {path: "DESIGN" for path in sources() if is_pure(path)}
    waiting = list(found)
    while waiting:
        importer = waiting.pop()
        for line, path in ours(read(importer)):
            if path not in found:
                found[path] = f"{name(importer)}:{line}"
                waiting.append(path)
    return found


PURE = closure()


def offences(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a module that reach outside, each with what it reaches for."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            reached = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            reached = [node.module or ""] if node.level == 0 else ["gaios"]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield node.lineno, f"calls {node.func.id}()"
            continue
        else:
            continue
        for module in reached:
            if module.split(".")[0] not in ALLOWED:
                yield node.lineno, f"imports {module}"


@pytest.mark.parametrize("path", sorted(PURE), ids=name)
def test_a_pure_room_imports_nothing_that_could_touch_the_world(path: Path) -> None:
    """The simulator runs the production code only if that code gets time, disk, network and dice from its shell.  [PML §6.3]"""
    found = [f"{name(path)}:{line}: {offence}" for line, offence in offences(read(path))]
    assert not found, "\n".join([f"{name(path)} has to be pure, says {PURE[path]}", *found])


@pytest.mark.parametrize(
    "bad", ["import time", "from random import Random", "import os.path", "def f():\n    import socket", "open('x')", "x = hash('a')"]
)
def test_a_reach_outside_is_noticed(bad: str) -> None:
    """The check can fail."""
    assert list(offences(bad))


def test_the_pytest_plugin_alone_imports_pytest() -> None:
    """It is there where pytest is; nothing that runs a cell may need it."""
    importers = {name(path) for path in sources() for _, offence in offences(read(path)) if offence.startswith("imports pytest")}
    assert importers == {"src/gaios/testing/plugin.py"}


def test_the_words_and_the_core_are_pure() -> None:
    """The table above covers what DESIGN calls pure; a renamed file would drop out of it silently."""
    for place in PURE_FILES[:4]:
        assert is_pure(SRC / place)
        assert (SRC / place).exists()
    assert not is_pure(SRC / "server" / "replica.py")
