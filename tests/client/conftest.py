"""A cell of three replicas on real sockets, and clients of it; all on a test's clock where a file or a test asks for `clock` first."""

from collections.abc import AsyncIterator, Iterator

import pytest

import gaios
from gaios.client import Cell
from tests.client.cellar import Cellar
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """To be had before any client is made: `pytestmark = pytest.mark.usefixtures("clock")`."""
    return Clock(monkeypatch)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCell]:
    async with FakeCell(3) as running:
        yield running


@pytest.fixture
async def cell(fake: FakeCell) -> AsyncIterator[Cell]:
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected


@pytest.fixture
async def other(fake: FakeCell) -> AsyncIterator[Cell]:
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected


@pytest.fixture
def cellar() -> Iterator[Cellar]:
    """For callers that block."""
    made = Cellar()
    yield made
    made.close()
