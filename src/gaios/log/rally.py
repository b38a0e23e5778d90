"""When is a batch large enough to go?  [PML §4.2]

Every slot costs a sync and two rounds of messages at each replica, so few large batches are worth much more than many small ones. Clients
that were answered together come back as a crowd, but not all in the same instant.

Rule 1. When nearly all of the crowd are there they go. A lone client is its own crowd: it never waits.
Rule 2. Less waits for the slot in flight, whose clients are the rest of the crowd, and then as long as more keep coming: until for
`linger_us` nobody came, and no longer than four times that.
Rule 3. The crowd is what was under way together lately: it grows at once and shrinks by an eighth of the difference.
"""

from gaios.log.options import Options

_US = 1_000
"""Nanoseconds in a microsecond."""
_LINGERS = 4
"""How many times `linger_us` those who came first wait at the most, though more keep coming."""


class Rally:
    """How many were under way together lately, and how long the first of the next wait for the others."""

    def __init__(self, options: Options) -> None:
        self._linger_ns = options.linger_us * _US
        self._crowd_max = options.batch_entries
        self._crowd = 1
        self._seen = 0
        self._latest_ns = 0
        self.until_ns = 0
        """When those who wait go, however few they are, unless more come; 0 while nobody was made to wait, or a slot is in flight."""

    def is_time(self, now: int, waiting: int, in_flight: int) -> bool:
        """Whether those who wait should go; `waiting` and `in_flight` count entries."""
        if 8 * waiting >= 7 * self._crowd:
            return True
        if in_flight:
            return False
        if not self.until_ns:
            self._latest_ns = now + _LINGERS * self._linger_ns
        if waiting != self._seen:
            self._seen = waiting
            self.until_ns = min(now + self._linger_ns, self._latest_ns)
        return now >= self.until_ns

    def went(self, count: int, in_flight: int) -> None:
        """So many went, beside those in flight."""
        self.disperse()
        together = count + in_flight
        self._crowd = min(max(together, (7 * self._crowd + together) // 8), self._crowd_max)

    def disperse(self) -> None:
        """Nobody waits any more."""
        self._seen = self.until_ns = 0
