"""Every key at every revision since the last compaction, in memory.  [PML §5.5, §5.6]

    records    = base + log
    log        every record from the compaction point on, ordered by (revision, key), and those before it that are not swept yet
    base       the put that each key had when its records in the log begin, if it had one and can still be asked for it

Rule 1. `histories` has each key's records in order of revision, and no key without a record.
Rule 2. A key is in `live` when its last record is a put, in `dead` when it is a delete.
Rule 3. The log reaches back to `compacted` at least. Records before that leave it a few at a time (`sweep`): a put becomes its key's
base, a delete goes, and so does the base before either. With the last of them go the bases of keys that have a record at `compacted`
itself. What is left is a function of the commands applied, and no reader can tell.
Rule 4. `total` is the sum of the digests of all records, modulo 2**64; `bytes` that of all puts' memory, `log_bytes` that of the log's
records, deletes included.
Rule 5. A log beyond `HISTORY_BYTES_MAX` moves its compaction point. A store beyond `DATABASE_BYTES_MAX` takes no put.  [SAFETY 28]
Rule 6. A range, of the present, the past or the history, passes over reserved keys; each of them is found by its name.

Costs: a read is O(log of its key's records), a put O(1), O(log keys) when the key was absent; a sweep O(records swept).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any

from sortedcontainers import SortedList

from gaios.api import FIRST_REVISION, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, RESERVED_PREFIX, Event
from gaios.db.bounds import DATABASE_BYTES_MAX, HISTORY_BYTES_MAX, RECORD_MEMORY_BYTES, SCAN_KEYS_MAX
from gaios.db.records import MASK, cost, digest, digest_put, memory, within
from gaios.db.spans import RESERVED_END, all_between, between
from gaios.db.view import View, read
from gaios.db.walk import Walk
from gaios.errors import Compacted, DatabaseFull, FutureRevision, TooMuchWork

HISTORY_SCAN_MAX = 20_000
"""Records that one page of a range's history looks at (about 3 ms): the page ends there, perhaps empty."""
SWEEP_RECORDS = 8
"""Records that a command sweeps at least, while some are left: 20 µs, and more than all but the widest MultiOps add."""
TRIM_AT = 4_096
"""Swept records that wait for their place in the log's list to be given back, so that giving back costs nothing on average."""

_mod_revision = attrgetter("mod_revision")


