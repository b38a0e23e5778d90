"""`import gaios` is light: names are loaded when they are first used (PEP 562)."""

import subprocess
import sys

import pytest

import gaios


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


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A lazy door must still say no."""
    with pytest.raises(AttributeError, match="no attribute 'konnect'"):
        gaios.konnect  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'konnect'"):
        gaios.sync.konnect  # noqa: B018
