"""Chosen values whose records are damaged here are fetched again from peers.  [SAFETY 6, 15]

Rule 1. Chosen values only, and from any peer: whoever cannot read it either does not answer, and the next one is asked. Those who left and
are still there are asked, too: they may hold the only copy.  [SAFETY 18]
Rule 2. Who was asked in vain, every peer twice, says so (`is_vain`): those who hold the value may not know that it is chosen, and then they
supply it once they have elected a master without this replica (electing.py).
Rule 3. At most `seek_slots` are asked for at a time, the oldest first: nothing is applied past a slot that is missing.

Left out on purpose: damage above what is chosen; a vote there ends it (damage.spec.py).
"""

from heapq import nsmallest

from gaios.log.options import FAR, MS, Options
from gaios.log.roster import Roster
from gaios.paxos import core


class Repair:
    """Which slots are missing, and whom to ask."""

    def __init__(self, participant: core.Participant, options: Options, roster: Roster) -> None:
        self._core, self._options, self._roster = participant, options, roster
        self._asked: list[int] = []
        self._retry_at = 0
        self._turn = 0
        self._vain = 0
        """Questions since anything came."""

    @property
    def is_vain(self) -> bool:
        """Whether nothing came of asking every peer twice."""
        return self._vain > 2 * len(self._roster.suppliers)

    @property
    def is_due(self) -> bool:
        """Whether a chosen value is missing here."""
        chosen = self._core.chosen
        return any(slot <= chosen for slot in self._core.faulty)

    def due_ns(self) -> int:
        """When to look again, if nothing comes before."""
        return self._retry_at if self.is_due and self._roster.suppliers else FAR

    def wanted(self, now: int) -> tuple[int, list[int]]:
        """Whom to ask, and for which slots: none when nothing is missing, or all is under way."""
        faulty, chosen, peers = self._core.faulty, self._core.chosen, self._roster.suppliers
        if not peers or (now < self._retry_at and any(slot in faulty for slot in self._asked)):
            return 0, []
        self._vain = self._vain + 1 if self._asked and all(slot in faulty for slot in self._asked) else 0
        self._asked = nsmallest(self._options.seek_slots, (slot for slot in faulty if slot <= chosen))
        if not self._asked:
            return 0, []
        self._retry_at = now + self._options.retransmit_ms * MS
        source = peers[self._turn % len(peers)]
        self._turn += 1
        return source, self._asked
