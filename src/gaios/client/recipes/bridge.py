"""Twins without async of the recipes that take a function, or are read from any thread."""

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from gaios.api import Entry, Event
from gaios.client.arguments import Key, Value
from gaios.client.bridge import Held, Lock, Part, Twin
from gaios.client.recipes import cache, partitioner, singleton, watcher
from gaios.errors import LockLost

P = ParamSpec("P")
R = TypeVar("R")


class _EscapedError(Exception):
    """`sys.exit()` and the like in a thread: raised as it is, it would end the private loop and with it every twin of the process."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Singleton(Part):
    """A decorator, made by `Cell.singleton`: each call acquires the lock, and hands `held` to the function as its first argument."""

    def __call__(self, function: Callable[Concatenate[Held, P], R]) -> Callable[P, R]:
        """The function without its first argument. Nobody can cancel it: it asks `held.check()` before each step."""
        made: singleton.Singleton = self._inner

        @functools.wraps(function)
        def alone(*arguments: P.args, **named: P.kwargs) -> R:
            with Lock(self._twin, made.lock()) as held:
                return function(held, *arguments, **named)

        return alone


class PrefixCache(Part):
    """Made by `Cell.cached`; use it with `with`: when the body begins, it is filled. Reading asks nobody, and no other thread."""

    def __init__(self, twin: Twin, inner: cache.PrefixCache) -> None:
        super().__init__(twin, inner)
        self._cache = inner

    def __enter__(self) -> Self:
        """Fill it."""
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Let it go."""
        self.close()

    def open(self) -> None:
        """Fill it, and keep it up to date until `close`. Raises `TooMuchWork`: there is more than it may take."""
        self._run(self._cache.open())

    def close(self) -> None:
        """Keep it up to date no longer; what it has read can be read no more."""
        self._run(self._cache.aclose())

    @property
    def revision(self) -> int:
        """As of which it shows what it shows."""
        return self._cache.revision

    def get(self, key: Key) -> Entry | None:
        """A key's entry; None where there is none, or the key does not have the prefix."""
        return self._cache.get(key)

    def view(self) -> cache.View:
        """All of it, at one revision."""
        return self._cache.view()

    def __len__(self) -> int:
        """How many keys."""
        return len(self._cache)

    def __contains__(self, key: Key) -> bool:
        """Whether there is such a key."""
        return key in self._cache

    def __iter__(self) -> Iterator[Entry]:
        """Entries in the order of their keys, as of one revision."""
        return iter(self._cache)

    def until(self, revision: int, wait: float | None = None) -> int:
        """As the asyncio client's: wait until it shows what stood at `revision`. Raises `NotInTime`."""
        return self._run(self._cache.until(revision, wait))


class Watcher(Part):
    """Calls a function for each change until `close`, or until its client is closed; in a thread of its own."""

    def wait(self) -> None:
        """Wait for its end. Raises what ended it: the function's error, or the cell's."""
        ending: Coroutine[Any, Any, None] = self._inner.wait()
        try:
            self._run(ending)
        except _EscapedError as escaped:
            raise escaped.error from None

    def close(self) -> None:
        """End it. A call that is under way ends by itself."""
        ending: Coroutine[Any, Any, None] = self._inner.aclose()
        self._run(ending)


class OnChange(Part):
    """A decorator, made by `Cell.on_change`: what it makes of a function is a `Watcher`, which has begun."""

    def __call__(self, function: Callable[[Event], None]) -> Watcher:
        """Call it for every change from now on, in a thread of its own."""
        return Watcher(self._twin, self._run(_begin(self._inner, function)))


class Partition(Held):
    """A partition, held."""

    _inner: partitioner.Partition

    @property
    def number(self) -> int:
        """Which one, from 0 on."""
        return self._inner.number


class Partitioner(Part):
    """Made by `Cell.partitioner`."""

    _inner: partitioner.Partitioner

    def run(self, work: Callable[[Partition], None], *, value: Value = b"", member: str = "") -> None:
        """Be a member, and work on one's own partitions until this is interrupted: `work(held)` in a thread for each.

        When a partition is to be another's, `held.check()` raises and `held.lost` is set; it is given up when the work has ended, so that
        work which does not look keeps it. An error of the work ends it all, and comes out of this.
        """

        async def call(held: partitioner.Partition) -> None:
            await _in_thread(lambda lost: work(Partition(self._twin, held, lost)), held)

        try:
            self._run(self._inner.run(call, value=value, member=member))
        except _EscapedError as escaped:
            raise escaped.error from None


async def _in_thread(work: Callable[[threading.Event], None], held: partitioner.Partition) -> None:
    """Run it in a thread of its own; being cancelled, it says so there, and waits."""
    lost = threading.Event()
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        error: Exception | None = None
        try:
            work(lost)
        except Exception as caught:  # noqa: BLE001 (it is raised on the loop)
            error = caught
        except BaseException as caught:  # noqa: BLE001 (as above)
            error = _EscapedError(caught)
        loop.call_soon_threadsafe(end, error)

    def end(error: Exception | None) -> None:
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    # The thread holds what this task does: its calls fail after its lease.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name=f"gaios-partition-{held.number}", daemon=True).start()
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        held.hand_over()
        lost.set()
        while not ended.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([ended])
        if ended.exception() is not None and not isinstance(ended.exception(), LockLost):
            ended.result()
        raise


async def _begin(made: watcher.OnChange, function: Callable[[Event], None]) -> watcher.Watcher:
    thread = ThreadPoolExecutor(1, thread_name_prefix="gaios-watcher")
    loop = asyncio.get_running_loop()

    def tell(event: Event) -> None:
        try:
            function(event)
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001 (it is raised by `wait`)
            raise _EscapedError(error) from None

    async def call(event: Event) -> None:
        await loop.run_in_executor(thread, tell, event)

    return made(call)
