"""The keys of a prefix, kept in this process's memory.

Rule 1. What it shows is what stood in the cell at `revision`: whole, and never older than what it showed before.
Rule 2. It lags behind the cell by what is under way. `until(done.revision)` waits for a write below the prefix that somebody knows of.
Rule 3. While the cell is away it shows what it knew last. Once it cannot be trusted any more it raises: its client was closed, it grew
too large, or this process was forked from the one that keeps it.
Rule 4. It may be read from any thread; reading asks nobody.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

from sortedcontainers import SortedDict

from gaios import api
from gaios.api import Entry
from gaios.client import fork
from gaios.client.arguments import Key, as_bytes
from gaios.client.grant import check_wait
from gaios.client.keys import Keys
from gaios.client.recipes.follow import OVERHEAD_BYTES, Batch, follow
from gaios.errors import ConfigurationError, Error, NotInTime, TooMuchWork

LIMIT_BYTES: Final = 64 << 20
"""What a cache may take, unless it is told otherwise."""


class View(NamedTuple):
    """Entries in the order of their keys, as they stood at `revision`."""

    revision: int
    entries: tuple[Entry, ...]


class PrefixCache:
    """Made by `Cell.cached`; use it with `async with`: when the body begins, it is filled."""

    def __init__(self, keys: Keys, prefix: Key, limit_bytes: int) -> None:
        if limit_bytes < 1:
            raise ConfigurationError(reason=f"a cache takes a number of bytes from 1 on, not {limit_bytes}")
        self._keys = keys
        self._prefix = as_bytes(prefix)
        self._limit_bytes = limit_bytes
        self._title = f"the cache of {self._prefix!r}"
        self._entries: SortedDict = SortedDict()
        self._bytes = 0
        self._revision = 0
        self._error: Error | None = None
        self._lock = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._forks = fork.count

    async def __aenter__(self) -> Self:
        """Fill it."""
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let it go."""
        await self.aclose()

    async def open(self) -> None:
        """Fill it, and keep it up to date until `aclose`.

        Raises:
            TooMuchWork: there is more than it may take.
            Unavailable: the cell did not answer.
        """
        if self._task is not None:
            raise ConfigurationError(reason=f"{self._title} is open already")
        self._error = None
        self._task = asyncio.ensure_future(self._run())
        try:
            while not self._revision:
                await self._news.wait()
                self._checked()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Keep it up to date no longer; what it has read can be read no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._fail(ConfigurationError(reason=f"{self._title} is not open", hint="use it in `async with`"))
        with self._lock:
            self._entries.clear()
            self._bytes = self._revision = 0

    @property
    def revision(self) -> int:
        """As of which it shows what it shows."""
        with self._reading():
            return self._checked()

    def get(self, key: Key) -> Entry | None:
        """A key's entry; None where there is none, or the key does not have the prefix."""
        name = as_bytes(key)
        with self._reading():
            self._checked()
            found: Entry | None = self._entries.get(name)
            return found

    def view(self) -> View:
        """All of it, at one revision."""
        with self._reading():
            return View(self._checked(), tuple(self._entries.values()))

    def __len__(self) -> int:
        """How many keys."""
        with self._reading():
            self._checked()
            return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        """Whether there is such a key."""
        return self.get(key) is not None

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order of their keys, as of one revision."""
        return iter(self.view().entries)

    async def until(self, revision: int, wait: float | None = None) -> int:
        """Wait until it shows what stood at `revision`, that of a write below its prefix; the revision that it shows then.

        Args:
            revision: `done.revision`, or an event's or entry's `mod_revision`.
            wait: seconds, at most; None: as long as it takes.

        Raises:
            NotInTime: it is not there yet; or nothing below the prefix has changed at that revision or since.
        """
        check_wait(wait)
        try:
            async with asyncio.timeout(wait):
                while self.revision < revision:
                    await self._news.wait()
        except TimeoutError:
            what = f"{self._title} is at revision {self.revision}, not at {revision}"
            raise NotInTime(what=what, waited_ms=int((wait or 0.0) * 1_000)) from None
        return self.revision

    # ------------------------------------------------------------------------------------------------------------ inside

    def _reading(self) -> threading.Lock:
        if self._forks != fork.count:
            # Nobody keeps it up to date here; and the lock may be one that nobody gives back.
            raise fork.error()
        return self._lock

    def _checked(self) -> int:
        if self._error is not None:
            raise self._error
        if not self._revision:
            raise ConfigurationError(reason=f"{self._title} is not open", hint="use it in `async with`")
        return self._revision

    async def _run(self) -> None:
        batches = follow(self._keys, self._prefix, api.prefix_end(self._prefix), self._limit_bytes)
        try:
            async with contextlib.aclosing(batches) as told:
                async for batch in told:
                    self._apply(batch)
                    self._tell()
        except Error as error:
            self._fail(error)

    def _apply(self, batch: Batch) -> None:
        with self._lock:
            if batch.entries is not None:
                self._entries = SortedDict((entry.key, entry) for entry in batch.entries)
                self._bytes = sum(map(_weight, batch.entries))
            for event in batch.events:
                before = self._entries.pop(event.key, None)
                self._bytes -= _weight(before) if before is not None else 0
                if event.value is not None:
                    entry = Entry(event.key, event.value, event.version, event.create_revision, event.mod_revision)
                    self._entries[event.key] = entry
                    self._bytes += _weight(entry)
            self._revision = batch.revision
        if self._bytes > self._limit_bytes:
            raise TooMuchWork(do="keep in memory", limit=self._limit_bytes, unit="bytes")

    def _fail(self, error: Error) -> None:
        with self._lock:
            self._error = error
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _weight(entry: Entry) -> int:
    return len(entry.key) + len(entry.value) + OVERHEAD_BYTES
