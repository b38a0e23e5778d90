"""Programs that wait: a generator yields a `Wait`, and goes on with what that is set to.

Rule 1. A program runs within events of the world, one at a time, and never while its process stands still.
Rule 2. A process that is killed ends all its programs at once: none of them gets to say anything more, not even in a `finally`.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from gaios.sim.world import World

Program = Generator["Wait", Any, Any]


class Wait:
    """Something that will be known."""

    __slots__ = ("_resume", "is_set", "value")

    def __init__(self) -> None:
        self.is_set = False
        self.value: Any = None
        self._resume: Callable[[], None] | None = None

    def set(self, value: Any = None) -> None:  # noqa: ANN401 (whatever is waited for)
        """It is known now. Only the first time counts."""
        if self.is_set:
            return
        self.is_set, self.value = True, value
        resume, self._resume = self._resume, None
        if resume is not None:
            resume()

    def then(self, resume: Callable[[], None]) -> None:
        """What goes on when it is known."""
        self._resume = resume


class Tasks:
    """One process's programs."""

    def __init__(self, world: World, awake: Callable[[Callable[[], None]], None]) -> None:
        """`awake` does something now, or when the process no longer stands still."""
        self._world, self._awake = world, awake
        self._running: dict[int, Program] = {}
        self._numbers = 0

    def __len__(self) -> int:
        """How many have not ended."""
        return len(self._running)

    def begin(self, program: Program) -> None:
        """Run it up to its first wait, in an event of its own."""
        self._numbers += 1
        self._running[self._numbers] = program
        self._world.after(0, self._wake, self._numbers, None)

    def kill(self) -> None:
        """All end where they are."""
        self._running.clear()

    def sleep(self, duration_ns: int) -> Wait:
        """Nothing, for a while."""
        wait = Wait()
        self._world.after(duration_ns, wait.set)
        return wait

    def within(self, wait: Wait, duration_ns: int) -> Wait:
        """The same wait, which ends with None after a while."""
        self._world.after(duration_ns, wait.set)
        return wait

    def _wake(self, number: int, wait: Wait | None) -> None:
        self._awake(partial(self._step, number, wait))

    def _step(self, number: int, wait: Wait | None) -> None:
        program = self._running.get(number)
        if program is None:
            return
        value = wait.value if wait is not None else None
        while True:
            try:
                awaited = program.send(value)
            except StopIteration:
                self._running.pop(number, None)
                return
            if not awaited.is_set:
                awaited.then(partial(self._wake, number, awaited))
                return
            value = awaited.value
