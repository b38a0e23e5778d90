"""Caching sessions of a reign: what each may keep, what it was told to forget, until when its lease runs.  [CHUBBY §2.7]

Rule 1. A node is one that a session may keep until it is told to forget it, then one that is *waited for* until the session has
acknowledged that, or the lease that it had when it was told is over. No later charge that lists it counts: what extends its lease at its
client is an answer, and one that does tells of that notice too (steward.py). Whoever hears nothing, or says nothing, is so waited for once.
Rule 2. A session whose lease is over forgot everything: it comes back as one that keeps nothing.
Rule 3. One that lives and let that time pass without a word is told to forget everything, and may keep nothing more until it has
acknowledged it: else it would be waited for with one node after the other.
Rule 4. What is asked at every turn costs the nodes in question, not all sessions: there may be thousands of these.  [SAFETY 28]
"""

from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Final

from gaios.caching import INVALIDATE
from gaios.lock_api import Notice
from gaios.locks.affects import Affected

MS: Final = 1_000_000
"""Nanoseconds in a millisecond."""
FAR: Final = 1 << 62
"""A time that does not come, ns."""
CACHED_MAX: Final = 4_096
"""Nodes that one session may keep in mind."""
CACHED_TOTAL_MAX: Final = 1 << 18
"""And all sessions: some 50 MB."""


class _Cacher:
    """A caching session that may keep something."""

    __slots__ = ("lease_ms", "nodes", "owes", "told", "until_ns")

    def __init__(self, lease_ms: int, now: int) -> None:
        self.lease_ms = lease_ms
        self.until_ns = now + lease_ms * MS
        """Its client's lease is over then, by this master's clock."""
        self.nodes: set[str] = set()
        """Of which it may keep something, and was not told to forget it."""
        self.told: dict[str, tuple[int, int]] = {}
        """What it was told to forget and did not acknowledge: the notice's number, and until when it is waited for, the soonest first;
        empty: everything."""
        self.owes = 0
        """The notice that it has to acknowledge before it may keep anything; 0: none."""


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
        if cacher.owes:
            return False
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
                    self._ask(session, cacher, "", [""])
            return
        for path in sorted(affected & self._cached.keys()):
            sessions = self._cached.pop(path)
            self._total -= len(sessions)
            for session in sorted(sessions):
                cacher = self._all[session]
                cacher.nodes.discard(path)
                self._ask(session, cacher, path, [path])

    def acknowledged(self, session: int, told: int) -> bool:
        """A session has seen every notice through this one; whether it was waited for."""
        cacher = self._all.get(session)
        if cacher is None:
            return False
        if told >= cacher.owes:
            cacher.owes = 0
        paths = [path for path, (number, _) in cacher.told.items() if number <= told]
        for path in paths:
            self._answered(session, cacher, path)
        return bool(paths)

    def listed(self, now: int, sessions: Iterable[int]) -> None:
        """A charge is proposed that lists them."""
        if self._all:
            for session in sessions:
                cacher = self._all.get(session)
                if cacher is not None:
                    cacher.until_ns = max(cacher.until_ns, now + cacher.lease_ms * MS)

    def drop(self, session: int) -> None:
        """It keeps nothing any more."""
        cacher = self._all.pop(session, None)
        if cacher is None:
            return
        for path in list(cacher.told):
            self._answered(session, cacher, path)
        self._take_all(session, cacher)

    def drop_lapsed(self, now: int) -> bool:
        """Those that were waited for for long enough; whether there were any."""
        found = False
        for session, cacher in list(self._asked.items()):
            if cacher.until_ns <= now:
                self.drop(session)
                found = True
                continue
            late = [path for path, _ in takewhile(lambda told: told[1][1] <= now, cacher.told.items())]
            if late:
                found = True
                cacher.owes = max(cacher.told[path][0] for path in late)
                for path in late:
                    self._answered(session, cacher, path)
                if cacher.nodes:
                    # One notice; a change waits for it only where it changes one of these.
                    cacher.owes = self._ask(session, cacher, "", self._take_all(session, cacher))
        return found

    def is_waited_for(self, now: int, affected: Affected) -> bool:
        """Did somebody whose lease runs not yet acknowledge to have forgotten these nodes?"""
        asked = self._asked
        if not asked:
            return False
        if affected is None:
            return any(until_ns > now for cacher in asked.values() for _, until_ns in (next(reversed(cacher.told.values())),))
        return any(asked[session].told[path][1] > now for path in ("", *affected) for session in self._waited.get(path, ()))

    def due_ns(self) -> int:
        """When the first that is waited for was for long enough."""
        return min((until_ns for cacher in self._asked.values() for _, until_ns in (next(iter(cacher.told.values())),)), default=FAR)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _ask(self, session: int, cacher: _Cacher, name: str, paths: list[str]) -> int:
        """Tell it to forget that, and wait for it with each of these; the notice's number."""
        number = self._tell(session, Notice(0, INVALIDATE, name))
        for path in paths:
            cacher.told.pop(path, None)  # what is told anew is the last to be over
            cacher.told[path] = number, cacher.until_ns
            self._waited.setdefault(path, set()).add(session)
        self._asked[session] = cacher
        return number

    def _take_all(self, session: int, cacher: _Cacher) -> list[str]:
        """It may keep none of its nodes any more: which these were."""
        paths = sorted(cacher.nodes)
        cacher.nodes.clear()
        self._total -= len(paths)
        for path in paths:
            self._cached[path].discard(session)
            if not self._cached[path]:
                del self._cached[path]
        return paths

    def _answered(self, session: int, cacher: _Cacher, path: str) -> None:
        del cacher.told[path]
        self._waited[path].discard(session)
        if not self._waited[path]:
            del self._waited[path]
        if not cacher.told:
            del self._asked[session]
