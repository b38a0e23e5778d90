"""One MultiOp: its guard, then one of its two lists, on a view of its own.  [PML §5.6]

Rule 1. Nothing is changed until all operations have succeeded; then all records enter the store at once.
Rule 2. An operation sees the records of those before it. Of several records of one key the last stays; its version counts them all.
Rule 3. What may be looked at, changed and returned is bounded, however wide a range is.
"""

import re
from collections.abc import Iterator
from heapq import merge
from operator import attrgetter

from gaios.api import (
    EPOCH_KEY,
    NUMBER_MAX,
    NUMBER_MIN,
    PAGE_BYTES_MAX,
    PAGE_ENTRIES_MAX,
    Delete,
    DeleteResult,
    Entry,
    Event,
    Get,
    GetResult,
    Increment,
    IncrementResult,
    MultiOp,
    MultiOpResult,
    Operation,
    Put,
    PutResult,
    Result,
    Test,
)
from gaios.db.bounds import CHANGE_BYTES_MAX, CHANGES_MAX, REPLY_BYTES_MAX, SCAN_KEYS_MAX
from gaios.db.records import cost, entry, successor, tombstone, within
from gaios.db.store import Store
from gaios.errors import NotANumber, TooMuchWork

_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_key = attrgetter("key")


def carry_out(store: Store, epoch: int, command: MultiOp) -> tuple[MultiOpResult, list[Event]]:
    """Its result, and the new revision's events, ordered by key; none if nothing changed.

    Raises:
        NotANumber: An increment met something else, or would leave 64 bits.
        TooMuchWork: A bound of `gaios.db.bounds` was met.
        DatabaseFull: There is no room for what it would put.
    """
    view = _View(store, epoch)
    holds = True
    for test in command.guard:
        if not view.holds(test):
            holds = False
            break
    results = tuple([view.carry_out(operation) for operation in (command.then if holds else command.otherwise)])
    records = sorted(view.changed.values(), key=_key)
    if records:
        store.commit(records)
    return MultiOpResult(holds, store.revision, results), records


def epoch_record(epoch: int) -> Event | None:
    """What stands under `EPOCH_KEY`."""
    return Event(EPOCH_KEY, b"%d" % epoch, 1, 0, 0) if epoch else None


def page(records: Iterator[Event], limit: int, *, keys_only: bool = False) -> tuple[tuple[Entry, ...], bool]:
    """The first records as entries, as many as one page holds, and whether there are more."""
    entries: list[Entry] = []
    most = min(limit or PAGE_ENTRIES_MAX, PAGE_ENTRIES_MAX)
    size = 0
    for record in records:
        found = entry(record, keys_only=keys_only)
        size += len(found.key) + len(found.value)
        if entries and (len(entries) >= most or size > PAGE_BYTES_MAX):
            return tuple(entries), True
        entries.append(found)
    return tuple(entries), False