class Store:
    """The records, and what finds them."""

    __slots__ = (
        "_first",
        "_log",
        "_views",
        "_walk",
        "base",
        "bytes",
        "compacted",
        "dead",
        "histories",
        "live",
        "log_bytes",
        "revision",
        "sweeping",
        "total",
    )

    def __init__(self) -> None:
        self.revision = FIRST_REVISION
        self.compacted = FIRST_REVISION
        self.histories: dict[bytes, list[Event]] = {}
        self.live: Any = SortedList()
        self.dead: Any = SortedList()
        self.total = self.bytes = self.log_bytes = 0
        self.base = 0
        """Records that are not in the log."""
        self._views: list[View] = []
        """Who still reads a state that is past."""
        self.sweeping = False
        """Whether the log begins with records from before the compaction point."""
        self._log: list[Event] = []
        self._first = 0
        self._walk: Walk | None = None

    # ------------------------------------------------------------------------------------------------------------ writing

    def put(self, key: bytes, value: bytes) -> Event:
        """The next revision, which is this one put. Raises `DatabaseFull`."""
        size = len(key) + len(value) + RECORD_MEMORY_BYTES
        if self.bytes + size > DATABASE_BYTES_MAX:
            raise DatabaseFull(limit=DATABASE_BYTES_MAX)
        revision = self.revision = self.revision + 1
        history = self.histories.get(key)
        version, created = 1, revision
        if history is None:
            record = Event(key, value, 1, revision, revision)
            self.histories[key] = [record]
            self.live.add(key)
        else:
            last = history[-1]
            if last.value is None:
                self.dead.remove(key)
                self.live.add(key)
            else:
                version, created = last.version + 1, last.create_revision
            # With the key's first copy of itself: a record of a short value is a fifth smaller for it.
            record = Event(last.key, value, version, created, revision)
            history.append(record)
        self._log.append(record)
        self.total = (self.total + digest_put(key, value, version, created, revision)) & MASK
        self.bytes += size
        self.log_bytes += size
        if self.log_bytes > HISTORY_BYTES_MAX:
            self._bound()
        return record

    def commit(self, records: Sequence[Event], reserve: int = 0) -> None:
        """The next revision, which is these records: ordered by key, at most one a key, made for that revision.

        Raises `DatabaseFull`: the puts would take it past its bound and the reserve.
        """
        puts = sum(memory(record) for record in records if record.value is not None)
        if puts and self.bytes + puts > DATABASE_BYTES_MAX + reserve:
            raise DatabaseFull(limit=DATABASE_BYTES_MAX)
        self.revision += 1
        for record in records:
            self._add(record)
        self._log.extend(records)
        self.bytes += puts
        self.log_bytes += sum(map(memory, records))
        if self.log_bytes > HISTORY_BYTES_MAX:
            self._bound()
        if self.sweeping and 2 * len(records) > SWEEP_RECORDS:
            self.sweep(2 * len(records))

    def _add(self, record: Event) -> None:
        key = record.key
        history = self.histories.get(key)
        if history is None:
            self.histories[key] = [record]
            (self.dead if record.value is None else self.live).add(key)
        else:
            was_live, is_live = history[-1].value is not None, record.value is not None
            if was_live != is_live:
                (self.live if was_live else self.dead).remove(key)
                (self.live if is_live else self.dead).add(key)
            history.append(record)
        self.total = (self.total + digest(record)) & MASK

    def load(self, base: Sequence[Event], log: list[Event], revision: int, compacted: int) -> None:
        """Fill an empty store: base ordered by key, log as above."""
        for record in (*base, *log):
            self.histories.setdefault(record.key, []).append(record)
            self.total = (self.total + digest(record)) & MASK
            self.bytes += 0 if record.value is None else memory(record)
        self.live.update(key for key, history in self.histories.items() if history[-1].value is not None)
        self.dead.update(key for key, history in self.histories.items() if history[-1].value is None)
        self._log, self.revision, self.compacted, self.base = log, revision, compacted, len(base)
        self.log_bytes = sum(map(memory, log))
        self.sweeping = self._is_behind()

    # --------------------------------------------------------------------------------------------------------- compaction

    def compact(self, revision: int, limit: int) -> None:
        """History begins at this revision now, and at most `limit` records are swept at once.

        Raises:
            Compacted: It begins later already.
            FutureRevision: There is no such revision yet.
        """
        self.check_revision(revision)
        self.compacted = revision
        self.sweep(limit)

    def _bound(self) -> None:
        """Move the compaction point so that what would stay of the log is within its bound; wait while an earlier move is being swept."""
        if self.sweeping:
            return
        at, size = self._first, self.log_bytes
        while size > HISTORY_BYTES_MAX:
            size -= memory(self._log[at])
            at += 1
        at = min(at + SWEEP_RECORDS, len(self._log)) - 1
        oldest = self._log[self._first].mod_revision
        while at < len(self._log) - 1 and self._log[at].mod_revision == oldest:
            at += 1
        self.compacted = max(self.compacted, self._log[at].mod_revision)
        self.sweeping = self._is_behind()

    def _is_behind(self) -> bool:
        return self._first < len(self._log) and self._log[self._first].mod_revision < self.compacted

    def sweep(self, limit: int) -> None:
        """Let at most `limit` of the oldest records before the compaction point leave the log."""
        log, at = self._log, self._first
        last: dict[bytes, Event] = {}
        while at < len(log) and at - self._first < limit and log[at].mod_revision < self.compacted:
            last[log[at].key] = log[at]
            self.log_bytes -= memory(log[at])
            at += 1
        self.base += at - self._first
        for record in last.values():
            self._forget_before(record)
        self._first = at
        if at >= TRIM_AT and at * 2 >= len(log) and not self._views:
            del log[:at]
            self._first = 0
        self.sweeping = self._is_behind()
        if not self.sweeping:
            for place in range(self._first, len(log)):
                if log[place].mod_revision != self.compacted:
                    break
                self._forget_before(log[place])

    def _forget_before(self, record: Event) -> None:
        """Its key's records before this one go; this one too if it is a delete that has left the log."""
        history = self.histories[record.key]
        if record.value is not None and history[0] is record:
            return
        for view in self._views:
            view.keep(history[0])
        if record.value is not None and history[1] is record and history[0].value is not None:
            # A put behind a put: nearly always, and at every put of a cell that is full of history.
            gone = history.pop(0)
            self.base -= 1
            gone_digest = digest(gone)
            self.total = (self.total - gone_digest) & MASK
            if self._walk is not None:
                self._walk.dropped(gone, gone_digest)
            self.bytes -= memory(gone)
            return
        swept_delete = record.value is None and record.mod_revision < self.compacted
        end = bisect_left(history, record.mod_revision, key=_mod_revision) + swept_delete
        for gone in history[:end]:
            gone_digest = digest(gone)
            self.total = (self.total - gone_digest) & MASK
            if self._walk is not None:
                self._walk.dropped(gone, gone_digest)
            self.bytes -= 0 if gone.value is None else memory(gone)
        self.base -= end
        if end == len(history):
            del self.histories[record.key]
            self.dead.remove(record.key)
        elif end:
            del history[:end]

    # ------------------------------------------------------------------------------------------------------------ reading

    @property
    def log_length(self) -> int:
        """Records in the log."""
        return len(self._log) - self._first

    def check_revision(self, revision: int) -> None:
        """Raises `Compacted` or `FutureRevision` for one that cannot be read."""
        if revision < self.compacted:
            raise Compacted(revision=revision, compacted=self.compacted)
        if revision > self.revision:
            raise FutureRevision(revision=revision, current=self.revision)

    def current(self, key: bytes) -> Event | None:
        """The key's put that stands, None when it is absent."""
        history = self.histories.get(key)
        return None if history is None or history[-1].value is None else history[-1]

    def at(self, key: bytes, revision: int) -> Event | None:
        """The key's put that stood at a revision, None when it was absent."""
        history = self.histories.get(key)
        if history is None:
            return None
        place = bisect_right(history, revision, key=_mod_revision)
        record = history[place - 1] if place else None
        return None if record is None or record.value is None else record

    def between(self, key: bytes, end: bytes) -> Iterator[bytes]:
        """The keys that are live in `[key, end)`, in order, but for reserved ones. The store must not change meanwhile."""
        return between(self.live, key, end)

    def reserved(self, key: bytes, end: bytes) -> Iterator[bytes]:
        """The same of a range of reserved keys."""
        return all_between(self.live, key, end)

    def newest(self) -> Iterator[Event]:
        """Each key's last record, in order of keys. The store must not change meanwhile."""
        return (self.histories[key][-1] for key in merge(self.live, self.dead))

    @property
    def keys(self) -> int:
        """How many keys are live, but for reserved ones."""
        reserved: int = self.live.bisect_left(RESERVED_END) - self.live.bisect_left(RESERVED_PREFIX)
        return len(self.live) - reserved

    def records(self, key: bytes, end: bytes | None, revision: int) -> Iterator[Event]:
        """The puts that stood at a revision, ordered by key.

        Raises:
            TooMuchWork: `SCAN_KEYS_MAX` keys in a row had none, at an earlier revision.
        """
        if end is None:
            record = self.at(key, revision)
            if record is not None:
                yield record
        elif revision == self.revision:
            for name in self.between(key, end):
                yield self.histories[name][-1]
        else:
            passed = 0
            for name in merge(self.between(key, end), between(self.dead, key, end)):
                record = self.at(name, revision)
                if record is not None:
                    passed = 0
                    yield record
                elif passed < SCAN_KEYS_MAX:
                    passed += 1
                else:
                    raise TooMuchWork(do="pass over", limit=SCAN_KEYS_MAX, unit="keys")

    def events(self, key: bytes, end: bytes | None, from_revision: int) -> tuple[list[Event], int]:
        """A page of history, whole revisions in order, and the revision at which it goes on.

        A page ends before the revision that would exceed `PAGE_ENTRIES_MAX` or `PAGE_BYTES_MAX`, but holds one that has events; for a range
        also after about `HISTORY_SCAN_MAX` records.

        Raises:
            Compacted: History before `from_revision` was dropped, and some of that from it on.
        """
        if from_revision < self.compacted:
            raise Compacted(revision=from_revision, compacted=self.compacted)
        source = self._log if end is not None else self.histories.get(key, [])
        start = bisect_left(source, from_revision, self._first if end is not None else 0, key=_mod_revision)
        passes_over = end is not None and key < RESERVED_END and (not end or end > RESERVED_PREFIX)
        page: list[Event] = []
        size = whole = 0
        revision = from_revision
        for place in range(start, len(source)):
            record = source[place]
            if record.mod_revision != revision:
                revision, whole = record.mod_revision, len(page)
                if place - start >= HISTORY_SCAN_MAX:
                    return page, revision
            if end is None or (within(record.key, key, end) and not (passes_over and record.key.startswith(RESERVED_PREFIX))):
                size += cost(record)
                if whole and (len(page) >= PAGE_ENTRIES_MAX or size > PAGE_BYTES_MAX):
                    return page[:whole], revision
                page.append(record)
        return page, max(from_revision, self.revision + 1)

    def recheck(self, limit: int) -> bool:
        """Look at so many more records; False at the end of a walk that did not come to `total`."""
        walk = self._walk or Walk(self.revision, self.total)
        self._walk = walk if walk.go_on(self.histories, self.live, self.dead, limit) else None
        return self._walk is not None or walk.is_right

    def view(self) -> Iterator[Event | None]:
        """Base, then log, as they are at this call, whatever is done to the store while they are read. `None`: see `gaios.db.view`."""
        reading = read(self._views, View(self), self._log, self._first, len(self._log))
        next(reading)  # it has begun: should nobody read it to its end, its end comes when it is forgotten
        return reading

    @property
    def horizon(self) -> tuple[int, bytes]:
        """Revision and key of the log's first record: what is before that is the base's."""
        log, first = self._log, self._first
        return (log[first].mod_revision, log[first].key) if first < len(log) else (self.revision + 1, b"")

    def parts(self) -> tuple[list[Event], list[Event]]:
        """Base and log, copied."""
        log = self._log[self._first :]
        firsts = (self.histories[key][0] for key in sorted([*self.live, *self.dead]))
        return [record for record in firsts if (record.mod_revision, record.key) < self.horizon], log
