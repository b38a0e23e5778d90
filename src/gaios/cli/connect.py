"""A command's way to its cell, and what it says when that fails.

The client is imported when a command runs, so that help and wrong usage load none of it. `--timeout` bounds each call to the cell, looking
for the master included.
"""

import os
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from gaios.cli import exits
from gaios.cli.parameters import ENDPOINTS_DEFAULT, Client
from gaios.errors import Error

if TYPE_CHECKING:
    from gaios.client import Cell

_ASKS: Final = re.compile(r"\bgaios (compact|explain|get|ls|member ls|session|status|tree)\b(?![^;,]*--dir)")
"""A command of a hint that asks a cell; one with --dir reads a disk."""


@asynccontextmanager
async def cell(client: Client) -> "AsyncIterator[Cell]":
    """The cell at `--endpoints`; an error that leaves it has a hint that asks the same one."""
    import gaios

    try:
        async with gaios.connect(client.endpoints, timeout=client.timeout) as connected:
            yield connected
    except Error as error:
        error.hint = hint(error, client)
        raise


def hint(error: Error, client: Client) -> str:
    """What the reader can do now, as commands that ask the cell which this one asked, wherever that is."""
    told = exits.report(error).hint
    if client.endpoints in {ENDPOINTS_DEFAULT, os.environ.get("GAIOS_ENDPOINTS")}:
        return told
    return _ASKS.sub(lambda found: f"{found[0]} --endpoints {shlex.quote(client.endpoints)}", told)
