"""The application and its document say the same."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from gaios.cli.app import make_app, names
from gaios.server import config

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
SECTIONS = {
    " ".join(itertools.takewhile(str.islower, heading.split())): text
    for heading, text in re.findall(r"^### gaios ([^\n]+)\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
}
# Beside the options of bench itself: `put` and `get` take the same.
WITHIN = {"bench put": "bench", "bench get": "bench"}
# They only hold other commands.
GROUPS = {"member", "session", "snapshot", "spec"}


def commands() -> Iterator[tuple[str, App]]:
    app = make_app()
    for name in names():
        command = app[name]
        if name not in GROUPS:
            yield name, command
        for inner in command:
            if not inner.startswith("-"):
                yield f"{name} {inner}", command[inner]


COMMANDS = dict(commands())


def options(command: App) -> set[str]:
    # The application's own defaults, none of `--no-…` among them, reach a command only when it is called.
    names = {name for argument in command.assemble_argument_collection() for name in argument.names if name.startswith("--")}
    return {name for name in names if not name.startswith(("--no-", "--empty-"))}


def test_every_command_has_its_section_and_every_section_its_command() -> None:
    assert {WITHIN.get(name, name) for name in COMMANDS} == set(SECTIONS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_stands_in_the_section(name: str) -> None:
    missing = {option for option in options(COMMANDS[name]) if option not in SECTIONS[WITHIN.get(name, name)]}
    if name in {"init", "serve"}:
        # Every key of the configuration is a flag: their help lists them.
        missing -= {f"--{key.replace('_', '-')}" for key in config.KEYS}
    assert not missing, f"docs/cli.md does not tell about {missing} of gaios {name}"


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_option_of_the_section_is_one(name: str) -> None:
    own = options(COMMANDS[name]) | {"--help"}
    # A section may call other commands, and name options of a neighbour by its full name.
    lines = [line for line in SECTIONS[name].splitlines() if line.startswith(("- `--", "Options:", "Other options:"))]
    told = set(re.findall(r"--[a-z][a-z-]*", "\n".join(line.split(":")[0] if line.startswith("- ") else line for line in lines)))
    assert not told - own, f"docs/cli.md tells about {told - own}, which gaios {name} does not take"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does_and_what_its_options_mean(name: str) -> None:
    assert COMMANDS[name].help.strip()
    silent = [each.name for each in COMMANDS[name].assemble_argument_collection() if each.show and not each.parameter.help]
    assert not silent


def test_a_client_command_loads_neither_server_nor_tables_nor_simulator() -> None:
    """`gaios get` runs in loops of scripts: what it imports is most of what it costs."""
    command = ["get", "k", "--endpoints", "127.0.0.1:1", "--timeout", "0.05"]
    program = f"import sys; from gaios.cli.run import run; run({command}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "gaios.client" in loaded
    unwanted = {
        "gaios.server",
        "gaios.sim",
        "gaios.storage",
        "gaios.paxos",
        "gaios.log",
        "gaios.db",
        "gaios.locks",
        "rich.table",
        "uvloop",
        "structlog",
    }
    assert not unwanted & loaded
