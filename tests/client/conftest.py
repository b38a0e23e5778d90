"""A cell of three replicas on real sockets, and a client of it."""

from collections.abc import AsyncIterator

import pytest

import gaios
from gaios.client import Cell
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S


@pytest.fixture
async def fake() -> AsyncIterator[FakeCell]:
    async with FakeCell(3) as running:
        yield running


@pytest.fixture
async def cell(fake: FakeCell) -> AsyncIterator[Cell]:
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected
