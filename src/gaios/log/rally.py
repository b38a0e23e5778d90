"""When is a batch large enough to go?  [PML §4.2]

Every slot costs a sync and two rounds of messages at each replica, so few large batches are worth much more than many small ones. Clients
that wait for their answers come back as a crowd, but not all in the same instant.

Rule 1. Half of the crowd goes without waiting. A lone client is its own crowd: it never waits.
Rule 2. Less waits while a slot is in flight; with none in flight it waits as long as each look finds more, and no longer than `linger_us`.
Rule 3. The crowd is what went lately: it grows at once and shrinks by an eighth of the difference.
"""

from gaios.log.options import Options

_US = 1_000


class Rally:
    """How many came together lately, and who has come so far."""

    def __init__(self, options: Options) -> None:
        self._linger_ns = options.linger_us * _US
        self._crowd_max = options.batch_entries
        self._crowd = 1
        self._seen = 0
        self._looked_ns = self._since_ns = 0

    def is_time(self, now: int, waiting: int, in_flight: int) -> bool:
        """Whether those who wait should go. Several looks at one `now` are one look."""
        if 2 * waiting >= self._crowd:
            return True
        if in_flight or now == self._looked_ns:
            return False
        if self._seen == 0:
            self._since_ns = now
        more = waiting > self._seen
        self._seen, self._looked_ns = waiting, now
        return not more or now - self._since_ns >= self._linger_ns

    def went(self, count: int) -> None:
        """So many went."""
        self._seen = 0
        self._crowd = min(max(count, (7 * self._crowd + count) // 8), self._crowd_max)
