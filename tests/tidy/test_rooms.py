"""The table of rooms in docs/architecture.md says what each imports of ours: all of it, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import DOCS, SRC, read, sources

ROW = re.compile(r"^\| (`[a-z_]+(?:\.py|/)`(?:, `[a-z_]+\.py`)*) \| .* \| ([^|]*) \|$", re.MULTILINE)
UNLIMITED = ("everything", "all above")
"""How the table begins where it does not list what a room imports."""


def rooms() -> dict[str, set[str]]:
    """What the table says: by room or file, which others it imports. Files that share a row may share what stands there."""
    found: dict[str, set[str]] = {}
    for names, imports in ROW.findall(read(DOCS / "architecture.md")):
        if not imports.startswith(UNLIMITED):
            listed = set(re.findall(r"[a-z_]+", re.sub(r"\(.*\)", "", imports)))
            found |= dict.fromkeys(re.findall(r"[a-z_]+(?=\.py|/)", names), listed)
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Rooms and files of ours that a module imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "gaios":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gaios."):
            yield (node.module or "").split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("gaios."))
        else:
            yield from imported(node)


def imports_of(room: str) -> set[str]:
    """What a room, or a file at the top, imports of ours."""
    inside = [path for path in sources() if path.relative_to(SRC).parts[0] in {room, f"{room}.py"}]
    found = {name for path in inside for name in imported(ast.parse(read(path)))}
    return {name for name in found - {room} if (SRC / name).is_dir() or Path(SRC / f"{name}.py").exists()}


def test_the_table_names_every_room() -> None:
    stands = read(DOCS / "architecture.md")
    missing = [path.name for path in SRC.iterdir() if path.is_dir() and path.name != "__pycache__" and f"| `{path.name}/` |" not in stands]
    missing += [path.name for path in SRC.glob("*.py") if not path.name.startswith("__") and f"`{path.name}`" not in stands]
    assert not missing


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_what_the_table_says(room: str) -> None:
    listed, found = rooms()[room], imports_of(room)
    assert found == listed if (SRC / room).is_dir() else found <= listed
