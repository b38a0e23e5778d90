"""A second look at every record: whether its digest is still the one that was summed up.  [PML §6.2; SAFETY 25]

A store's `total` is kept up to date, never computed anew: a bit that flips in a stored record changes what is read and not the total.

Rule 1. A walk goes by key and revision, a few records at a time. It is about the records that stood when it began.
Rule 2. What is put meanwhile is newer, and passed over. What is dropped meanwhile is taken off, unless the walk has met it already.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any

from gaios.api import Event
from gaios.db.records import MASK, digest

_mod_revision = attrgetter("mod_revision")


class Walk:
    """One walk."""

    __slots__ = ("_left", "_revision", "_through")

    def __init__(self, revision: int, total: int) -> None:
        """Begin: all records through `revision` have digests that sum up to `total`."""
        self._revision, self._left = revision, total
        self._through: tuple[bytes, int] = (b"", 0)

    @property
    def is_right(self) -> bool:
        """At its end: whether it met exactly what was summed up."""
        return self._left & MASK == 0

    def go_on(self, histories: Mapping[bytes, Sequence[Event]], live: Any, dead: Any, limit: int) -> bool:  # noqa: ANN401 (sortedcontainers ships no types)
        """Look at so many more; whether any may be left."""
        at, after = self._through
        for key in merge(live.irange(at), dead.irange(at)):
            history = histories[key]
            for place in range(bisect_right(history, after, key=_mod_revision) if key == at else 0, len(history)):
                record = history[place]
                if record.mod_revision > self._revision:
                    break
                self._left -= digest(record)
                limit -= 1
                if not limit:
                    self._through = (key, record.mod_revision)
                    return True
        return False

    def dropped(self, record: Event, its_digest: int) -> None:
        """A record is no more."""
        if record.mod_revision <= self._revision and (record.key, record.mod_revision) > self._through:
            self._left -= its_digest
