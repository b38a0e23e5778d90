"""Every code block of every document does what the document says."""

import json
import tomllib
from pathlib import Path

import pytest

from gaios.server import config
from tests.docs.blocks import LANGUAGES, Block, agrees, blocks, commands, documents, with_port
from tests.docs.conftest import Checkout
from tests.tidy.tree import ROOT, name, read

DOCUMENTS = documents(ROOT)
RUN = frozenset({"console", "python", "sh"})
LOOKS = 30
"""`gaios status` gives each replica a second: on a busy machine one may miss it."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_block_says_what_it_is_and_parses(path: Path) -> None:
    """A block without a language, or of one that nobody checks, could be wrong for ever. TOML is a replica's configuration."""
    for block in blocks(read(path)):
        assert block.language in LANGUAGES, f"{name(path)}:{block.line}: a block is {block.language!r}; use one of {sorted(LANGUAGES)}"
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            config.settings({"id": 1, "dir": "what flags may give", **tomllib.loads(block.text)})


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if RUN & {block.language for block in blocks(read(path))}], ids=name)
def test_every_block_runs_as_it_stands(path: Path, checkout: Checkout) -> None:
    """A newcomer types them in this order, against a cell that `make up` started."""
    started = checkout.run("make", "up")
    assert started.returncode == 0, f"{started.stdout}\n{checkout.told()}"
    found = blocks(read(path))
    for block, following in zip(found, [*found[1:], None], strict=True):
        where = f"{name(path)}:{block.line}"
        if block.language == "python":
            check_program(where, block, following, checkout)
        elif block.language == "console":
            check_console(path, block, checkout)
        elif block.language == "sh":
            done = checkout.run("bash", "-eu", "-c", with_port(block.text, checkout.port))
            assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{done.stdout}\n{checkout.told()}"


def check_program(where: str, block: Block, following: Block | None, checkout: Checkout) -> None:
    """A python block exits with 0 and prints what the next block shows."""
    done = checkout.run("python", "-W", "error", "-c", with_port(block.text, checkout.port))
    assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{done.stdout}\n{checkout.told()}"
    if following is not None and following.language == "text" and following.lead.endswith("prints:"):
        shown = with_port(following.text, checkout.port)
        assert agrees(shown, done.stdout), f"{where}: shown\n{shown}\nprinted\n{done.stdout}"


def check_console(path: Path, block: Block, checkout: Checkout) -> None:
    """Each command exits with 0 (what the document pipes into `|| …` included) and prints what is shown below it."""
    listed = commands(block)
    assert listed, f"{name(path)}:{block.line}: a console block without a `$ ` command"
    for command in listed:
        where = f"{name(path)}:{command.line}: {command.text}"
        shown = with_port(command.output, checkout.port)
        done = checkout.run("bash", "-c", with_port(command.text, checkout.port))
        looks = LOOKS if command.text.startswith("gaios status") else 1
        while not agrees(shown, done.stdout) and (looks := looks - 1):
            done = checkout.run("bash", "-c", with_port(command.text, checkout.port))
        assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{done.stdout}\n{checkout.told()}"
        assert not shown or agrees(shown, done.stdout), f"{where}: shown\n{shown}\nprinted\n{done.stdout}"