class _View:
    """The store as this MultiOp sees it."""

    __slots__ = ("_change_bytes", "_created", "_epoch", "_reply_bytes", "_revision", "_scanned", "_store", "changed")

    def __init__(self, store: Store, epoch: int) -> None:
        self._store, self._epoch, self._revision = store, epoch, store.revision + 1
        self.changed: dict[bytes, Event] = {}
        self._created: set[bytes] = set()  # keys with a put here that the store does not have live; sorted before use
        self._change_bytes = self._reply_bytes = self._scanned = 0

    # ------------------------------------------------------------------------------------------------------------ reading

    def _current(self, key: bytes) -> Event | None:
        if key == EPOCH_KEY:
            return epoch_record(self._epoch)
        record = self.changed.get(key)
        if record is None:
            return self._store.current(key)
        return None if record.value is None else record

    def _records(self, key: bytes, end: bytes | None) -> Iterator[Event]:
        if end is None:
            record = self._current(key)
            if record is not None:
                yield record
            return
        keys = self._store.between(key, end)
        created = sorted(name for name in self._created if within(name, key, end))
        for name in merge(keys, created) if created else keys:
            self._scanned += 1
            if self._scanned > SCAN_KEYS_MAX:
                raise TooMuchWork(do="look at", limit=SCAN_KEYS_MAX, unit="keys")
            record = self.changed.get(name) or self._store.histories[name][-1]
            if record.value is not None:
                yield record

    def holds(self, test: Test) -> bool:
        """Whether a test of the guard does."""
        records = self._records(test.key, test.end)
        if test.field == "present":
            return next(records, None) is not None
        if test.field == "absent":
            return next(records, None) is None
        empty = True
        for record in records:
            empty = False
            if not _operate(getattr(record, test.field), test.op, test.to):
                return False
        return not empty or test.end is not None or (test.field != "value" and _operate(0, test.op, test.to))

    # ------------------------------------------------------------------------------------------------------------ writing

    def carry_out(self, operation: Operation) -> Result:
        """Its result; its changes are in `changed`."""
        if isinstance(operation, Put):
            self._put(operation.key, operation.value)
            return PutResult(self._revision)
        if isinstance(operation, Get):
            return self._get(operation)
        if isinstance(operation, Delete):
            return self._delete(operation)
        return self._increment(operation)

    def _get(self, operation: Get) -> GetResult:
        entries, more = page(self._records(operation.key, operation.end), operation.limit)
        self._reply_bytes += sum(cost(found) for found in entries)
        if self._reply_bytes > REPLY_BYTES_MAX:
            raise TooMuchWork(do="return", limit=REPLY_BYTES_MAX, unit="bytes")
        return GetResult(entries, more)

    def _delete(self, operation: Delete) -> DeleteResult:
        keys = [record.key for record in self._records(operation.key, operation.end)]
        for key in keys:
            self._change(tombstone(key, self._revision))
        return DeleteResult(len(keys))

    def _increment(self, operation: Increment) -> IncrementResult:
        record = self._current(operation.key)
        before = 0
        if record is not None:
            text = record.value or b""
            if not _NUMBER.fullmatch(text):
                raise NotANumber(key=operation.key, reason=f"its value {text[:32]!r} is not a decimal number")
            before = int(text)
            if not NUMBER_MIN <= before <= NUMBER_MAX:
                raise NotANumber(key=operation.key, reason=f"its value {before} lies outside {NUMBER_MIN} to {NUMBER_MAX}")
        after = before + operation.by
        if not NUMBER_MIN <= after <= NUMBER_MAX:
            raise NotANumber(key=operation.key, reason=f"the sum of {before} and {operation.by} lies outside {NUMBER_MIN} to {NUMBER_MAX}")
        self._put(operation.key, b"%d" % after)
        return IncrementResult(after)

    def _put(self, key: bytes, value: bytes) -> None:
        history = self._store.histories.get(key)
        before = self.changed.get(key) or (history[-1] if history else None)
        self._change(successor(before, key, value, self._revision))
        if history is None or history[-1].value is None:
            self._created.add(key)

    def _change(self, record: Event) -> None:
        before = self.changed.get(record.key)
        if before is not None:
            self._change_bytes -= cost(before)
        self.changed[record.key] = record
        self._change_bytes += cost(record)
        if len(self.changed) > CHANGES_MAX:
            raise TooMuchWork(do="change", limit=CHANGES_MAX, unit="keys")
        if self._change_bytes > CHANGE_BYTES_MAX:
            raise TooMuchWork(do="change", limit=CHANGE_BYTES_MAX, unit="bytes")


def _operate(left: bytes | int, op: str, right: bytes | int) -> bool:
    if op == "==":
        return left == right
    if op == "!=":
        return left != right
    if isinstance(left, bytes):
        assert isinstance(right, bytes)
        return left < right if op == "<" else left > right
    assert isinstance(right, int)
    return left < right if op == "<" else left > right
