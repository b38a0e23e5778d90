"""Learning chosen values from peers, by a replica that lags or has just started.  [PML §4.2; SAFETY 6]

Rule 1. Whoever says that a slot is chosen can supply it. When nothing came of asking, the peers are asked in turn, every one of them.
Rule 2. At most `seek_slots` values are asked for at a time, the next ones when they came.
Rule 3. An answer may be shorter than its question, for whoever supplies is bounded too, and does not say where it ends. It has ended when
nothing more came for twice as long as its beginning took: then the rest is asked for. While values keep coming nothing is asked twice.
Rule 4. Who has nothing yet, and lacks more than one question brings, wants a snapshot first, and values only when nobody offered one: it is
there sooner, and those below the snapshot would come for nothing. While one comes no values are asked for.

Left out on purpose: supplying, also the offer of a snapshot by who does not keep a slot any more (applying.py), and fetching that snapshot
(server/seeking.py).
"""

from collections.abc import Sequence

from gaios.log.options import FAR, MS, Options

_SILENCE_LEAST_NS = MS
"""A shorter pause within an answer says nothing: whoever supplies has other things to do, too."""


class Catchup:
    """Which values are missing here, and whom to ask for them. Methods are given `chosen`: through which slot all is known here."""

    def __init__(self, options: Options, peers: Sequence[int]) -> None:
        self._options, self.peers = options, peers
        self.known = 0
        """The highest slot that a peer said to be chosen, as far as it could make that good."""
        self.claimed = 0
        """The highest slot that a peer said to be chosen, whether anybody could supply it or not."""
        self.forsaken = -1
        """Behind this slot was a value that every peer was asked for in vain; -1: none was."""
        self.retry_at = 0
        """When what was asked for is late."""
        self._told_by = 0
        """Who said that."""
        self._asked_from = 0
        self._asked_through = 0
        self._asked_ns = 0
        """The newest question: behind which slot, through which, and when."""
        self._reached = 0
        """Through which slot its answer had come when that was looked at last."""
        self._answer_ns = 0
        """How long the beginning of an answer takes, smoothed."""
        self._turn = 0
        """Which peer is asked next, once asking `_told_by` came to nothing."""
        self._vain = 0
        """Questions since anything came."""
        self._wants_base = True
        """Whether a snapshot was not asked for yet."""
        self.coming = 0
        """Behind which slot the snapshot is that the shell fetches; 0: none, or nobody sends it any more."""

    def heard(self, member: int, chosen: int) -> None:
        """A peer knows every slot through `chosen`."""
        if chosen >= self.known:
            self.known, self._told_by = chosen, member
            self.claimed = max(self.claimed, chosen)

    def lags(self, chosen: int) -> bool:
        """Whether a value is missing here."""
        return self.known > chosen

    def wants_base(self, now: int, chosen: int) -> bool:
        """Whether to ask for a snapshot now, once: values are asked for later, if none comes."""
        if chosen or not self._wants_base or self.known <= self._options.seek_slots:
            return False
        self._wants_base = False
        self.retry_at = now + self._options.retransmit_ms * MS
        return True

    def due_ns(self, chosen: int) -> int:
        """When to look again, if nothing comes before."""
        return self.retry_at if self.lags(chosen) and not self._waits(chosen) else FAR

    def _waits(self, chosen: int) -> bool:
        """Whether what is missing comes with a snapshot."""
        return chosen == 0 < self.coming

    def wanted(self, now: int, chosen: int) -> tuple[int, range]:
        """Whom to ask, and for which slots: an empty range when nothing is missing or all is under way."""
        if not self.lags(chosen) or self._waits(chosen):
            return 0, range(0)
        if not chosen and not self._asked_through and not self._wants_base and now < self.retry_at:
            return 0, range(0)
        if self._reached < chosen < self._asked_through:
            self._came(now, chosen)
        if chosen < self._asked_through and now < self.retry_at:
            return 0, range(0)
        if chosen > self._asked_from:
            self._vain = 0
        elif self._asked_through:
            self._vain += 1
        source = self._told_by
        if self._vain > 2 * len(self.peers):
            # Nobody has it: whoever claimed to know it does not. The truth will be heard again.
            self.known, self._vain, self.forsaken = chosen, 0, chosen
            return 0, range(0)
        if self._vain and self.peers:
            source = self.peers[self._turn % len(self.peers)]
            self._turn += 1
        self._asked_from = self._reached = chosen
        self._asked_ns = now
        self._asked_through = min(self.known, chosen + self._options.seek_slots)
        self.retry_at = now + self._options.retransmit_ms * MS
        return source, range(chosen + 1, self._asked_through + 1)

    def _came(self, now: int, chosen: int) -> None:
        """A part of the answer came. How long answers take is believed at once when it is more, and little by little when it is less."""
        if self._reached == self._asked_from:
            took = now - self._asked_ns
            self._answer_ns = max(took, (7 * self._answer_ns + took) // 8)
        self._reached = chosen
        self.retry_at = now + min(max(2 * self._answer_ns, _SILENCE_LEAST_NS), self._options.retransmit_ms * MS)
