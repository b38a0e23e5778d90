"""What the recipes' tests share."""

import asyncio
from collections.abc import Callable
from typing import Any

from gaios.client import Cell
from tests.client.clocks import Clock, ring
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S

TURNS = [*range(12), 15, 20, 30, 50, 80]
"""Of the loop, after which something is cancelled."""


async def until(true: Callable[[], object]) -> None:
    """Wait for something that comes soon."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.001)


def handles(fake: FakeCell) -> int:
    """How many are open, but for those of a lock that neither hold it nor wait: they are kept for its next time."""
    index = fake.machine._index
    found = [handle for session in index.sessions.values() for handle in session.handles.values()]
    return sum(not _is_kept(fake, handle.path, handle.number, handle.ticket) for handle in found)


def _is_kept(fake: FakeCell, path: str, number: int, ticket: int) -> bool:
    node = fake.machine._index.nodes[path]
    return (path.startswith("/locks/") or path.endswith(("~turn", "~lock"))) and number not in node.holders and not ticket


def holders(fake: FakeCell, path: str) -> int:
    """How many hold a lock."""
    node = fake.machine._index.nodes.get(path)
    return len(node.holders) if node is not None else 0


def waiters(fake: FakeCell, path: str) -> int:
    """How many wait for a lock."""
    node = fake.machine._index.nodes.get(path)
    return len(node.queue) if node is not None else 0


async def lose(cell: Cell, clock: Clock) -> None:
    """Its session is in jeopardy, by its own clock."""
    clock.sleep(13)
    ring(cell)


async def die(fake: FakeCell, *dead: Cell) -> None:
    """These clients fall silent: their sessions end, those of others do not."""
    silent = [session.lease.session for cell in dead for session in cell._sessions if session.lease is not None]
    keepalive = fake.steward.keepalive

    def heard(to: Any, asked: Any, **named: Any) -> None:
        if asked.session not in silent:
            keepalive(to, asked, **named)

    fake.steward.keepalive = heard  # type: ignore[method-assign, assignment]
    async with asyncio.timeout(PATIENCE_S):
        while any(session in fake.machine._index.sessions for session in silent):
            await fake.pass_ms(1_000)
            await asyncio.sleep(0.005)


async def be_kept(fake: FakeCell, cell: Cell) -> None:
    """The cell's time goes on by a quarter of the lease, and the client has heard of it."""
    lease = cell._own_locking().session.lease
    assert lease is not None
    number = lease.number
    await fake.pass_ms(3_000)
    await until(lambda: lease.number > number)
