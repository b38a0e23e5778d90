"""Waiting for something to happen at a cell that may be away meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gaios import lock_api
from gaios.client.handle import AGAIN_S, Handle
from gaios.client.keys import Keys
from gaios.client.lock_session import LockSession
from gaios.client.locking import Locking
from gaios.client.naming import LOCAL
from gaios.client.node_events import KEPT_MAX
from gaios.client.nodes import Node
from gaios.client.opening import Opening
from gaios.errors import Compacted, NotAcquired, Overloaded, Unavailable
from gaios.lock_api import Sequencer

T = TypeVar("T")


async def patiently(keys: Keys, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Ask until the cell answers."""
    while True:
        try:
            return await ask()
        except (Unavailable, Overloaded):
            if keys.is_closed:
                raise
            await asyncio.sleep(AGAIN_S)


async def either(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of these has come to its end; the others are given up. Raises what it raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


async def change(keys: Keys, start: bytes, end: bytes | None, revision: int) -> None:
    """Until the key, or one of `[start, end)`, was changed after that revision; perhaps sooner, if the cell does not say."""
    try:
        async with keys.watch(start, end, from_revision=revision + 1) as watch:
            await watch.take(1)
    except (Compacted, Overloaded):
        return
    except Unavailable:
        if keys.is_closed:
            raise


async def news(node: Node) -> None:
    """Until something happens to a node, or to its session.

    Raises:
        SessionExpired: that is over.
    """
    if not await node.events().take(KEPT_MAX):
        await node.stat()  # which says why there are no more


def directory(locking: Locking, path: str) -> Opening:
    """A directory, made where it is not there, whose events tell that a child is gone."""
    wanted = lock_api.Open(0, b"", path, lock_api.MAY_CREATE, directory=True, write=False, events=lock_api.CHILD_REMOVED)
    return Opening(locking.session, locking.naming, wanted, f"/ls/{LOCAL}{path}", None)


async def take(session: LockSession, path: str, wait: float | None) -> tuple[Handle, Sequencer]:
    """The lock of a file that goes with its last handle; `wait` as with any lock. The handle is the caller's to close.

    Raises:
        NotAcquired: it was not free in time.
    """
    handle = sequencer = None
    try:
        async with asyncio.timeout(wait or None):
            handle = await session.open(lock_api.Open(0, b"", path, lock_api.MAY_CREATE, ephemeral=True))
            sequencer = await handle.granted(shared=False, wait=wait != 0)
    except TimeoutError:
        raise NotAcquired(path=path, waited_ms=int((wait or 0.0) * 1_000)) from None
    finally:
        if handle is not None and sequencer is None:
            session.put_away(handle)
    if sequencer is None:
        raise NotAcquired(path=path, waited_ms=0)
    return handle, sequencer
