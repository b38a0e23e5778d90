"""Paths that name a cell: `/ls/local/…` is whichever cell this client talks to, `/ls/CELL/…` the one of that name or id.  [CHUBBY §2.3]

A connection tells a cell's id alone, so that its name is asked for when somebody writes one first: any replica tells.
"""
# ruff: noqa: ASYNC109 (as in aio.py)

import asyncio
from typing import Final

from gaios.client.core import STATUS
from gaios.client.shell import Shell
from gaios.client.status import decode
from gaios.errors import Error, InvalidCommand, NotThisCell, Unavailable

PREFIX: Final = "/ls/"
LOCAL: Final = "local"
ASK_S: Final = 1.0
"""How long each replica is waited for."""
AGAIN_S: Final = 0.2
"""Between rounds in which none told."""


def split(path: str) -> tuple[str, str]:
    """The cell that a path names, and the path as commands have it.

    Raises:
        InvalidCommand: it names none.
    """
    cell, slash, rest = path.removeprefix(PREFIX).partition("/")
    if not path.startswith(PREFIX) or not cell:
        raise InvalidCommand(reason=f"{path[:80]!r} is no path of a cell: they begin with {PREFIX}{LOCAL}/ or {PREFIX}CELL/")
    return cell, slash + rest or "/"


def cell_of(name: str) -> str:
    """The cell that a lock's name or a path names; a name alone is of this one."""
    return split(name)[0] if name.startswith(PREFIX) else LOCAL


class Naming:
    """What a client knows of the names of its cell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._known: tuple[str, str] | None = None
        """Its name and its id."""

    async def check(self, path: str, timeout: float) -> None:
        """Is the cell that a path, or a lock's name, names the one that this client talks to? Asks, once, where it cannot know.

        Raises:
            NotThisCell: it is another.
            Unavailable: no replica tells within `timeout`, in seconds.
        """
        cell = cell_of(path)
        if cell == LOCAL:
            return
        self._known = self._known or await self._ask(timeout)
        if cell not in self._known:
            name, id_ = self._known
            raise NotThisCell(path=path, named=cell, name=name, id=id_)

    async def _ask(self, timeout: float) -> tuple[str, str]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            error: Error = Unavailable(waited_ms=int(timeout * 1_000), reason="no replica told which cell this is")
            for endpoint in dict.fromkeys(self._shell.core.endpoints):
                try:
                    told = decode(await self._shell.call(STATUS, b"", max(0.0, min(ASK_S, until - loop.time())), endpoint))
                except Unavailable as refusal:
                    error = refusal
                    continue
                if told.cell:
                    return told.name or told.cell, told.cell
            if self._shell.is_closed or loop.time() + AGAIN_S >= until:
                raise error
            await asyncio.sleep(AGAIN_S)
