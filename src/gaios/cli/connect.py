"""A command's way to its cell.

`--timeout` bounds connecting and the answer together: what connecting took is taken off what the command may still take.
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
