"""A cell in memory and two clients of it, on a test's clock; and one for callers that block."""

from collections.abc import AsyncIterator, Iterator

import pytest

import gaios
from gaios.client import Cell, sync
from tests.client.cellar import Cellar
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakeCell]:
    async with FakeCell(3) as fake:
        yield fake


@pytest.fixture
async def cell(fake: FakeCell) -> AsyncIterator[Cell]:
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        yield cell


@pytest.fixture
async def other(fake: FakeCell) -> AsyncIterator[Cell]:
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        yield cell


@pytest.fixture
def cellar(clock: Clock) -> Iterator[Cellar]:
    made = Cellar()
    yield made
    made.close()


@pytest.fixture
def twin(cellar: Cellar) -> Iterator[sync.Cell]:
    with gaios.sync.connect(cellar.fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected
