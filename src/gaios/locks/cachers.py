"""Caching sessions of a reign: what each may keep, what it was told to forget, until when its lease runs.  [CHUBBY §2.7]

Rule 1. A node is one that a session may keep until it is told to forget it, then one that is *waited for* until the session has
acknowledged that, or its lease is over.
Rule 2. A session whose lease is over forgot everything: it comes back as one that keeps nothing.
Rule 3. What is asked at every turn costs the nodes in question, not all sessions: there may be thousands of these.  [SAFETY 28]
"""

from collections.abc import Callable, Iterable
from typing import Final

from gaios.caching import INVALIDATE
from gaios.lock_api import Notice
from gaios.locks.affects import Affected

MS: Final = 1_000_000
FAR: Final = 1 << 62
CACHED_MAX: Final = 4_096
"""Nodes that one session may keep in mind."""
CACHED_TOTAL_MAX: Final = 1 << 18
"""And all sessions: some 50 MB."""


class _Cacher:
    """A caching session that may keep something."""

    __slots__ = ("lease_ms", "nodes", "told", "until_ns")

    def __init__(self, lease_ms: int, now: int) -> None:
        self.lease_ms = lease_ms
        self.until_ns = now + lease_ms * MS
        """Its client's lease is over then, by this master's clock."""
        self.nodes: set[str] = set()
        """Of which it may keep something, and was not told to forget it."""
        self.told: dict[str, int] = {}
        """What it was told to forget and did not acknowledge, and the notice's number; empty: everything."""


class Cachers:
    """See the module."""

    def __init__(self, tell: Callable[[int, Notice], int]) -> None:
        """`tell` sends a notice, and says its number."""
        self._tell = tell
        self._all: dict[int, _Cacher] = {}
        self._cached: dict[str, set[int]] = {}
        """By node: who may keep something of it."""
        self._waited: dict[str, set[int]] = {}
        """By what was told: who did not acknowledge it."""
        self._asked: dict[int, _Cacher] = {}
        """Those who did not acknowledge something."""
        self._total = 0

    def clear(self) -> None:
        """The reign is over."""
        self._all.clear()
        self._cached.clear()
        self._waited.clear()
        self._asked.clear()
        self._total = 0

    def add(self, now: int, session: int, lease_ms: int, path: str) -> bool:
        """From now on the session may keep something of a node; False: it is too much."""
        cacher = self._all.get(session)
        if cacher is None:
            cacher = self._all[session] = _Cacher(lease_ms, now)
        if path not in cacher.nodes:
            if len(cacher.nodes) >= CACHED_MAX or self._total >= CACHED_TOTAL_MAX:
                return False
            cacher.nodes.add(path)
            self._cached.setdefault(path, set()).add(session)
            self._total += 1
        return True

    def forget(self, affected: Affected) -> None:
        """Tell whoever may keep something of these nodes to forget it."""
        if affected is None:
            self._cached.clear()
            self._total = 0
            for session, cacher in self._all.items():
                if cacher.nodes:
                    cacher.nodes.clear()
                    self._ask(session, cacher, "")
            return
        for path in sorted(affected & self._cached.keys()):
            sessions = self._cached.pop(path)
            self._total -= len(sessions)
            for session in sorted(sessions):
                cacher = self._all[session]
                cacher.nodes.discard(path)
                self._ask(session, cacher, path)

    def acknowledged(self, session: int, told: int) -> bool:
        """A session has seen every notice through this one; whether it was waited for."""
        cacher = self._asked.get(session)
        if cacher is None:
            return False
        paths = [path for path, number in cacher.told.items() if number <= told]
        for path in paths:
            self._answered(session, cacher, path)
        return bool(paths)

    def listed(self, now: int, sessions: Iterable[int]) -> None:
        """A charge is proposed that lists them."""
        if self._all:
            for session in sessions:
                cacher = self._all.get(session)
                if cacher is not None:
                    cacher.until_ns = now + cacher.lease_ms * MS

    def drop(self, session: int) -> None:
        """It keeps nothing any more."""
        cacher = self._all.pop(session, None)
        if cacher is None:
            return
        for path in list(cacher.told):
            self._answered(session, cacher, path)
        for path in cacher.nodes:
            self._cached[path].discard(session)
            if not self._cached[path]:
                del self._cached[path]
        self._total -= len(cacher.nodes)

    def drop_lapsed(self, now: int) -> None:
        """Those that are waited for although their leases are over."""
        for session in [session for session, cacher in self._asked.items() if cacher.until_ns <= now]:
            self.drop(session)

    def is_waited_for(self, now: int, affected: Affected) -> bool:
        """Did somebody whose lease runs not yet acknowledge to have forgotten these nodes?"""
        asked = self._asked
        if not asked:
            return False
        if affected is None:
            return any(cacher.until_ns > now for cacher in asked.values())
        return any(asked[session].until_ns > now for told in ("", *affected) for session in self._waited.get(told, ()))

    def due_ns(self) -> int:
        """When the first lease of one that is waited for is over."""
        return min((cacher.until_ns for cacher in self._asked.values()), default=FAR)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _ask(self, session: int, cacher: _Cacher, path: str) -> None:
        cacher.told[path] = self._tell(session, Notice(0, INVALIDATE, path))
        self._waited.setdefault(path, set()).add(session)
        self._asked[session] = cacher

    def _answered(self, session: int, cacher: _Cacher, path: str) -> None:
        del cacher.told[path]
        self._waited[path].discard(session)
        if not self._waited[path]:
            del self._waited[path]
        if not cacher.told:
            del self._asked[session]
