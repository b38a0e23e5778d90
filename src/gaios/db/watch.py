"""Who waits for which events: matched, ordered, unique, without a gap, resumable.  [PML §5.6; SAFETY 28]

    lagging ──(a page of history, each drain, until it has caught up)──► live
       ▲                                                                   │
       └──────(its buffer is full, or effects were missed)─────────────────┘

Rule 1. A watcher's position is the next revision that it has not been given whole. What is given to it begins there, holds whole revisions
in order, and moves the position past itself: a client that resumes from its last `next_revision` misses nothing and sees nothing twice.
Rule 2. A live watcher has its undelivered events in a bounded buffer. When that is full it is let go and the watcher lags: it reads history
again from its position. So a slow client costs a position and a filter, never memory, and is never cut off for being slow.
Rule 3. A watcher ends with an error only when history from its position on was compacted.
Rule 4. One drain does a bounded amount of reading, in turns, so that many lagging watchers do not hold up the replica.
Rule 5. Publishing the same revision twice does nothing; a revision that was not published (effects may be dropped) makes all live
watchers lag, from where they were.

A token is whatever the caller knows a watcher by (a connection and a request number); it is hashable and never looked into.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol, TypeVar

from gaios.api import NUMBER_MAX, PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, RESERVED_PREFIX, Changes, Event, check_keys, prefix_end
from gaios.db.records import cost, within
from gaios.errors import Compacted, Error, InvalidCommand, Overloaded

WATCHERS_MAX: Final = 10_000
"""Watchers of one replica; each takes under 1 KiB beside its buffer."""
RANGES_MAX: Final = 1_000
"""Different watched ranges that are no prefix: each is compared to each event (0.1 µs)."""
BUFFER_EVENTS_MAX: Final = PAGE_ENTRIES_MAX
BUFFER_BYTES_MAX: Final = PAGE_BYTES_MAX
"""Of one watcher's undelivered events: as much as a page of history, which is what it falls back to."""
PAGES_A_DRAIN: Final = 8
"""Pages of history that one drain reads: a few milliseconds at most."""


class History(Protocol):
    """What a hub reads: `Database` is one."""

    @property
    def revision(self) -> int:
        """The present revision."""

    @property
    def compacted(self) -> int:
        """The oldest revision whose events are all there."""

    def changes(self, key: bytes, end: bytes | None, from_revision: int) -> Changes:
        """A page of events; raises `Compacted`."""


class Delivery(NamedTuple):
    """What one watcher is given now."""

    token: Hashable
    events: Sequence[Event]
    next_revision: int
    """Where to resume after these events."""
    error: Error | None = None
    """Why the watcher has ended; the hub has forgotten it."""


class _Watcher:
    __slots__ = ("buffer", "bytes", "end", "key", "lags", "next", "token")

    def __init__(self, token: Hashable, key: bytes, end: bytes | None, from_revision: int) -> None:
        self.token, self.key, self.end, self.next = token, key, end, from_revision
        self.buffer: list[Event] = []
        self.bytes = 0
        self.lags = False


# Watchers in the order in which they came; the values say nothing. (A set's order would differ from process to process.)
_K = TypeVar("_K")
_Group = dict[_Watcher, None]


