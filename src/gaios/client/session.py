"""One registration's exactly-once bookkeeping.  [SAFETY 19]

Rule 1. A command keeps its (identity, sequence) through all its attempts.
Rule 2. A sequence is *resolved* when its answer has come, or when nobody waits for it any more. `acknowledged` is the highest number
through which all are resolved. So a command that was given up and is still under way somewhere is dropped by the cell once a later
command carried this mark: whoever gave it up was told `Unknown`, and that stays true.
Rule 3. Never are more than `WINDOW` numbers between the mark and the newest: the cell's table has room for every answer in between.
"""

from gaios.client.tuning import WINDOW
from gaios.entry import Identity


class Session:
    """An identity, its next sequence number, and how far everything is resolved."""

    __slots__ = ("_resolved", "acknowledged", "identity", "newest")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.newest = 0
        """The highest sequence number given out; they start with 1."""
        self.acknowledged = 0
        self._resolved: set[int] = set()

    def has_room(self) -> bool:
        """Whether another command may start."""
        return self.newest - self.acknowledged < WINDOW

    def take(self) -> int:
        """The next sequence number."""
        self.newest += 1
        return self.newest

    def resolve(self, sequence: int) -> None:
        """Nobody waits for this one any more."""
        if sequence != self.acknowledged + 1:
            self._resolved.add(sequence)
            return
        self.acknowledged = sequence
        while self._resolved and self.acknowledged + 1 in self._resolved:
            self.acknowledged += 1
            self._resolved.remove(self.acknowledged)

    def check(self) -> None:
        """The invariants, for tests."""
        assert 0 <= self.acknowledged <= self.newest <= self.acknowledged + WINDOW
        assert all(self.acknowledged + 1 < sequence <= self.newest for sequence in self._resolved)
