"""When to try to become master.  [PML §5.2; SAFETY 9]

    FOLLOWING ── own grant lapsed ──► POLLING ── a majority said yes ──► campaign (the core prepares, then recovers, then leads)
        ▲                                │ none in time                       │ neither leads nor learns in time
        └────────────────────────────────┴────────────── wait, longer each time ◄┘

Rule 1. A poll is a two-way round trip with a majority, and changes nothing anywhere: whoever cannot be answered cannot disturb.
Rule 2. Yes is said only by a replica whose own lease grant has lapsed, so a healthy master is never deposed.
Rule 3. Lots are drawn from the boot's nonce: two replicas rarely poll at once, and a run can be replayed.

Safety does not rest on this file: a candidate that comes at a bad time is refused by the core.
"""

from gaios.log.options import MS, Options
from gaios.paxos import core

_MASK = (1 << 64) - 1


def _mix(word: int) -> int:
    """SplitMix64's finaliser: a well-spread 64-bit number for each input."""
    word = (word + 0x9E3779B97F4A7C15) & _MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
    return word ^ (word >> 31)


class Election:
    """One replica's timers and count of yeses; the owner asks `due`, sends, and reports what came back."""

    def __init__(self, options: Options, nonce: int, now: int) -> None:
        self._options, self._nonce = options, nonce
        self._draws = 0
        self._failures = 0
        self.number = 0
        """The poll that is under way, or was last."""
        self.yes = 0
        """Who said yes to it, as a bitmask; 0 when none is under way."""
        self.seen = 0
        """The highest ballot that anybody told."""
        self.hold_until = now
        """No poll before."""
        self.give_up_at = 0
        """When the candidate that this replica is has taken too long; 0 when it is none."""
        self._gave_way_until = now
        self._lot = self._draw(options.spread_ms)

    def _draw(self, spread_ms: int) -> int:
        self._draws += 1
        return _mix(self._nonce ^ (self._draws << 32)) % (spread_ms * MS)

    def due_ns(self, granted_until: int) -> int:
        """When to poll, if nothing happens before."""
        due = granted_until + self._lot
        return due if due > self.hold_until else self.hold_until

    def poll(self, now: int, me: int) -> int:
        """Begin a poll; its number."""
        self.number += 1
        self.yes = 1 << me
        self._lot = self._draw(self._options.spread_ms)
        self.hold_until = now + self._options.poll_ms * MS + self._lot
        return self.number

    def polled(self, member: int, number: int, *, yes: bool, promised: int) -> None:
        """An answer came."""
        self.seen = max(self.seen, promised)
        if yes and number == self.number and self.yes:
            self.yes |= 1 << member

    def give_way(self, now: int, member: int, me: int) -> None:
        """This replica said yes to another's poll: let it try, but not for ever if it polls in vain.

        Of two that poll at once, the one with the lower number gives way.
        """
        if now < self._gave_way_until or (self.yes and member < me):
            return
        wait = self._options.yield_ms * MS + self._draw(self._options.spread_ms)
        self.yes = 0
        self.hold_until = max(self.hold_until, now + wait)
        self._gave_way_until = now + 4 * wait

    def campaign(self, now: int, me: int, promised: int) -> int:
        """A majority is willing: the ballot to claim, above all that were seen.  [SAFETY 1]"""
        self.yes = 0
        self.seen = (max(self.seen, promised) // core.ROUND + 1) * core.ROUND + me
        self.extend(now)
        return self.seen

    def extend(self, now: int) -> None:
        """The candidate got further: give it time again."""
        self.give_up_at = now + self._options.campaign_ms * (1 + self._failures) * MS

    def failed(self, now: int) -> None:
        """The candidate gave up, or a master had to: stand back, longer each time."""
        self._failures = min(self._failures + 1, self._options.backoff_max)
        self.give_up_at = 0
        self.hold_until = now + self._draw(self._options.spread_ms * (1 + self._failures))

    def stand_back(self, now: int, wait_ms: int) -> None:
        """A master that could not work lets the others go first."""
        self.give_up_at = 0
        self.hold_until = now + wait_ms * MS

    def ended(self) -> None:
        """The candidate became master, or another did."""
        self._failures = 0
        self.give_up_at = 0
        self.yes = 0
