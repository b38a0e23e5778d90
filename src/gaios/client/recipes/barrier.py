"""A barrier: it stands, and who comes waits until it is removed.

It is a key: it stands until somebody removes it, whatever becomes of whoever created it. Whoever waited when it was removed goes on, also
when it was created anew at once.
"""

import asyncio

from gaios.api import Delete, Put, Test
from gaios.client.grant import check_wait
from gaios.client.keys import Keys
from gaios.client.recipes.place import Place
from gaios.errors import Compacted, NotInTime


class Barrier:
    """Made by `Cell.barrier`."""

    def __init__(self, keys: Keys, place: Place) -> None:
        self._keys = keys
        self._place = place

    async def create(self) -> bool:
        """Put it up; False: it stood already."""
        key = self._place.key
        return (await self._keys.multiop([Test(key, "absent")], [Put(key, b"")])).succeeded

    async def remove(self) -> bool:
        """Take it away, and let everybody go on; False: it did not stand."""
        key = self._place.key
        return (await self._keys.multiop([Test(key, "present")], [Delete(key)])).succeeded

    async def wait(self, wait: float | None = None) -> None:
        """Go on at once where it does not stand, else when it is removed.

        Args:
            wait: seconds, at most; None: as long as it takes.

        Raises:
            NotInTime: it stands still.
        """
        check_wait(wait)
        created, revision = await self._look()
        try:
            async with asyncio.timeout(wait):
                while created and not await self._is_removed(created, revision):
                    now, revision = await self._look()
                    created = created if now == created else 0
        except TimeoutError:
            raise NotInTime(what=f"{self._place.title} was not removed", waited_ms=int((wait or 0.0) * 1_000)) from None

    async def _look(self) -> tuple[int, int]:
        """The revision that created it, 0 where it does not stand; and the present one."""
        key = self._place.key
        found = await self._keys.range(key, key + b"\0", keys_only=True)
        return found[0].create_revision if found else 0, found.revision

    async def _is_removed(self, created: int, revision: int) -> bool:
        """Wait until the one that was created then is removed, after `revision`. False: history does not say."""
        try:
            async with self._keys.watch(self._place.key, from_revision=revision + 1) as events:
                async for event in events:
                    if event.create_revision != created:
                        return True
        except Compacted:
            pass
        return False
