"""Programs: the processes of a simulated world, each with a machine's clock of its own.

Everything runs on one event loop. What belongs to which program is told by the context that asyncio carries along: whatever a
program's tasks schedule is its own, a client's timers and connections included.

Rule 1. While a program is paused nothing of it runs: what becomes due waits, and runs in that order when the pause is over. Its clock
goes on.
Rule 2. It never notices a pause otherwise: there is no code of it that could.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextvars import Context, ContextVar
from typing import Any, Final, Generic, TypeVar

from gaios.client.outside import OUTSIDE, Outside
from gaios.errors import InvariantViolated
from gaios.sim.client import FIRST_END
from gaios.sim.clock import Clock
from gaios.sim.world import World

DRIFT_BOUND_PPM: Final = 1_000
"""How much one machine's clock gains on another's, at most, unless a test says otherwise.  [SAFETY 10]"""
T = TypeVar("T")
PROGRAM: Final[ContextVar["Program[Any] | None"]] = ContextVar("PROGRAM", default=None)


class Call:
    """A callback of a program, which waits while that is paused. `handle` is what its scheduler got, who may cancel it."""

    __slots__ = ("_arguments", "_callback", "_program", "context", "handle")

    def __init__(self, program: "Program[Any]", context: Context, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._program, self.context, self._callback, self._arguments = program, context, callback, arguments
        self.handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        """Run it, now or when the pause is over."""
        if self.handle is not None and self.handle.cancelled():
            return
        if not self._program.holds(self):
            self._callback(*self._arguments)

    def __repr__(self) -> str:
        """As the callback's own: for asyncio's messages."""
        return f"<{self._program.name}: {self._callback!r}>"


class Program(Generic[T]):
    """One process. Await it for what it returns."""

    def __init__(self, world: World, number: int, name: str, again: Callable[[Call], None], context: Context) -> None:
        """`again` schedules a call that was held; `context` becomes its own."""
        self._world, self._again = world, again
        self.name = name
        self.end = FIRST_END + number
        """Its end of the network's links."""
        dice = world.dice.split(f"program {number}")
        self.clock = Clock(dice.split("clock"), DRIFT_BOUND_PPM)
        self.context = context
        self.context.run(PROGRAM.set, self)
        self.context.run(OUTSIDE.set, Outside(self.now_ns, dice.split("outside").bytes, lambda: name))
        self.task: asyncio.Task[T] | None = None
        self.is_awaited = False
        """Somebody is told how it ends."""
        self._held: deque[Call] | None = None
        self._until_ns = 0

    def __await__(self) -> Generator[Any, None, T]:
        """What it returns, or raises."""
        if self.task is None:
            raise InvariantViolated(invariant="only a program that was started is waited for", detail=self.name)
        self.is_awaited = True
        return self.task.__await__()

    def error(self) -> BaseException | None:
        """What it failed with, if it did."""
        if self.task is None or not self.task.done() or self.task.cancelled():
            return None
        return self.task.exception()

    def now_ns(self) -> int:
        """What its machine's clock shows."""
        return self.clock.read(self._world.now_ns)

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self._held is not None

    def pause(self, duration_ns: int) -> None:
        """Stand still for so long; two pauses at once are over when the longer one is."""
        self._world.note(f"pause {self.name} {duration_ns}")
        if self._held is None:
            self._held = deque()
        self._until_ns = max(self._until_ns, self._world.now_ns + duration_ns)
        self._world.at(self._until_ns, self._wake)

    def resume(self) -> None:
        """Go on, whatever was said before."""
        held, self._held, self._until_ns = self._held, None, 0
        if held is not None:
            self._world.note(f"resume {self.name}")
            for call in held:
                self._again(call)

    def holds(self, call: Call) -> bool:
        """Whether it stands still; then it runs the call later."""
        if self._held is None:
            return False
        self._held.append(call)
        return True

    def _wake(self) -> None:
        if self._world.now_ns >= self._until_ns:
            self.resume()
