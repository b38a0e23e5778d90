"""Readers together, writers alone, and none starves."""

import asyncio

import pytest

from gaios.client import Cell, sync
from gaios.errors import NotAcquired
from tests.client.fake import FakeCell
from tests.client.recipes.parts import handles, holders, until, waiters


async def test_readers_read_together_and_a_writer_waits(fake: FakeCell, cell: Cell, other: Cell) -> None:
    one, two = cell.rwlock("book"), other.rwlock("book")
    async with one.read(), two.read() as held:
        assert holders(fake, "/locks/book") == 2
        held.check()
        with pytest.raises(NotAcquired):
            async with one.write(wait=0):
                raise AssertionError
    async with two.write(wait=0), asyncio.timeout(60):
        with pytest.raises(NotAcquired):
            async with one.read(wait=0):
                raise AssertionError
    assert handles(fake) == 0


async def test_a_reader_that_comes_after_a_writer_waits_behind_it(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """[CHUBBY §2.4] Readers that keep coming would let no writer in."""
    order: list[str] = []

    async def enter(lock: object, name: str) -> None:
        async with lock:  # type: ignore[attr-defined]
            order.append(name)

    book = other.rwlock("book")
    async with cell.rwlock("book").read():
        writing = asyncio.ensure_future(enter(book.write(), "writer"))
        await until(lambda: waiters(fake, "/locks/book") == 1)
        reading = asyncio.ensure_future(enter(book.read(), "reader"))
        await until(lambda: waiters(fake, "/locks/book") == 2)
        assert order == []
    await asyncio.gather(writing, reading)
    assert order == ["writer", "reader"]


def test_the_twin_has_both(twin: sync.Cell) -> None:
    book = twin.rwlock("book")
    with book.read() as one, book.read() as two:
        assert one.sequencer.shared
        two.check()
        with pytest.raises(NotAcquired), book.write(wait=0):
            raise AssertionError
    with book.write(wait=0) as held:
        assert not held.sequencer.shared
