"""The world: one queue of events in simulated time, and a running hash of all that happened.  [STYLE 2]

Rule 1. Nothing happens outside an event; events run in order of (time, when they were put in).
Rule 2. Everything that a run can observe is told to `note`, so that two runs with one hash are the same run.
Rule 3. Time is true time in nanoseconds from 0. What a replica believes about it is clock.py's.
"""

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any

from gaios.sim.dice import Dice

Action = Callable[..., None]
NOTED_MAX = 512
"""Pieces that wait for the hash; some 100 KB."""


class World:
    """Time, the queue, the hash, and the dice from which all others are split."""

    __slots__ = ("_hash", "_noted", "_number", "_queue", "dice", "events", "lines", "now_ns", "order", "sometimes")

    def __init__(self, seed: int) -> None:
        self.now_ns = 0
        self.dice = Dice(seed)
        self.events = 0
        """How many events ran."""
        self.order = 0
        """Counts observations, so that two at one instant still have an order."""
        self.lines: list[str] | None = None
        """What `note` was told, when somebody wants to read it."""
        self.sometimes: dict[str, int] = {}
        """How often each thing happened that a good set of seeds must make happen.  [SAFETY 30]"""
        self._queue: list[tuple[int, int, Action, tuple[Any, ...]]] = []
        self._number = 0
        self._hash = blake2b(digest_size=16)
        self._noted: list[bytes] = []
        """What the hash has yet to take in: many small pieces at once cost it less."""

    def at(self, time_ns: int, action: Action, *arguments: Any) -> None:  # noqa: ANN401 (handed through to the action)
        """Run an action at a time; a time that is past means now, after all that is already due."""
        self._number += 1
        heappush(self._queue, (time_ns if time_ns > self.now_ns else self.now_ns, self._number, action, arguments))

    def after(self, delay_ns: int, action: Action, *arguments: Any) -> None:  # noqa: ANN401 (as above)
        """Run an action after a delay."""
        self._number += 1
        heappush(self._queue, (self.now_ns + delay_ns, self._number, action, arguments))

    def run(self, until_ns: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run events up to and including this time; False when `stop` ended it early (asked after every event)."""
        queue = self._queue
        while queue and queue[0][0] <= until_ns:
            self.now_ns, _, action, arguments = heappop(queue)
            self.events += 1
            action(*arguments)
            if stop is not None and stop():
                return False
        self.now_ns = max(self.now_ns, until_ns)
        return True

    def note(self, text: str, data: bytes = b"") -> None:
        """Something observable happened: it goes into the hash."""
        line = f"{self.now_ns} {text}"
        noted = self._noted
        noted += (line.encode(), data)
        if len(noted) > NOTED_MAX:
            self._take_in()
        if self.lines is not None:
            self.lines.append(line if not data else f"{line} [{len(data)}]")

    def count(self, what: str) -> None:
        """A thing happened that should happen sometimes."""
        self.sometimes[what] = self.sometimes.get(what, 0) + 1

    def next_order(self) -> int:
        """A number that grows with every observation."""
        self.order += 1
        return self.order

    def trace_hash(self) -> str:
        """The hash of everything noted so far, as hexadecimal text."""
        self._take_in()
        return self._hash.hexdigest()

    def _take_in(self) -> None:
        self._hash.update(b"".join(self._noted))
        self._noted.clear()
