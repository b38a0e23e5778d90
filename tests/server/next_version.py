"""`python -m tests.server.next_version …` is `python -m gaios.server …` of the version that supports one feature level more."""

import sys

from gaios.server.__main__ import main
from gaios.server.node import Node
from gaios.sim.next_version import VERSION


def install() -> None:
    """Every replica that starts in this process from now on is of that version."""
    defaults = Node.start.__func__.__kwdefaults__  # type: ignore[attr-defined]  # a class method has one
    defaults.update(VERSION)


if __name__ == "__main__":
    install()
    sys.exit(main(sys.argv[1:]))
