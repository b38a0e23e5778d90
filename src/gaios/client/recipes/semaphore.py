"""Permits, so many at a time.

Rule 1. Permit *n* is the lock of the file `~permits/n`: no more are held than there are, whatever happens, and who was paused too long has
a sequencer that is too old. The files are ephemeral: a dead holder's permit is free with the end of its session.
Rule 2. Whoever comes first is served first: see turn.py. Whoever does not want to wait takes what is free, also past those who wait.
Rule 3. All agree on how many there are: see agreed.py.
"""

from typing import Final

from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.keys import Keys
from gaios.client.locking import Locking
from gaios.client.nodes import Node
from gaios.client.recipes.agreed import agree
from gaios.client.recipes.place import Place
from gaios.client.recipes.turn import in_turn
from gaios.client.recipes.waiting import news, take
from gaios.errors import ConfigurationError, NotAcquired

PERMITS_MAX: Final = 1_000
"""Whoever takes one looks at the names of all that are held: one page."""


class Permit(Held):
    """One of the permits, held."""

    number: int = 0
    """Which one, from 0 on. Of those who hold it one after the other, the later has the greater sequencer."""


class Permits(Grant[Permit]):
    """A permit, to be held by `async with`; made by `Semaphore.permit`."""

    def __init__(self, keys: Keys, locking: Locking, place: Place, permits: int, *, wait: float | None, on_jeopardy: OnJeopardy) -> None:
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        self._keys, self._place, self._permits, self._wait = keys, place, permits, wait

    async def _take(self) -> tuple[Permit, Handle]:
        await agree(self._keys, self._place, self._permits, "permits")
        place = self._place
        return await in_turn(self._keys, self._locking, place.below("turn"), place.below("permits"), self._wait, self._take_free, news)

    async def _take_free(self, node: Node) -> tuple[Permit, Handle] | None:
        there = await node.children()
        for number in range(self._permits):
            if str(number) not in there:
                path = f"{self._place.below('permits')}/{number}"
                try:
                    handle, sequencer = await take(self._session, path, 0)
                except NotAcquired:
                    continue  # somebody who did not wait was faster
                permit = Permit(path, sequencer, handle, on_jeopardy=self._on_jeopardy)
                permit.number = number
                return permit, handle
        return None


class Semaphore:
    """Made by `Cell.semaphore`."""

    def __init__(self, keys: Keys, locking: Locking, place: Place, permits: int) -> None:
        if not 1 <= permits <= PERMITS_MAX:
            raise ConfigurationError(reason=f"a semaphore has 1 to {PERMITS_MAX} permits, not {permits!r}")
        self._keys, self._locking, self._place, self._permits = keys, locking, place, permits

    def permit(self, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Permits:
        """A permit, to be held by `async with semaphore.permit() as held`: `held.number` says which.

        Args:
            wait: seconds within which it is to be acquired; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) none was free in time.
            Disagreement: (when it is entered) others say that there is another number of permits.
        """
        return Permits(self._keys, self._locking, self._place, self._permits, wait=wait, on_jeopardy=on_jeopardy)
