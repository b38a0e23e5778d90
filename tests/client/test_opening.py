"""Claims about opening nodes."""

import asyncio
from typing import Any

import pytest

from gaios import errors
from gaios.client import Cell
from gaios.client.nodes import Node
from gaios.errors import ConfigurationError, Unavailable
from gaios.lock_api import CONTENTS_BYTES_MAX
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S, until

PATH = "/ls/local/svc/primary"

pytestmark = pytest.mark.usefixtures("clock")


def waiters(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/svc/primary")
    return len(node.queue) if node is not None else 0


def holders(fake: FakeCell) -> int:
    node = fake.machine._index.nodes.get("/svc/primary")
    return len(node.holders) if node is not None else 0


async def types(node: Node, count: int) -> list[str]:
    """Of the next events."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            found += [event.type for event in await node.events().take(count - len(found))]
    return found


async def test_opening_says_what_has_to_be(cell: Cell) -> None:
    """[CHUBBY §2.6] Whether it may, must or need not be created, and as what."""
    with pytest.raises(errors.NoSuchNode):
        await cell.open(PATH)
    async with cell.open(PATH, create="must") as node:
        with pytest.raises(errors.NodeExists):
            await cell.open(PATH, create="must")
        with pytest.raises(errors.WrongKindOfNode):
            await cell.open(PATH, create=True, directory=True)
        async with cell.open(PATH, write=False) as again:
            assert not again.created
            with pytest.raises(errors.ReadOnlyHandle):
                await again.write("x")
            with pytest.raises(errors.ReadOnlyHandle):
                await again.acquire()
        with pytest.raises(errors.InvalidCommand):
            await node.write(b"x" * (CONTENTS_BYTES_MAX + 1))


@pytest.mark.parametrize("wrong", [{"create": "maybe"}, {"events": ["birthday"]}, {"lock_delay": 61}, {"timeout": -1}], ids=str)
async def test_what_makes_no_sense_is_refused(cell: Cell, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        cell.open(PATH, **wrong)


async def test_whoever_gives_up_opening_leaves_no_handle(cell: Cell, fake: FakeCell) -> None:
    """Whether the cell carries it out later or not."""
    async with cell.open("/ls/local/warm", create=True):
        pass
    for replica in fake.replicas:
        replica.is_frozen = True
    with pytest.raises(errors.Unknown, match="will be closed"):
        await cell.open(PATH, create=True, ephemeral=True, timeout=0.05)
    with pytest.raises(Unavailable):
        await cell.open(PATH, timeout=0.05)
    opening = asyncio.ensure_future(cell.open(PATH, create=True, ephemeral=True).open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for replica in fake.replicas:
        replica.thaw()
    await until(lambda: "/svc" in fake.machine._index.nodes)
    await until(lambda: "/svc/primary" not in fake.machine._index.nodes)
    await until(lambda: not any(session.handles for session in fake.machine._index.sessions.values()))
