"""Handles of locks that are used again and again, kept open in between: then a lock costs two entries of the log, not three.

Rule 1. A handle is kept if its lock was used before, lately. So a name that is used once costs no more than to open and close it, and
leaves nothing behind.
Rule 2. What is kept is bounded: `KEPT_MAX` handles, the least lately used goes first; and `RECENT_MAX` names of which it is known that they
were used.  [SAFETY 28]
Rule 3. Nothing is held or awaited by a handle that is kept.
"""

from typing import Final

from gaios.client.handle import Handle

KEPT_MAX: Final = 8
"""Of one session; each costs the cell about a kilobyte."""
RECENT_MAX: Final = 64
"""Of one session; a name costs this process some hundred bytes."""
Key = tuple[str, int]
"""A lock's path, and its lock-delay in ms, which a handle is opened with."""


class IdleHandles:
    """One session's."""

    def __init__(self) -> None:
        self._kept: dict[Key, Handle] = {}
        self._recent: dict[Key, None] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def take(self, key: Key) -> Handle | None:
        """An open handle of that lock, if one is kept."""
        return self._kept.pop(key, None)

    def wants(self, key: Key) -> bool:
        """A lock was used: is its handle to be kept?"""
        is_known = key in self._recent
        self._recent.pop(key, None)
        self._recent[key] = None
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        return is_known and key not in self._kept

    def keep(self, key: Key, handle: Handle) -> Handle | None:
        """Keep it, or another one instead of it; which one is to be closed now?"""
        if key in self._kept:
            return handle
        self._kept[key] = handle
        return self._kept.pop(next(iter(self._kept))) if len(self._kept) > KEPT_MAX else None

    def drop(self, handle: Handle) -> None:
        """It is good for nothing any more."""
        for key, kept in self._kept.items():
            if kept is handle:
                del self._kept[key]
                return