class Hub:
    """The watchers of one replica."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._published = history.revision
        self._watchers: dict[Hashable, _Watcher] = {}
        self._lagging: OrderedDict[_Watcher, None] = OrderedDict()
        self._full: _Group = {}  # live ones with something in their buffer
        self._keys: dict[bytes, _Group] = {}
        self._prefixes: dict[bytes, _Group] = {}
        self._prefix_lengths: dict[int, int] = {}  # length: how many watched prefixes have it
        self._ranges: dict[tuple[bytes, bytes], _Group] = {}

    def __len__(self) -> int:
        """How many watchers there are."""
        return len(self._watchers)

    @property
    def pending(self) -> bool:
        """Whether the next drain has something to give to those who are ready."""
        return bool(self._full or self._lagging)

    # ------------------------------------------------------------------------------------------------- coming and going

    def watch(self, token: Hashable, key: bytes, end: bytes | None, from_revision: int = 0) -> int:
        """Begin to watch a key, or with `end` the range `[key, end)` (`b""`: no upper end), from a revision on.

        Args:
            token: What deliveries will be marked with.
            key: The key, or where the range begins.
            end: As everywhere: see `gaios.api`.
            from_revision: The first revision to deliver; one that does not exist yet is waited for; 0: what comes after the present one.

        Returns:
            The first revision that will be delivered.

        Raises:
            KeyTooLong: The key or an end has a length that none may have.
            InvalidCommand: `from_revision` is no revision, the key is reserved, or the token is in use.
            Compacted: Events from that revision on were dropped.
            Overloaded: There are too many watchers, or ranges.
        """
        check_keys(key, end)
        if not 0 <= from_revision <= NUMBER_MAX:
            raise InvalidCommand(reason=f"a watch begins at a revision, or at 0 for now, not at {from_revision}")
        if token in self._watchers:
            raise InvalidCommand(reason="this watch was begun before")
        if from_revision and from_revision < self._history.compacted:
            raise Compacted(revision=from_revision, compacted=self._history.compacted)
        if len(self._watchers) >= WATCHERS_MAX:
            raise Overloaded(what="this replica's table of watchers", limit=WATCHERS_MAX, unit="watchers")
        if not self._watchers:
            self._published = self._history.revision  # while nobody watches nothing need be published
        watcher = _Watcher(token, key, end, from_revision or self._history.revision + 1)
        self._join(watcher)
        self._watchers[token] = watcher
        if watcher.next <= self._history.revision:
            self._lag(watcher)
        return watcher.next

    def cancel(self, token: Hashable) -> bool:
        """Forget a watcher, undelivered events included. False when there is none of this token."""
        watcher = self._watchers.pop(token, None)
        if watcher is None:
            return False
        self._leave(watcher)
        self._full.pop(watcher, None)
        self._lagging.pop(watcher, None)
        return True

    # ------------------------------------------------------------------------------------------------------------ events

    def publish(self, events: Sequence[Event]) -> None:
        """Hand over effects of applied commands, in order; those of one revision must come together. Idle while nobody watches."""
        handed = self._published
        for event in events:
            revision = event.mod_revision
            if revision <= self._published:
                continue
            if revision != handed:
                if revision != handed + 1:
                    self._fall_back(handed)
                handed = revision
            self._match(event)
        self._published = handed

    def missed(self) -> None:
        """The state was replaced, or effects were dropped, through the history's present revision: all live watchers read history."""
        self._fall_back(self._published)
        self._published = self._history.revision

    def drain(self, ready: Callable[[Hashable], bool] = lambda _: True) -> list[Delivery]:
        """What watchers are given now: each at most one delivery, of whole revisions.

        A delivery has at most `api.PAGE_ENTRIES_MAX` events and `api.PAGE_BYTES_MAX`, or else is one revision, which has at most
        `bounds.CHANGES_MAX` events and `bounds.CHANGE_BYTES_MAX`. One without events moves the position of a watcher that is catching up.

        Args:
            ready: Whether a token's client can take more now. Who cannot is asked again at the next drain.
        """
        deliveries: list[Delivery] = []
        for watcher in [watcher for watcher in self._full if ready(watcher.token)]:
            del self._full[watcher]
            watcher.next = self._published + 1
            deliveries.append(Delivery(watcher.token, watcher.buffer, watcher.next))
            watcher.buffer, watcher.bytes = [], 0
        willing = (watcher for watcher in list(self._lagging) if ready(watcher.token))
        deliveries += [self._catch_up(watcher) for watcher in islice(willing, PAGES_A_DRAIN)]
        return deliveries

    def progress(self) -> list[Delivery]:
        """A delivery without events for each live watcher that has none waiting: it has seen all through the published revision.

        Sent now and then, it keeps the position of a quiet watch ahead of compaction, and proves that the watch lives.
        """
        deliveries = []
        for watcher in self._watchers.values():
            if not watcher.lags and not watcher.buffer and watcher.next <= self._published + 1:
                watcher.next = self._published + 1
                deliveries.append(Delivery(watcher.token, (), watcher.next))
        return deliveries

    # ----------------------------------------------------------------------------------------------------------- catching up

    def _catch_up(self, watcher: _Watcher) -> Delivery:
        try:
            changes = self._history.changes(watcher.key, watcher.end, watcher.next)
        except Compacted as error:
            self.cancel(watcher.token)
            return Delivery(watcher.token, (), watcher.next, error)
        watcher.next = changes.next_revision
        if watcher.next > changes.revision:
            watcher.lags = False
            del self._lagging[watcher]
        else:
            self._lagging.move_to_end(watcher)
        return Delivery(watcher.token, changes.events, watcher.next)

    def _lag(self, watcher: _Watcher) -> None:
        """From its position on it reads history."""
        if watcher.buffer:
            watcher.next = watcher.buffer[0].mod_revision
            watcher.buffer, watcher.bytes = [], 0
            del self._full[watcher]
        watcher.lags = True
        self._lagging[watcher] = None

    def _fall_back(self, handed: int) -> None:
        """All live watchers lag; they were handed everything through this revision."""
        for watcher in self._watchers.values():
            if not watcher.lags:
                watcher.next = max(watcher.next, handed + 1)
                self._lag(watcher)

    # ------------------------------------------------------------------------------------------------------------- matching

    def _match(self, event: Event) -> None:
        key = event.key
        group = self._keys.get(key)
        if group is not None:
            self._hand(group, event)
        if key.startswith(RESERVED_PREFIX):
            return
        for length in self._prefix_lengths:
            group = self._prefixes.get(key[:length]) if length <= len(key) else None
            if group is not None:
                self._hand(group, event)
        for (start, end), group in self._ranges.items():
            if within(key, start, end):
                self._hand(group, event)

    def _hand(self, group: _Group, event: Event) -> None:
        size = cost(event)
        for watcher in group:
            if watcher.lags or event.mod_revision < watcher.next:
                continue
            if len(watcher.buffer) >= BUFFER_EVENTS_MAX or (watcher.buffer and watcher.bytes + size > BUFFER_BYTES_MAX):
                self._lag(watcher)
                continue
            if not watcher.buffer:
                self._full[watcher] = None
            watcher.buffer.append(event)
            watcher.bytes += size

    def _join(self, watcher: _Watcher) -> None:
        key, end = watcher.key, watcher.end
        if end is None:
            self._keys.setdefault(key, {})[watcher] = None
        elif end == prefix_end(key):
            if key not in self._prefixes:
                self._prefix_lengths[len(key)] = self._prefix_lengths.get(len(key), 0) + 1
            self._prefixes.setdefault(key, {})[watcher] = None
        else:
            if (key, end) not in self._ranges and len(self._ranges) >= RANGES_MAX:
                raise Overloaded(what="this replica's table of watched ranges", limit=RANGES_MAX, unit="ranges that are no prefix")
            self._ranges.setdefault((key, end), {})[watcher] = None

    def _leave(self, watcher: _Watcher) -> None:
        key, end = watcher.key, watcher.end
        if end is None:
            _remove(self._keys, key, watcher)
        elif end == prefix_end(key):
            if _remove(self._prefixes, key, watcher):
                self._prefix_lengths[len(key)] -= 1
                if not self._prefix_lengths[len(key)]:
                    del self._prefix_lengths[len(key)]
        else:
            _remove(self._ranges, (key, end), watcher)


def _remove(groups: dict[_K, _Group], name: _K, watcher: _Watcher) -> bool:
    """True when the group has gone with its last watcher."""
    group = groups[name]
    del group[watcher]
    if not group:
        del groups[name]
    return not group
