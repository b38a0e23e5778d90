"""Once per period, by whoever gets to it first.

Rule 1. Periods are numbered from 1970 by the clock of whoever asks. The cell keeps the end of the newest one that was done, in ms, and that
only grows: wrong clocks make a run early or late, never twice in a period.
Rule 2. The mark is written under the recipe's lock, guarded by it: who lost the lock cannot mark.
Rule 3. Marked at the end, a run that fails or dies is repeated by the next who asks; marked at the beginning, it is not.
"""

import time
from datetime import timedelta
from typing import Final, Literal

from gaios.api import Entry, Put, Test
from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.keys import Keys
from gaios.client.locking import Locking
from gaios.client.recipes.fenced import fenced
from gaios.client.recipes.place import Place
from gaios.errors import ConfigurationError, NotDue

Mark = Literal["end", "begin"]
EVERY_MS_MAX: Final = 10 * 366 * 86_400_000
"""Ten years: a longer period is a mistake."""


class Turn(Held):
    """A period's run is this one's."""

    period: int = 0
    """Its number."""


class Once(Grant[Turn]):
    """A period's run, to be done by `async with`; made by `Cell.once`."""

    def __init__(
        self,
        keys: Keys,
        locking: Locking,
        place: Place,
        *,
        every: float | timedelta,
        mark: Mark = "end",
        wait: float | None = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> None:
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        if mark not in {"end", "begin"}:
            raise ConfigurationError(reason=f"mark is 'end' or 'begin', not {mark!r}")
        seconds = every.total_seconds() if isinstance(every, timedelta) else every
        self._every_ms = int(seconds * 1_000)
        if not 1 <= self._every_ms <= EVERY_MS_MAX:
            raise ConfigurationError(reason=f"a period has 0.001 to {EVERY_MS_MAX // 1_000} seconds, not {every!r}")
        self._keys, self._place, self._mark, self._wait = keys, place, mark, wait

    async def _take(self) -> tuple[Turn, Handle]:
        await self._check()
        path = self._place.below("lock")
        handle, sequencer = await self._locking.acquire(path, shared=False, wait_s=self._wait, lock_delay_ms=0)
        return Turn(path, sequencer, handle, on_jeopardy=self._on_jeopardy), handle

    async def _give_back(self, handle: Handle) -> None:
        await self._locking.give_back(handle, 0)

    async def _begin(self, held: Turn) -> None:
        held.period, entry = await self._check()
        if self._mark == "begin":
            await self._write(held, entry)

    async def _end(self, held: Turn, *, done: bool) -> None:
        if self._mark == "end" and done:
            await self._write(held, await self._keys.get(self._place.key))

    async def _check(self) -> tuple[int, Entry | None]:
        """The present period, and the mark that stands."""
        entry = await self._keys.get(self._place.key)
        period = int(time.time() * 1_000) // self._every_ms
        if entry is not None and entry.value.isdigit() and int(entry.value) > period * self._every_ms:
            raise NotDue(what=self._place.title, period=period, every_ms=self._every_ms)
        return period, entry

    async def _write(self, held: Turn, entry: Entry | None) -> None:
        unchanged = Test(self._place.key, "mod_revision", "==", entry.mod_revision if entry is not None else 0)
        until_ms = b"%d" % ((held.period + 1) * self._every_ms)
        result = await fenced(self._keys, held, [Put(self._place.key, until_ms)], guard=[unchanged])
        if not result.succeeded:
            # Somebody writes there without the lock.
            raise NotDue(what=self._place.title, period=held.period, every_ms=self._every_ms)
