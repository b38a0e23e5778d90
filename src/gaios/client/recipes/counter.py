"""A counter: a key that holds a number.

Every addition is carried out exactly once, however often the client has to ask; under a lock it is refused to a former holder.
"""
# ruff: noqa: ASYNC109 (as in keys.py)

from gaios.api import Increment, IncrementResult
from gaios.client.arguments import Key, as_bytes
from gaios.client.held import Fence
from gaios.client.keys import Keys
from gaios.client.recipes.fenced import fenced
from gaios.client.results import expect
from gaios.errors import NotANumber


class Counter:
    """A signed 64-bit number, kept as decimal text at its key; 0 while there is none. Made by `Cell.counter`."""

    def __init__(self, keys: Keys, key: Key) -> None:
        self._keys = keys
        self._key = as_bytes(key)

    async def value(self, *, timeout: float | None = None) -> int:
        """The number now.

        Raises:
            NotANumber: the key holds something else.
        """
        entry = await self._keys.get(self._key, timeout=timeout)
        if entry is None:
            return 0
        digits = entry.value.removeprefix(b"-")
        if not (digits.isdigit() and len(digits) <= 20):
            raise NotANumber(key=self._key, reason=f"its value is {entry.value[:40]!r}")
        return int(entry.value)

    async def add(self, by: int = 1, *, held: Fence | None = None, timeout: float | None = None) -> int:
        """Add to it; the number after that.

        Args:
            by: this much.
            held: only while this lock is held.
            timeout: seconds.

        Raises:
            NotANumber: the key holds something else, or it would leave the signed 64-bit range.
            StaleSequencer: the lock is not held any more; nothing was added.
        """
        if held is None:
            return (await self._keys.increment(self._key, by, timeout=timeout)).value
        (result,) = (await fenced(self._keys, held, [Increment(self._key, by)], timeout=timeout)).results
        return expect(IncrementResult, result).value
