"""Taking one of several things, in order of arrival.

Rule 1. Who is next holds a lock, whose queue is fair. That decides about the turn and nothing else, so that jeopardy does no harm to it:
each thing is a lock of its own.
Rule 2. Whatever ends the taking, the caller then has one thing, or none.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from gaios.client.handle import Handle
from gaios.client.held import Held
from gaios.client.keys import Keys
from gaios.client.locking import Locking
from gaios.client.locks import Lock
from gaios.client.nodes import Node
from gaios.client.recipes.waiting import directory, patiently
from gaios.errors import NotAcquired

H = TypeVar("H", bound=Held)


async def in_turn(
    keys: Keys,
    locking: Locking,
    turn: str,
    things: str,
    wait: float | None,
    take: Callable[[Node], Coroutine[Any, Any, tuple[H, Handle] | None]],
    news: Callable[[Node], Awaitable[None]],
) -> tuple[H, Handle]:
    """Take a thing, within `wait` seconds (0: now or not, and past those who wait; None: as long as it takes).

    Args:
        keys: of the client.
        locking: of the session in which it is held.
        turn: the path of the lock that says who is next.
        things: the directory of what can be taken.
        wait: see above.
        take: takes one; None: there is none.
        news: waits until there may be one.

    Raises:
        NotAcquired: there was none in time.
    """
    taken: tuple[H, Handle] | None = None
    try:
        async with asyncio.timeout(wait or None), contextlib.AsyncExitStack() as stack:
            if wait != 0:
                await stack.enter_async_context(Lock(locking, turn, on_jeopardy="wait"))
            node = await stack.enter_async_context(directory(locking, things))
            while taken is None:
                taken = await patiently(keys, lambda: take(node))
                if taken is None:
                    if wait == 0:
                        break
                    await news(node)
    except TimeoutError:
        if taken is None:
            raise NotAcquired(path=turn, waited_ms=int((wait or 0.0) * 1_000)) from None
    except BaseException:
        if taken is not None:
            locking.session.put_away(taken[1])
        raise
    if taken is None:
        raise NotAcquired(path=turn, waited_ms=0)
    return taken
