"""The same cells, on a test's clock; and a client of one for callers that block."""

from collections.abc import Iterator

import pytest

import gaios
from gaios.client import sync
from tests.client.cellar import Cellar
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S


@pytest.fixture
async def fake(clock: Clock, fake: FakeCell) -> FakeCell:
    return fake


@pytest.fixture
def cellar(clock: Clock, cellar: Cellar) -> Cellar:
    return cellar


@pytest.fixture
def twin(cellar: Cellar) -> Iterator[sync.Cell]:
    with gaios.sync.connect(cellar.fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected
