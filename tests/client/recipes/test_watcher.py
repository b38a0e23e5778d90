"""A function that is told of every change: once, in order, whatever is compacted."""

import asyncio
import sys
import threading
from typing import Any

import pytest

from gaios.api import Event
from gaios.client import Cell, sync
from gaios.client.recipes.follow import Batch
from gaios.client.recipes.watcher import _missed
from gaios.errors import InvalidCommand
from tests.client.cellar import wait
from tests.client.fake import FakeCell
from tests.client.recipes.parts import until


def shown(events: list[Event]) -> list[tuple[bytes, bytes | None]]:
    return [(event.key, event.value) for event in events]


async def test_it_is_told_what_stands_and_then_every_change(cell: Cell, other: Cell) -> None:
    await cell.put("w/2", "a")
    await cell.put("w/1", "b")
    told: list[Event] = []

    @cell.on_change("w/", prefix=True)
    async def watcher(event: Event) -> None:
        await asyncio.sleep(0)
        told.append(event)

    await until(lambda: len(told) == 2)
    assert shown(told) == [(b"w/2", b"a"), (b"w/1", b"b")]  # in the order in which they were written
    for number in range(50):
        await other.put("w/3", str(number))
    await other.delete("w/1")
    await until(lambda: len(told) == 53)
    assert shown(told[2:]) == [*((b"w/3", b"%d" % number) for number in range(50)), (b"w/1", None)]
    await watcher.aclose()
    await other.put("w/4", "c")
    assert len(told) == 53
    await watcher.wait()


async def test_what_was_compacted_is_made_up_for(fake: FakeCell, cell: Cell, other: Cell) -> None:
    """Key by key: what is otherwise than it was."""
    for key in ("w/1", "w/2", "w/3"):
        await cell.put(key, "a")
    told: list[Event] = []

    @cell.on_change("w/", prefix=True)
    async def watcher(event: Event) -> None:
        told.append(event)

    await until(lambda: len(told) == 3 and len(fake.watches) == 1)
    fake.replicas[0].is_frozen = True
    fake.master = 2
    await other.delete("w/1")
    await other.put("w/3", "b")
    await other.put("w/3", "c")
    await other.compact((await other.put("w/4", "d")).revision)
    for connection in fake.connections():
        if connection.replica.is_frozen:
            connection.transport.abort()
    fake.replicas[0].thaw()
    await until(lambda: len(told) == 6)
    assert shown(told[3:]) == [(b"w/3", b"c"), (b"w/4", b"d"), (b"w/1", None)]
    await other.put("w/1", "e")
    await until(lambda: len(told) == 7)
    await watcher.aclose()


def test_nothing_is_missed_where_nothing_changed() -> None:
    assert _missed({}, Batch(5, ())) == []
    assert _missed({b"k": 3}, Batch(5, ())) == [Event(b"k", None, 0, 0, 5)]


async def test_an_error_of_the_function_ends_it(cell: Cell) -> None:
    await cell.put("w", "1")
    told: list[Event] = []

    @cell.on_change("w")
    async def watcher(event: Event) -> None:
        told.append(event)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await watcher.wait()
    assert len(told) == 1


async def test_an_error_that_nobody_waits_for_is_reported(cell: Cell) -> None:
    loop = asyncio.get_running_loop()
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    await cell.put("w", "1")

    @cell.on_change("w")
    async def watcher(event: Event) -> None:
        raise ZeroDivisionError

    await until(lambda: reported)
    assert isinstance(reported[0]["exception"], ZeroDivisionError)
    await watcher.aclose()


async def test_it_ends_with_its_client(fake: FakeCell, cell: Cell) -> None:
    @cell.on_change("w")
    async def watcher(event: Event) -> None:
        raise AssertionError

    await until(lambda: len(fake.watches) == 1)
    await cell.close()
    await watcher.wait()


async def test_what_makes_no_sense_is_refused_where_it_is_written(cell: Cell) -> None:
    with pytest.raises(InvalidCommand):
        cell.on_change("w", "x", prefix=True)


def test_a_thread_is_told(twin: sync.Cell) -> None:
    twin.put("w/1", "a")
    told: list[tuple[bytes, str]] = []

    @twin.on_change("w/", prefix=True)
    def watcher(event: Event) -> None:
        told.append((event.key, threading.current_thread().name))

    twin.put("w/2", "b")
    wait(lambda: len(told) == 2)
    assert [key for key, _ in told] == [b"w/1", b"w/2"]
    assert all(name.startswith("gaios-watcher") for _, name in told)
    watcher.close()

    @twin.on_change("w/", prefix=True)
    def failing(event: Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing.wait()

    @twin.on_change("w/", prefix=True)
    def leaving(event: Event) -> None:
        sys.exit(3)

    with pytest.raises(SystemExit):
        leaving.wait()
    assert twin.get("w/1") is not None  # the private loop goes on
