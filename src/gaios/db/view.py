"""A store's records as they were at one moment, read by and by while the store goes on.  [PML §5.5; SAFETY 26]

Rule 1. It costs nothing when it begins. While it lasts, a sweep leaves it the base's records that it drops, and the log gives no room back.
Rule 2. What is looked at in one go is bounded: a `None` among the records only says that time passed.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from sortedcontainers import SortedList

from gaios.api import Event

if TYPE_CHECKING:
    from gaios.db.store import Store

KEYS: Final = 512
"""Keys looked at in one go: half a millisecond."""


class View:
    """See the module.

    Invariants:
        1. A key beyond `at` that had a record in the base has it still, as its first, or it is in `kept`.
    """

    __slots__ = ("_at", "_horizon", "_kept", "_keys", "_store")

    def __init__(self, store: "Store") -> None:
        self._store, self._horizon = store, store.horizon
        self._at = b""
        """The last key that was looked at."""
        self._kept: dict[bytes, Event] = {}
        self._keys: Any = SortedList()
        """Those that were ever kept."""

    def keep(self, first: Event) -> None:
        """A key is about to lose its first record."""
        key = first.key
        if key > self._at and key not in self._kept and (first.mod_revision, key) < self._horizon:
            self._kept[key] = first
            self._keys.add(key)

    def base(self) -> Iterator[Event | None]:
        """The records before the log, by key."""
        store = self._store
        while True:
            # What is kept in order must not change while it is walked: a few keys are fetched, and the walk begins anew behind them.
            behind = [keys.irange(self._at, None, (False, True)) for keys in (store.live, store.dead, self._keys) if keys]
            names = list(islice(merge(*behind) if len(behind) > 1 else chain(*behind), KEYS))
            records = [record for key in names if (record := self._first(key)) is not None]
            yield from records
            if len(names) < KEYS:
                return
            yield None

    def _first(self, key: bytes) -> Event | None:
        record = self._kept.pop(key, None)
        if record is None and key != self._at:
            record = self._store.histories[key][0]
            if (record.mod_revision, key) >= self._horizon:
                record = None
        self._at = key
        return record


def read(views: list[View], view: View, log: Sequence[Event], start: int, stop: int) -> Iterator[Event | None]:
    """The base, then the log's part; `views` names the view meanwhile. First comes a `None`: it has begun."""
    views.append(view)
    try:
        yield None
        yield from view.base()
        for at in range(start, stop):
            yield log[at]
    finally:
        views.remove(view)
