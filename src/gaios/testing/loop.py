"""An asyncio event loop in simulated time.

Where a real loop waits for its sockets, this one lets the world go on: until the next timer is due, or something happens that concerns
a program. So waiting takes no time, and the same seed gives the same run.

Rule 1. Each turn takes `TURN_NS` of the world's time: a program that polls does not hold it up.
Rule 2. Nothing comes from outside. Real sockets, pipes and processes are refused; what goes to an executor is run at once, on this thread.
Rule 3. Tasks and futures are hashed by number, so that sets of them, asyncio's own included, have the same order in every run.
"""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from math import ceil
from typing import Any, Final, TypeVar, TypeVarTuple

from gaios.errors import ConfigurationError
from gaios.sim.network import Network
from gaios.sim.seat import Seat
from gaios.sim.world import World
from gaios.testing.programs import PROGRAM, Call
from gaios.testing.transport import dial

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
TURN_NS: Final = 20_000
_WHERE: Final = "a program in a simulated world reaches its cell alone, by the client that `cell.connect()` gives"


class SimulatedTask(asyncio.Task[Any]):
    """Rule 3."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class SimulatedFuture(asyncio.Future[Any]):
    """Rule 3."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class _Selector(selectors.BaseSelector):
    """Lets the world go on. It takes one registration: the loop's own pipe, by which threads would wake it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self.has_news = False
        """Something was scheduled."""
        self.limit_ns = 0
        """The world ends here."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 (as its base's)
        if self._keys:
            raise ConfigurationError(reason="this needs a real socket, pipe or process", hint=_WHERE)
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, -1, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 (as above)
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        world = self._world
        soonest = world.now_ns + TURN_NS
        if timeout is not None and timeout <= 0:
            world.run(soonest)
        else:
            until = self.limit_ns if timeout is None else min(self.limit_ns, world.now_ns + ceil(timeout * 1e9))
            self.has_news = False
            world.run(max(until, soonest), stop=lambda: self.has_news)
        if world.now_ns >= self.limit_ns:
            raise TimeoutError(f"it is not over after {self.limit_ns / 1e9:g} simulated seconds")
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self, world: World, network: Network, seats: Mapping[tuple[str, int], Seat]) -> None:
        """`seats` are by the host and port of their client addresses."""
        self._world, self._network, self._seats = world, network, seats
        self._outside = _Selector(world)
        self._numbers = 0
        super().__init__(self._outside)
        self.set_task_factory(_task)

    def limit(self, limit_ns: int) -> None:
        """The world ends at this time: what still waits then fails."""
        self._outside.limit_ns = limit_ns

    def time(self) -> float:
        """Seconds since the world began."""
        return self._world.now_ns / 1e9

    def number(self) -> int:
        """A number that was not given before."""
        self._numbers += 1
        return self._numbers

    def create_future(self) -> asyncio.Future[Any]:
        """Rule 3."""
        future = SimulatedFuture(loop=self)
        future.number = self.number()
        return future

    # -- callbacks belong to programs ------------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        """As any loop's; a paused program's waits."""
        self._outside.has_news = True
        context = copy_context() if context is None else context
        program = context.get(PROGRAM)
        if program is None:
            return super().call_soon(callback, *args, context=context)
        call = Call(program, context, callback, args)
        call.handle = super().call_soon(call, context=context)
        return call.handle

    def call_at(self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.TimerHandle:
        """As any loop's; a paused program's waits."""
        context = copy_context() if context is None else context
        program = context.get(PROGRAM)
        if program is None:
            return super().call_at(when, callback, *args, context=context)
        call = Call(program, context, callback, args)
        handle = call.handle = super().call_at(when, call, context=context)
        return handle

    def call_soon_threadsafe(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        """As any loop's: an interrupt comes this way."""
        self._outside.has_news = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def again(self, call: Call) -> None:
        """Run what was held."""
        self._outside.has_news = True
        super().call_soon(call, context=call.context)

    # -- the world instead of the machine --------------------------------------------------------------------------------

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:  # noqa: ANN401 (as its base's)
        """Dial a replica.

        Raises:
            ConnectionRefusedError: nobody listens there.
            ConfigurationError: that is no replica of this world.
        """
        seat, program = self._seats.get((host, port)), PROGRAM.get()
        if seat is None or program is None:
            raise ConfigurationError(reason=f"{host}:{port} is no replica of this world", hint=_WHERE)
        return await dial(self, self._world, self._network, program, seat, protocol_factory)

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:  # noqa: ANN401 (nothing is made of it)
        """Rule 2."""
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (it is the caller's)
            future.set_exception(error)
        return future


def _task(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> SimulatedTask:  # noqa: ANN401 (a coroutine)
    assert isinstance(loop, SimulatedLoop)
    task = SimulatedTask(coro, loop=loop, **more)
    task.number = loop.number()
    return task
