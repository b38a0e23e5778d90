"""A queue whose items are held, not taken: who gets one acknowledges it, or it is somebody else's.

Rule 1. An item is a key; it is in the queue until it was acknowledged. Keys order by priority, then by the number that the item got when it
was put. A put is carried out exactly once.
Rule 2. Who gets an item holds the lock of the ephemeral file `~claims/ID`, in its session: when that is over, the item is free again.
Rule 3. To acknowledge is to delete the item's key under the guard of the claim: a former holder cannot, and is told.
Rule 4. Whoever comes first is served first: see turn.py.
"""

from typing import Final

from gaios.api import Delete, Put, Test, prefix_end
from gaios.client.arguments import Value, as_bytes
from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.keys import Keys
from gaios.client.locking import Locking
from gaios.client.nodes import Node
from gaios.client.recipes.fenced import fenced
from gaios.client.recipes.place import Place
from gaios.client.recipes.turn import in_turn
from gaios.client.recipes.waiting import change, either, news, take
from gaios.errors import ConfigurationError, NotAcquired

PRIORITY_MAX: Final = 999
"""Three digits, so that keys order by it."""
PRIORITY: Final = 100
"""What is put without one: there is room before it and behind."""


class Item(Held):
    """An item, held."""

    id: str = ""
    """Its priority and number; the same each time that somebody gets it."""
    value: bytes = b""
    """What was put."""
    _keys: Keys
    _key: bytes
    _is_acknowledged = False

    async def acknowledge(self) -> None:
        """It is done with: it leaves the queue. The end of a body that raises nothing does this too.

        Raises:
            StaleSequencer: the claim was lost, and the item is in the queue again, or somebody else's.
        """
        if not self._is_acknowledged:
            await fenced(self._keys, self, [Delete(self._key)])
            self._is_acknowledged = True


class Getting(Grant[Item]):
    """An item to be held by `async with`; made by `Queue.get`."""

    def __init__(self, keys: Keys, locking: Locking, place: Place, *, wait: float | None, on_jeopardy: OnJeopardy) -> None:
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        self._keys, self._place, self._wait = keys, place, wait
        self._prefix = place.keys("item")
        self._revision = 0
        """As of which it was seen that there is no item to take."""

    async def _take(self) -> tuple[Item, Handle]:
        place = self._place
        return await in_turn(self._keys, self._locking, place.below("turn"), place.below("claims"), self._wait, self._claim, self._news)

    async def _claim(self, node: Node) -> tuple[Item, Handle] | None:
        """The first item that nobody holds."""
        start, end = self._prefix, prefix_end(self._prefix)
        self._revision = 0
        while True:
            # Who gives an item back is heard of after this: see `_news`.
            claimed = await node.children()
            found = await self._keys.range(start, end, limit=_PAGE, keys_only=True)
            self._revision = self._revision or found.revision
            for entry in found:
                name = entry.key.removeprefix(self._prefix).decode()
                taken = await self._claim_one(name, entry.key) if name not in claimed else None
                if taken is not None:
                    return taken
            if not found.more:
                return None
            start = found[-1].key + b"\0"

    async def _claim_one(self, name: str, key: bytes) -> tuple[Item, Handle] | None:
        path = f"{self._place.below('claims')}/{name}"
        try:
            handle, sequencer = await take(self._session, path, 0)
        except NotAcquired:
            return None
        try:
            # From here on nobody else acknowledges it; before, somebody may have.
            entry = await self._keys.get(key)
        except BaseException:
            self._session.put_away(handle)
            raise
        if entry is None:
            self._session.put_away(handle)
            return None
        item = Item(path, sequencer, handle, on_jeopardy=self._on_jeopardy)
        item.id, item.value, item._keys, item._key = name, entry.value, self._keys, key  # noqa: SLF001 (two halves of one thing)
        return item, handle

    async def _news(self, node: Node) -> None:
        await either(news(node), change(self._keys, self._prefix, prefix_end(self._prefix), self._revision))

    async def _end(self, held: Item, *, done: bool) -> None:
        if done:
            await held.acknowledge()


class Queue:
    """Made by `Cell.queue`."""

    def __init__(self, keys: Keys, locking: Locking, place: Place) -> None:
        self._keys, self._locking, self._place = keys, locking, place

    async def put(self, value: Value, *, priority: int = PRIORITY) -> str:
        """Put an item into it; its id.

        Args:
            value: the item.
            priority: 0 to 999; whoever gets one gets the lowest, and among equals the first.
        """
        if not 0 <= priority <= PRIORITY_MAX:
            raise ConfigurationError(reason=f"a priority is 0 to {PRIORITY_MAX}, not {priority!r}")
        data = as_bytes(value)
        while True:
            number = await self._keys.increment(self._place.key)
            name = f"{priority:03}-{number.value:020}"
            key = self._place.keys("item") + name.encode()
            # It is there if somebody deleted the key that counts.
            if (await self._keys.multiop([Test(key, "absent")], [Put(key, data)])).succeeded:
                return name

    def get(self, *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Getting:
        """The first item that nobody holds, to be held by `async with queue.get() as item`: `item.value`.

        At the end of a body that raises nothing it is acknowledged; else, and when this client's session is over, it is in the queue again.

        Args:
            wait: seconds to wait for one; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) there was none in time.
            StaleSequencer: (when it is left) it could not be acknowledged, because the claim was lost: somebody else gets it too.
        """
        return Getting(self._keys, self._locking, self._place, wait=wait, on_jeopardy=on_jeopardy)

    async def size(self) -> int:
        """How many items are in it, held or not."""
        return len(await self._keys.range(prefix=self._place.keys("item"), keys_only=True))


_PAGE: Final = 100
