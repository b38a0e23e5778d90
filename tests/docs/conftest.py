"""A directory that looks like the checkout, and ports for a cell of its own."""

import os
import random
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import REPLICAS
from tests.tidy.tree import ROOT

SHARED = (".venv", "Makefile", "README.md", "pyproject.toml", "requirements-dev.txt", "requirements.txt", "src", "tools", "docs")
SECONDS = 400
LINES = 15
"""Of each log, in the message of a failure."""


class Checkout:
    """Where documents are run."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        endpoints = ",".join(f"127.0.0.1:{port + offset}" for offset in range(REPLICAS))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GAIOS_", "MAKE"))}
        self.environment = {
            **environment,
            "GAIOS_ENDPOINTS": endpoints,
            "GAIOS_PORT": str(port),
            "NO_COLOR": "1",
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        }

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there; its standard output and error in one."""
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def told(self) -> str:
        """What the cell itself says, for whoever reads a failure."""
        logs = sorted(self.directory.glob("cell/**/*log"))
        tails = ["\n".join([log.parent.name, *log.read_text(errors="replace").splitlines()[-LINES:]]) for log in logs]
        return "\n".join([self.run("gaios", "status").stdout, *tails])


def free_port() -> int:
    """A base port for a cell: client, peer and admin ports of all replicas are free now."""
    for _ in range(100):
        base = random.randrange(20_000, 30_000, 10)
        taken = [socket.socket() for _ in range(3 * REPLICAS)]
        try:
            for number, each in enumerate(taken):
                each.bind(("127.0.0.1", base + 100 * (number // REPLICAS) + number % REPLICAS))
        except OSError:
            continue
        else:
            return base
        finally:
            for each in taken:
                each.close()
    pytest.fail("no free ports for a cell between 20000 and 30000")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A directory of links to the real checkout. What a document starts there is stopped at the end."""
    directory = tmp_path_factory.mktemp("checkout")
    for each in SHARED:
        (directory / each).symlink_to(ROOT / each)
    # Were the set-up stale, `make up` would install the directory of links.
    subprocess.run(["make", "--silent", ".venv/run.stamp"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    place = Checkout(directory, free_port())
    yield place
    place.run("make", "down")
