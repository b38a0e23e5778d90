"""What the middleware remembers: the newest token of each resource, in memory, in a database or in files.

Rule 1. `check` compares and remembers in one step, which is durable when it returns, but for the memory's.
Rule 2. A store never forgets a resource by itself: a forgotten token would let its former holders in again.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

from gaios.errors import Fenced, Overloaded
from gaios.fencing.file import FencedFile
from gaios.fencing.sql import Guard
from gaios.fencing.token import Token

RESOURCES_MAX: Final = 65_536
"""In memory: some 20 MB."""


class Store(Protocol):
    """The newest token of each resource. It may be asked from several threads at once."""

    blocking: bool
    """Whether `check` waits for a disk or another process, and so has to be called in a thread."""

    def check(self, resource: str, token: Token) -> None:
        """Go on only if no newer token was seen; from now on every older one is refused.

        Raises:
            Fenced: a newer one was seen.
        """


class MemoryStore:
    """For one process: it remembers until that ends, and then accepts old tokens again."""

    blocking = False

    def __init__(self, *, resources_max: int = RESOURCES_MAX) -> None:
        self._newest: dict[str, Token] = {}
        self._resources_max = resources_max
        self._lock = Lock()

    def check(self, resource: str, token: Token) -> None:
        """Rule 1.

        Raises:
            Fenced: a newer token was seen.
            Overloaded: it remembers as many resources as it may.
        """
        with self._lock:
            newest = self._newest.get(resource)
            if newest is not None and token < newest:
                raise Fenced(what=resource, seen=str(newest), given=str(token))
            if newest is None and len(self._newest) >= self._resources_max:
                raise Overloaded(what="the memory of tokens", limit=self._resources_max, unit="resources")
            self._newest[resource] = token


class SqlStore:
    """A guard table, shared by everybody who can reach the database."""

    blocking = True

    def __init__(self, connect: Callable[[], AbstractContextManager[Any]], guard: Guard | None = None) -> None:
        """Remember in a table.

        Args:
            connect: Gives a connection for one check, and closes it or gives it back to its pool at the end:
                `pool.connection`, or `lambda: closing(sqlite3.connect(path))`.
            guard: The table; None: that of `Guard()`, which has to be there.
        """
        self._connect, self._guard = connect, guard or Guard()

    def check(self, resource: str, token: Token) -> None:
        """Rule 1, in a transaction of its own.

        Raises:
            Fenced: a newer token was seen.
            InvalidCommand: the resource is no name that the table takes.
        """
        with self._connect() as connection:
            self._guard.check(connection.cursor(), resource, token)
            connection.commit()


class FileStore:
    """A directory with one file a resource, shared by the processes of one machine."""

    blocking = True

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)

    def check(self, resource: str, token: Token) -> None:
        """Rule 1. The file's name is a digest: a resource may have any.

        Raises:
            Fenced: a newer token was seen.
            OSError: the disk failed.
            ProtocolError: what is on it is no token.
        """
        name = hashlib.sha256(resource.encode(errors="surrogatepass")).hexdigest()
        try:
            FencedFile(self._directory / name).claim(token)
        except Fenced as error:
            raise Fenced(what=resource, seen=error.seen, given=error.given) from None
