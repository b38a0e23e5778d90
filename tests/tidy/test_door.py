"""`import gaios` is light: names are loaded when they are first used (PEP 562)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gaios
from gaios import errors

SOURCES = Path(gaios.__file__).parent


def loaded(code: str) -> set[str]:
    """The modules of a fresh interpreter after it ran some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split())


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    """A command line that only prints its help should not pay for a server."""
    assert {module for module in loaded("import gaios") if module.startswith("gaios")} == {"gaios"}


@pytest.mark.parametrize("code", ["import gaios; gaios.connect", "import gaios; gaios.sync.connect"])
def test_a_client_does_not_load_a_server(code: str) -> None:
    """DESIGN's table of rooms: a client stands on errors, api, entry, transport."""
    rooms = {module.split(".")[1] for module in loaded(code) if module.startswith("gaios.")}
    assert "client" in rooms
    assert not rooms & {"cli", "db", "fencing", "locks", "log", "paxos", "server", "sim", "spec", "storage"}


@pytest.mark.parametrize("public", gaios.__all__)
def test_every_public_name_is_there(public: str) -> None:
    """The list and the table of homes agree, and each home has its names."""
    assert getattr(gaios, public) is not None
    assert public in dir(gaios)


def raised() -> set[str]:
    """The error classes that docstrings of the client's public calls name under `Raises:`, with all that derive from them."""
    told: set[str] = set()
    for path in (SOURCES / "client").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
                _, _, section = (ast.get_docstring(node) or "").partition("Raises:")
                told |= {name for line in re.findall(r"^ +([\w, ]+):", section, re.MULTILINE) for name in line.split(", ")}
    named = [kind for name in told if (kind := errors.TREE.get(name))]
    return {name for name, kind in errors.TREE.items() if issubclass(kind, tuple(named))}


def test_every_error_that_a_public_call_names_is_a_public_name() -> None:
    """`submit` tells of `Error: what the machine refused with`, so that is the whole tree: whatever is raised can be caught by name."""
    assert "SessionExpired" in raised()
    assert raised() - set(gaios.__all__) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A lazy door must still say no."""
    with pytest.raises(AttributeError, match="no attribute 'konnect'"):
        gaios.konnect  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'konnect'"):
        gaios.sync.konnect  # noqa: B018
