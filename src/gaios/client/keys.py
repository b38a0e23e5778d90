"""The database's part of a `Cell`: keys and values, MultiOps, watches.  [PML §5.6]

What breaks a limit is refused here, before anything is sent, with the error that the cell would give.
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)

import asyncio
from collections.abc import AsyncIterator, Iterable

from gaios import api
from gaios.api import CompactResult, Entry, MultiOp, MultiOpResult, Operation, Overview, Page, Range, Test
from gaios.client.arguments import Key, Value, as_bytes, ends, operation, span, test, whole
from gaios.client.calling import Calling
from gaios.client.results import Deleted, Done, Entries, Number, Swapped, expect
from gaios.client.watch import Watch
from gaios.errors import InvalidCommand


class Keys(Calling):
    """See the module."""

    # ------------------------------------------------------------------------------------------------------------ writes

    async def put(self, key: Key, value: Value, *, timeout: float | None = None) -> Done:
        """Set a key."""
        reply = await self._multiop(MultiOp(then=(api.Put(as_bytes(key), as_bytes(value)),)), timeout)
        return Done(reply.revision)

    async def delete(
        self,
        key: Key,
        end: Key | None = None,
        *,
        prefix: bool = False,
        timeout: float | None = None,
    ) -> Deleted:
        """Delete a key; with `end` every key of `[key, end)`, with `prefix` every key that begins with it."""
        start, stop = span(key, end, prefix=prefix)
        reply = await self._multiop(MultiOp(then=(api.Delete(start, stop),)), timeout)
        (result,) = reply.results
        return Deleted(expect(api.DeleteResult, result).deleted, reply.revision)

    async def cas(
        self,
        key: Key,
        value: Value,
        *,
        mod_revision: int | None = None,
        version: int | None = None,
        absent: bool = False,
        expected: Value | None = None,
        timeout: float | None = None,
    ) -> Swapped:
        """Compare and set: put only if the key is as expected. Exactly one expectation.

        Args:
            key: what is set.
            value: to this.
            mod_revision: the revision of its last change; 0: it does not exist.
            version: how often it was set since it was created; 0: it does not exist.
            absent: it does not exist.
            expected: its value.
            timeout: seconds.

        Raises:
            InvalidCommand: there is none, or more than one, expectation.
        """
        name = as_bytes(key)
        tests: list[Test] = []
        if mod_revision is not None:
            tests.append(Test(name, "mod_revision", "==", mod_revision))
        if version is not None:
            tests.append(Test(name, "version", "==", version))
        if absent:
            tests.append(Test(name, "absent"))
        if expected is not None:
            tests.append(Test(name, "value", "==", as_bytes(expected)))
        if len(tests) != 1:
            raise InvalidCommand(reason=f"cas takes exactly one of mod_revision, version, absent, expected; {len(tests)} were given")
        reply = await self._multiop(MultiOp(guard=tuple(tests), then=(api.Put(name, as_bytes(value)),)), timeout)
        return Swapped(reply.succeeded, reply.revision)

    async def increment(self, key: Key, by: int = 1, *, timeout: float | None = None) -> Number:
        """Add to a counter, kept as decimal text; an absent key counts as 0.

        Raises:
            NotANumber: the value is none, or would leave the signed 64-bit range.
        """
        reply = await self._multiop(MultiOp(then=(api.Increment(as_bytes(key), whole(by)),)), timeout)
        (result,) = reply.results
        return Number(expect(api.IncrementResult, result).value, reply.revision)

    async def multiop(
        self,
        guard: Iterable[Test] = (),
        then: Iterable[Operation] = (),
        otherwise: Iterable[Operation] = (),
        *,
        timeout: float | None = None,
    ) -> MultiOpResult:
        """If all of `guard` holds, `then`, else `otherwise`: in order, atomically, at one revision.  [PML §5.6]"""
        return await self._multiop(MultiOp(tuple(map(test, guard)), tuple(map(operation, then)), tuple(map(operation, otherwise))), timeout)

    async def compact(self, revision: int, *, timeout: float | None = None) -> CompactResult:
        """Drop history before a revision: reads and watches below it are refused from then on."""
        return expect(CompactResult, await self._write(api.Compact(revision), timeout))

    # ------------------------------------------------------------------------------------------------------------ reads

    async def get(self, key: Key, *, revision: int = 0, timeout: float | None = None) -> Entry | None:
        """A key's entry, now or as of a revision; None where there is none."""
        page = await self._page(Range(as_bytes(key), None, 0, revision), timeout)
        return page.entries[0] if page.entries else None

    async def range(
        self,
        start: Key | None = None,
        end: Key | None = None,
        *,
        prefix: Key | None = None,
        limit: int = 0,
        keys_only: bool = False,
        revision: int = 0,
        timeout: float | None = None,
    ) -> Entries:
        """All entries of `[start, end)`, or with a prefix, as of one revision; at most `limit` (0: all). It asks page by page.

        Args:
            start: the first key; None or empty: from the first one on.
            end: the first key that is left out; None or empty: to the last one.
            prefix: instead of start and end.
            limit: how many at most.
            keys_only: leave values out.
            revision: as of which; 0: the present one.
            timeout: seconds, for all pages together.
        """
        key, stop = ends(start, end, prefix)
        found: list[Entry] = []
        loop = asyncio.get_running_loop()
        left = self._seconds(timeout)
        until = loop.time() + left
        while True:
            page = await self._page(Range(key, stop, limit - len(found) if limit else 0, revision, keys_only), max(left, 0.0))
            found += page.entries
            revision = page.revision
            if not page.more or not page.entries or (limit and len(found) >= limit):
                return Entries(tuple(found), revision, page.more)
            key = page.entries[-1].key + b"\x00"
            left = until - loop.time()

    async def entries(
        self,
        start: Key | None = None,
        end: Key | None = None,
        *,
        prefix: Key | None = None,
        limit: int = 0,
        keys_only: bool = False,
        revision: int = 0,
        timeout: float | None = None,
    ) -> AsyncIterator[Entry]:
        """As `range`, one entry after the other, holding no more than a page of them; `timeout` counts for each page."""
        key, stop = ends(start, end, prefix)
        taken = 0
        while True:
            page = await self._page(Range(key, stop, limit - taken if limit else 0, revision, keys_only), timeout)
            for entry in page.entries:
                yield entry
            taken += len(page.entries)
            revision = page.revision
            if not page.more or not page.entries or (limit and taken >= limit):
                return
            key = page.entries[-1].key + b"\x00"

    async def overview(self, *, timeout: float | None = None) -> Overview:
        """The database's revision, compaction point, epoch, number of keys and checksum."""
        return expect(Overview, await self._read(api.Look(), timeout))

    def watch(
        self,
        key: Key,
        end: Key | None = None,
        *,
        prefix: bool = False,
        from_revision: int = 0,
        timeout: float | None = None,
    ) -> "Watch":
        """Every change of a key (of `[key, end)`; of all keys with a prefix), in order, once, without gaps.

        Use it with `async for`. It survives lost connections and masters, and waits for a cell that is away. With `async with` around it,
        it has begun when the body begins: whatever is written from there on is told.

        Args:
            key: the key, or the first of a range, or a prefix.
            end: the first key that is left out.
            prefix: `key` is a prefix.
            from_revision: tell what happened at and after it; 0: after the present one.
            timeout: seconds within which it must begin; it has no end of its own.

        Raises:
            Compacted: (while it is read) history that it needs was dropped.
        """
        start, stop = span(key, end, prefix=prefix)
        api.check_keys(start, stop)
        return Watch(self, self._shell, start, stop, from_revision, self._seconds(timeout))

    # ------------------------------------------------------------------------------------------------------------ inside

    async def _multiop(self, command: MultiOp, timeout: float | None) -> MultiOpResult:
        return expect(MultiOpResult, await self._write(command, timeout))

    async def _page(self, question: Range, timeout: float | None) -> Page:
        return expect(Page, await self._read(question, timeout))
