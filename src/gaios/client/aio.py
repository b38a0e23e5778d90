"""The asyncio client: `gaios.connect` and what it gives, a `Cell`.

    async with gaios.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        done = await cell.put("greeting", "hello")

Rule 1. Every call ends by its time-out, in one of three ways: it returns; it raises an error whose `definite` is true; or it raises
`Unknown`.  [SAFETY 20]
Rule 2. A `Cell` belongs to one event loop and may be shared by all its tasks; their calls are pipelined. A cancelled call harms no other.
Rule 3. What breaks a limit is refused here, before anything is sent, with the error that the cell would give.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from gaios.client import endpoints as addresses
from gaios.client.commands import Commands
from gaios.client.member_calls import MemberCalls
from gaios.client.recipe_calls import Recipes
from gaios.client.shell import Shell
from gaios.client.status import CellStatus, Told, merge
from gaios.errors import Error


def connect(endpoints: str | Iterable[str], *, timeout: float = 10.0) -> "Cell":
    """A client of the cell at these endpoints; use it with `async with`.

    Nothing is waited for here: the first call finds the master. One endpoint that answers is enough, for it names the master.

    Args:
        endpoints: `HOST:PORT,HOST:PORT`, or a list of `HOST:PORT`.
        timeout: seconds that a call may take when it names none itself.

    Raises:
        ConfigurationError: endpoints or time-out make no sense.
    """
    return Cell(endpoints, timeout=timeout)


class Cell(Recipes, Commands, MemberCalls):
    """A cell, as a client sees it. Keys and values are bytes; text is encoded as UTF-8. Every method but `status` takes `timeout`, in s."""

    def __init__(self, endpoints: str | Iterable[str], *, timeout: float = 10.0) -> None:
        super().__init__(Shell(addresses.parse(endpoints)), timeout)

    async def __aenter__(self) -> Self:
        """Begin to look for the master."""
        self._shell.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End sessions, whose locks are free then; open calls with what is known of them; then every connection."""
        await asyncio.gather(*(session.close() for session in self._sessions))
        await self._shell.close()

    async def status(self) -> CellStatus:
        """What every replica says of itself, asked for at most a second, put together.

        Raises:
            Unavailable: none answered.
        """
        answers = await self._tell()
        found = [answer for answer in answers.values() if isinstance(answer, Told)]
        return merge(found, [endpoint for endpoint, answer in answers.items() if isinstance(answer, Error)])
