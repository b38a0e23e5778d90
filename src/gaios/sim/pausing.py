"""A simulated process that stands still for a while, at any point of a turn, and its whole machine.  [SAFETY 12]

Rule 1. What it was about to do it does when it goes on, in the same life; a life that ended meanwhile goes on with nothing.
"""

from typing import Any

from gaios.server.node import Node
from gaios.sim.clock import Clock
from gaios.sim.world import World


class Pausing:
    """The part of a `Seat` that stops, and goes on."""

    world: World
    clock: Clock
    replica: int
    node: Node | None
    life: int
    _turn_at: int
    _pause: tuple[str, int] | None
    _asleep: Any
    _suspended: bool

    def pause(self, duration_ns: int, point: str) -> None:
        """Stop the process for a while, at a point of its next turn: "poll", "take" or "carry out"; or at "suspend" the whole machine."""
        if self.node is not None:
            self.world.note(f"pause {self.replica} {point} {duration_ns}")
            self._pause = (point, duration_ns)

    def _resume_at(self, action: Any) -> None:  # noqa: ANN401 (a bound method)
        """The process stands still; it goes on with this action."""
        assert self._pause is not None
        self._turn_at = self.world.now_ns + self._pause[1]
        self._pause = None
        self._asleep = action
        self.world.at(self._turn_at, self._wake, self.life, action)

    def _wake(self, life: int, action: Any) -> None:  # noqa: ANN401 (as above)
        if life == self.life and self._asleep is not None:
            self._asleep, self._suspended = None, False
            action(life)

    def resume(self) -> None:
        """End a pause early."""
        self._pause = None
        if self._asleep is not None:
            self._wake(self.life, self._asleep)

    def now(self) -> int:
        """The clock, read after an event was taken.  [SAFETY 12]"""
        return self.clock.read(self.world.now_ns)
