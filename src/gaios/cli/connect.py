"""A command's way to its cell.

The client is imported when a command runs, so that help and wrong usage load none of it. `--timeout` bounds each call to the cell, looking
for the master included.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gaios.cli.parameters import Client

if TYPE_CHECKING:
    from gaios.client import Cell


@asynccontextmanager
async def cell(client: Client) -> "AsyncIterator[Cell]":
    """The cell at `--endpoints`."""
    import gaios

    async with gaios.connect(client.endpoints, timeout=client.timeout) as connected:
        yield connected
