"""Nodes that changes are held or under way for, and how many.  [CHUBBY §2.7]"""

from gaios.locks.affects import Affected


class Marks:
    """Counted: a node is marked until each change that marked it is done."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._everything = 0

    def add(self, affected: Affected) -> None:
        """A change of these nodes came."""
        if affected is None:
            self._everything += 1
            return
        for path in affected:
            self._counts[path] = self._counts.get(path, 0) + 1

    def remove(self, affected: Affected) -> None:
        """It is done."""
        if affected is None:
            self._everything -= 1
            return
        for path in affected:
            self._counts[path] -= 1
            if not self._counts[path]:
                del self._counts[path]

    def has(self, path: str) -> bool:
        """Is a change of this node held or under way?"""
        return self._everything > 0 or path in self._counts

    def clear(self) -> None:
        """All are done."""
        self._counts.clear()
        self._everything = 0
