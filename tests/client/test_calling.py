"""How a call ends when the cell is in trouble: done, certainly not done, or unknown.  [SAFETY 20]"""

import asyncio

import pytest

from gaios.client.aio import Cell
from gaios.errors import (
    Overloaded,
    Unavailable,
    Unknown,
    UnknownSession,
)
from gaios.transport import Status
from tests.client.fake import FakeCell, told


async def test_a_lost_answer_is_unknown_after_the_deadline(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    fake.lose_answers = 1_000
    with pytest.raises(Unknown) as caught:
        await cell.put("k", "w", timeout=0.2)
    assert not caught.value.definite
    fake.lose_answers = 0
    entry = await cell.get("k")
    assert entry is not None
    assert entry.value == b"w"


async def test_a_forgotten_session_is_renewed_without_the_callers_help(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    fake.forget_sessions()
    results = await asyncio.gather(*(cell.increment("n") for _ in range(50)))
    assert sorted(result.value for result in results) == list(range(1, 51))


async def test_overload_is_waited_out_and_then_told(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    full = Overloaded(what="the queue", limit=1, unit="entries")
    fake.refusals = [(Status.OVERLOADED, full)] * 3
    await cell.put("k", "w")
    fake.refusals = [(Status.OVERLOADED, full)] * 1_000
    assert isinstance(await told(lambda timeout: cell.put("k", "x", timeout=timeout), "the queue"), Overloaded)


async def test_an_unknown_session_that_stays_unknown_is_certainly_not_done(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    fake.refusals = [(Status.UNKNOWN_SESSION, UnknownSession(slot=1, index=0))] * 1_000
    assert isinstance(await told(lambda timeout: cell.put("k", "w", timeout=timeout)), Unavailable)
