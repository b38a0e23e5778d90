"""Learning chosen values from peers, by a replica that lags or has just started.  [PML §4.2; SAFETY 6]

Rule 1. Whoever says that a slot is chosen can supply it; when it does not in time, the others are asked in turn.
Rule 2. At most `seek_slots` values are asked for at a time, the next ones when they came.

Left out on purpose: supplying (replica.py), snapshots for slots that nobody keeps.
"""

from collections.abc import Sequence

from gaios.log.options import MS, Options


class Catchup:
    """What is missing here, and whom to ask."""

    def __init__(self, options: Options, peers: Sequence[int]) -> None:
        self._options, self._peers = options, peers
        self.known = 0
        """The highest slot that a peer said to be chosen."""
        self._source = 0
        self._asked_through = 0
        self.retry_at = 0
        """When what was asked for is late."""

    def heard(self, member: int, chosen: int) -> None:
        """A peer knows every slot through `chosen`."""
        if chosen >= self.known:
            self.known, self._source = chosen, member

    def lags(self, chosen: int) -> bool:
        """Whether a value is missing here."""
        return self.known > chosen

    def wanted(self, now: int, chosen: int) -> tuple[int, range]:
        """Whom to ask, and for which slots: an empty range when nothing is missing or all is under way."""
        if not self.lags(chosen):
            return 0, range(0)
        late = now >= self.retry_at
        if chosen < self._asked_through and not late:
            return 0, range(0)
        if late and chosen < self._asked_through and self._peers:
            self._source = (
                self._peers[(self._peers.index(self._source) + 1) % len(self._peers)] if self._source in self._peers else self._peers[0]
            )
        self._asked_through = min(self.known, chosen + self._options.seek_slots)
        self.retry_at = now + self._options.retransmit_ms * MS
        return self._source, range(chosen + 1, self._asked_through + 1)
