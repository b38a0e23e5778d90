"""When is a batch large enough to go?  [PML §4.2]

Every slot costs a sync and two rounds of messages at each replica, so few large batches are worth much more than many small ones. Clients
that were answered together come back as a crowd, but not all in the same instant.

Rule 1. When nearly all of the crowd are there they go. A lone client is its own crowd: it never waits.
Rule 2. Less waits for the slot in flight, or, with none in flight, no longer than `linger_us`.
Rule 3. The crowd is what went lately: it grows at once and shrinks by an eighth of the difference.
"""

from gaios.log.options import Options

_US = 1_000


class Rally:
    """How many went together lately, and since when the first of the next is waiting."""

    def __init__(self, options: Options) -> None:
        self._linger_ns = options.linger_us * _US
        self._crowd_max = options.batch_entries
        self._crowd = 1
        self.until_ns = 0
        """When those who wait go, however few they are; 0 while nobody was made to wait."""

    def is_time(self, now: int, waiting: int, in_flight: int) -> bool:
        """Whether those who wait should go."""
        if 8 * waiting >= 7 * self._crowd:
            return True
        if not self.until_ns:
            self.until_ns = now + self._linger_ns
        return not in_flight and now >= self.until_ns

    def went(self, count: int) -> None:
        """So many went."""
        self.until_ns = 0
        self._crowd = min(max(count, (7 * self._crowd + count) // 8), self._crowd_max)
